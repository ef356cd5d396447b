/* See process.h. */
#include "process.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
add_run_time(const char *task, struct process_use *use)
{
	char path[300];
	uint64_t ns;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/schedstat", task);
	if ((f = fopen(path, "r")) == NULL)
		return;
	if (fscanf(f, "%" SCNu64, &ns) == 1)
		use->cpu_ns += ns;
	(void)fclose(f);
}

/* The lines of status that end in "voluntary_ctxt_switches:" and VmRSS, which
 * is the same in every task. */
static void
add_status(const char *task, struct process_use *use)
{
	char path[300], line[200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/status", task);
	if ((f = fopen(path, "r")) == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL) {
		const char *colon = strchr(line, ':');

		if (colon == NULL)
			continue;
		if (strstr(line, "voluntary_ctxt_switches:") != NULL)
			use->switches += strtoull(colon + 1, NULL, 10);
		else if (strncmp(line, "VmRSS:", 6) == 0)
			use->resident_bytes =
			    strtoull(colon + 1, NULL, 10) * 1024;
	}
	(void)fclose(f);
}

bool
process_look(pid_t pid, struct process_use *use)
{
	char tasks[64], task[64 + 256];
	struct dirent *entry;
	DIR *dir;

	*use = (struct process_use){ 0 };
	(void)snprintf(tasks, sizeof(tasks), "/proc/%d/task", (int)pid);
	if ((dir = opendir(tasks)) == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(task, sizeof(task), "%s/%s", tasks,
		    entry->d_name);
		add_run_time(task, use);
		add_status(task, use);
	}
	(void)closedir(dir);
	return true;
}
