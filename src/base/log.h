/* The log interface.  Lines name initiator, target, LUN and reason.
 *
 * Who writes where is decided once, at start, by log_open() of the daemon;
 * until then lines go to stderr.  A line is one write(2), so lines of several
 * threads never mix.  Writing never fails the caller: a full disk or a closed
 * stderr loses log lines, not data.
 *
 * iscsi/ and scsi/ do not log; they return what their caller logs.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

enum log_level {
	LOG_LEVEL_ERROR,	/* somebody has to act */
	LOG_LEVEL_WARNING,	/* somebody should know */
	LOG_LEVEL_INFO,		/* logins, logouts, changes: the default */
	LOG_LEVEL_DEBUG,
};

typedef void log_sink(enum log_level level, const char *line);

/* Send lines to sink (NULL: stderr) and drop those beyond `level`. */
void	log_open(log_sink *sink, enum log_level level);

void	log_set_level(enum log_level level);
enum log_level log_get_level(void);
bool	log_level_parse(const char *word, enum log_level *level);
const char *log_level_name(enum log_level level);

void	log_error(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
void	log_warning(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
void	log_info(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));
void	log_debug(const char *format, ...)
	    __attribute__((format(printf, 1, 2)));

#endif
