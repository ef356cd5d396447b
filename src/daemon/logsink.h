/* Where log lines go: base/log.h asks, this answers.
 *
 *	under the journal	stderr, each line with the priority that
 *				sd-daemon(3) describes: "<4>..."
 *	in the foreground	stderr, "lunetd: warning: ..."
 *	in the background	syslog(3)
 */
#ifndef DAEMON_LOGSINK_H
#define DAEMON_LOGSINK_H

#include <stdbool.h>

#include "base/log.h"

/* Choose, and pass lines up to level.  program is kept.  Before other threads
 * are there. */
void	logsink_open(const char *program, bool is_foreground,
	    enum log_level level);

/* Is stderr the journal?  (JOURNAL_STREAM names the device and inode of it.) */
bool	logsink_is_journal(int fd);

#endif
