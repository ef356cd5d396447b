/* What systemd is told: the protocol of sd_notify(3), by hand.
 *
 * Without NOTIFY_SOCKET in the environment nothing happens.  Sending never
 * blocks and never fails the caller: a manager that does not listen restarts us
 * if it likes.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include <stdint.h>

/* Once, at start. */
void	notify_open(void);

void	notify_ready(const char *status);	/* a line for systemctl status */
void	notify_status(const char *status);
void	notify_reloading(uint64_t now_monotonic_us);
void	notify_stopping(void);
void	notify_watchdog(void);

/* How often notify_watchdog() is wanted: half of WATCHDOG_USEC; 0 for never. */
uint64_t notify_watchdog_interval_ns(void);

void	notify_close(void);

#endif
