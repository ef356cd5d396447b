/* See privileges.h. */
#include "daemon/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"

void
privileges_hide_memory(void)
{
	const struct rlimit none = { 0, 0 };
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	/* core(5): a piped core has no limit, but the same filter. */
	if (fd < 0 || write(fd, "0", 1) != 1)
		log_warning("coredump_filter: %s: core files would show "
			    "secrets", error_words(errno));
	if (fd >= 0)
		(void)close(fd);
	if (setrlimit(RLIMIT_CORE, &none) != 0)
		log_warning("RLIMIT_CORE: %s: core files would show secrets",
		    error_words(errno));
}
