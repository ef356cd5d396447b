/* See logsink.h. */
#include "daemon/logsink.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#define LINE_BYTES_MAX	1100

static const char *program_name = "lunet";

static const int priorities[] = {
	[LOG_LEVEL_ERROR]	= LOG_ERR,
	[LOG_LEVEL_WARNING]	= LOG_WARNING,
	[LOG_LEVEL_INFO]	= LOG_INFO,
	[LOG_LEVEL_DEBUG]	= LOG_DEBUG,
};

/* One write for a line, so that lines of several threads do not mix. */
static void
stderr_write(const char *text, int bytes)
{
	if (bytes >= LINE_BYTES_MAX)
		bytes = LINE_BYTES_MAX - 1;
	if (bytes > 0 && write(STDERR_FILENO, text, (size_t)bytes) < 0)
		return;		/* nobody is left to tell */
}

static void
sink_plain(enum log_level level, const char *line)
{
	char text[LINE_BYTES_MAX];

	stderr_write(text, snprintf(text, sizeof(text), "%s: %s: %s\n",
	    program_name, log_level_name(level), line));
}

static void
sink_journal(enum log_level level, const char *line)
{
	char text[LINE_BYTES_MAX];

	stderr_write(text, snprintf(text, sizeof(text), "<%d>%s\n",
	    priorities[level], line));
}

static void
sink_syslog(enum log_level level, const char *line)
{
	syslog(priorities[level], "%s", line);
}

bool
logsink_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream != NULL &&
	    sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) == 2 &&
	    fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void
logsink_open(const char *program, bool is_foreground, enum log_level level)
{
	program_name = program;
	if (logsink_is_journal(STDERR_FILENO)) {
		log_open(sink_journal, level);
	} else if (is_foreground) {
		log_open(sink_plain, level);
	} else {
		openlog(program, LOG_PID, LOG_DAEMON);
		log_open(sink_syslog, level);
	}
}
