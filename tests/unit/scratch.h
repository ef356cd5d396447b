/* A folder for the files of one test program, gone when the program ends. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch_path[64];
static pid_t scratch_owner;

static inline int
scratch_remove_one(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* A child of the test that exits must not take the folder away. */
static inline void
scratch_remove(void)
{
	if (getpid() == scratch_owner)
		nftw(scratch_path, scratch_remove_one, 16,
		    FTW_DEPTH | FTW_PHYS);
}

/* Its path, without a slash at the end; made with the first call. */
static inline const char *
scratch(void)
{
	if (scratch_path[0] == '\0') {
		snprintf(scratch_path, sizeof(scratch_path),
		    "/tmp/lunet-unit-XXXXXX");
		if (mkdtemp(scratch_path) == NULL)
			abort();
		scratch_owner = getpid();
		atexit(scratch_remove);
	}
	return scratch_path;
}

#endif
