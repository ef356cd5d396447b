/* See log.h. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_BYTES_MAX	1024

static const char *const level_names[] = {
	[LOG_LEVEL_ERROR]	= "error",
	[LOG_LEVEL_WARNING]	= "warning",
	[LOG_LEVEL_INFO]	= "info",
	[LOG_LEVEL_DEBUG]	= "debug",
};

static void sink_stderr(enum log_level level, const char *line);

static log_sink *log_to = sink_stderr;
static _Atomic int log_up_to = LOG_LEVEL_INFO;

void
log_open(log_sink *sink, enum log_level level)
{
	log_to = sink != NULL ? sink : sink_stderr;
	log_set_level(level);
}

void
log_set_level(enum log_level level)
{
	atomic_store_explicit(&log_up_to, (int)level, memory_order_relaxed);
}

enum log_level
log_get_level(void)
{
	return (enum log_level)atomic_load_explicit(&log_up_to,
	    memory_order_relaxed);
}

bool
log_level_parse(const char *word, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(word, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	return false;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

/* Control characters that a peer put into a name must not reach a terminal. */
static void
line_make_printable(char *line)
{
	for (char *p = line; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

static void
log_write(enum log_level level, const char *format, va_list args)
{
	char line[LOG_LINE_BYTES_MAX];

	if (level > log_get_level())
		return;
	(void)vsnprintf(line, sizeof(line), format, args);
	line_make_printable(line);
	log_to(level, line);
}

static void
sink_stderr(enum log_level level, const char *line)
{
	char whole[LOG_LINE_BYTES_MAX + 32];
	int bytes = snprintf(whole, sizeof(whole), "lunet: %s: %s\n",
	    level_names[level], line);

	if (bytes > 0 && write(STDERR_FILENO, whole, (size_t)bytes) < 0)
		return;		/* nobody is left to tell */
}

#define LOG_AT(name, level)						\
	void								\
	name(const char *format, ...)					\
	{								\
		va_list args;						\
									\
		va_start(args, format);					\
		log_write(level, format, args);				\
		va_end(args);						\
	}

LOG_AT(log_error, LOG_LEVEL_ERROR)
LOG_AT(log_warning, LOG_LEVEL_WARNING)
LOG_AT(log_info, LOG_LEVEL_INFO)
LOG_AT(log_debug, LOG_LEVEL_DEBUG)
