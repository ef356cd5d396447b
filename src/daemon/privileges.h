/* What the process gives up at start, so that a mistake costs less.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

/* No core file shows our memory, where secrets are: its size limit becomes 0,
 * and for a core that is piped into a program the kernel is told to leave all
 * mappings out.  What the kernel refuses is left as it is, with a line in the
 * log. */
void	privileges_hide_memory(void);

#endif
