/* Disks behind file.h: what is written, and what would be left of it if the
 * power failed now.
 *
 * A disk is a memfd, so that a store opens it like any file.  Beside it lies
 * the stable image: bytes get there by a durable write or by a flush that was
 * asked for after they were written, and in no other way.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stdbool.h>
#include <stdint.h>

#define DISKS_MAX	8

struct disk_faults {
	unsigned	 read_percent, write_percent, flush_percent;
	int		 error;		/* of writes: EIO, ENOSPC */
	uint64_t	 delay_ns;	/* typical */
};

/* Make a disk; its path is good for store_open(). */
unsigned disk_new(uint64_t bytes, const struct disk_faults *faults);
const char *disk_path(unsigned disk);
void	disks_close(void);

/* What a power failure would leave. */
const uint8_t *disk_stable(unsigned disk, uint64_t offset);

/* Has any request of it been failed? */
bool	disk_has_failed(unsigned disk);

#endif
