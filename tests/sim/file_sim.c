/* file.h in a simulated world, and the disks behind it; see disk.h. */
#include "reactor/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "sim_reactor.h"

#define PAGE		512u

struct disk {
	int		 fd;
	ino_t		 inode;
	char		 path[32];
	uint64_t	 bytes;
	uint8_t		*stable;
	/* By page: how often written, and up to which of these stable. */
	uint32_t	*written, *safe;
	struct disk_faults faults;
	bool		 can_punch, can_zero;
	bool		 has_failed;
};

/* One request under way. */
struct job {
	struct event	 event;
	struct file_req	*q;
	struct disk	*disk;
	struct job	*next_free;
	/* FILE_DATASYNC: what had been written when it was asked for. */
	uint32_t	*written;
	uint8_t		*image;
	bool		 has_happened;
};

static struct disk disks[DISKS_MAX];
static unsigned disk_count;
/* Descriptors whose disk is known: fd + 1, and which. */
static int known_fds[64];
static unsigned known_disks[64];

static void	job_go(struct event *e);

/* -- disks ------------------------------------------------------------- */

unsigned
disk_new(uint64_t bytes, const struct disk_faults *faults)
{
	struct disk *d = &disks[disk_count];
	struct stat st;

	assert(disk_count < DISKS_MAX);
	*d = (struct disk){ .bytes = bytes, .faults = *faults };
	d->fd = memfd_create("disk", MFD_CLOEXEC);
	if (d->fd < 0 || ftruncate(d->fd, (off_t)bytes) < 0 ||
	    fstat(d->fd, &st) < 0)
		abort();
	d->inode = st.st_ino;
	d->can_punch = chance_percent(85);
	d->can_zero = chance_percent(50);
	(void)snprintf(d->path, sizeof(d->path), "/proc/self/fd/%d", d->fd);
	d->stable = calloc(1, bytes);
	d->written = calloc(bytes / PAGE, sizeof(*d->written));
	d->safe = calloc(bytes / PAGE, sizeof(*d->safe));
	assert(d->stable != NULL && d->written != NULL && d->safe != NULL);
	return disk_count++;
}

const char *
disk_path(unsigned disk)
{
	return disks[disk].path;
}

void
disks_close(void)
{
	for (unsigned i = 0; i < disk_count; i++) {
		(void)close(disks[i].fd);
		free(disks[i].stable);
		free(disks[i].written);
		free(disks[i].safe);
	}
	disk_count = 0;
	memset(known_fds, 0, sizeof(known_fds));
}

const uint8_t *
disk_stable(unsigned disk, uint64_t offset)
{
	return disks[disk].stable + offset;
}

bool
disk_has_failed(unsigned disk)
{
	return disks[disk].has_failed;
}

/* The store has descriptors of its own for the same file. */
static struct disk *
disk_of_fd(int fd)
{
	struct stat st;

	if (fd < 64 && known_fds[fd] == fd + 1)
		return &disks[known_disks[fd]];
	if (fstat(fd, &st) < 0)
		abort();
	for (unsigned i = 0; i < disk_count; i++)
		if (disks[i].inode == st.st_ino) {
			if (fd < 64) {
				known_fds[fd] = fd + 1;
				known_disks[fd] = i;
			}
			return &disks[i];
		}
	abort();
}

/* -- what happens to the disk ------------------------------------------ */

static void
disk_changed(struct disk *d, uint64_t offset, uint64_t bytes, bool is_durable)
{
	uint64_t first = offset / PAGE;
	uint64_t end = (offset + bytes + PAGE - 1) / PAGE;

	for (uint64_t i = first; i < end; i++) {
		d->written[i]++;
		if (is_durable)
			d->safe[i] = d->written[i];
	}
	if (!is_durable)
		return;
	assert(offset % PAGE == 0 && bytes % PAGE == 0);
	if (pread(d->fd, d->stable + offset, bytes, (off_t)offset) !=
	    (ssize_t)bytes)
		abort();
}

static uint64_t
vec_bytes(const struct file_req *q)
{
	uint64_t bytes = 0;

	for (int i = 0; i < q->vec_count; i++)
		bytes += q->vec[i].iov_len;
	return bytes;
}

static void
do_transfer(struct disk *d, struct file_req *q)
{
	uint64_t wanted = vec_bytes(q);
	uint64_t offset = q->offset;
	ssize_t n;

	if (q->op == FILE_READ) {
		if (mutant_is(MUTANT_STALE_READ) && chance_in(50) &&
		    offset + wanted + 4096 <= d->bytes)
			offset += 4096;
		n = preadv(d->fd, q->vec, q->vec_count, (off_t)offset);
	} else if (mutant_is(MUTANT_LOST_WRITE) && chance_in(50)) {
		n = (ssize_t)wanted;
	} else {
		n = pwritev(d->fd, q->vec, q->vec_count, (off_t)offset);
		disk_changed(d, offset, wanted, q->is_dsync &&
		    !mutant_is(MUTANT_FUA_IGNORED));
	}
	if (n != (ssize_t)wanted)
		abort();
	q->done_bytes = wanted;
}

/* Not every file system can do both. */
static int
do_allocate(struct disk *d, struct file_req *q)
{
	bool is_punch = (q->mode & FALLOC_FL_PUNCH_HOLE) != 0;
	uint8_t *zeros;

	if (is_punch ? !d->can_punch : !d->can_zero)
		return EOPNOTSUPP;
	if (is_punch) {
		if (fallocate(d->fd, q->mode, (off_t)q->offset,
		    (off_t)q->length) < 0)
			abort();
	} else {
		zeros = calloc(1, q->length);
		assert(zeros != NULL);
		if (pwrite(d->fd, zeros, q->length, (off_t)q->offset) !=
		    (ssize_t)q->length)
			abort();
		free(zeros);
	}
	disk_changed(d, q->offset, q->length, false);
	return 0;
}

/* Everything written before the flush was asked for, and nothing else: what
 * was written later may still be lost. */
static void
do_flush(struct job *job)
{
	struct disk *d = job->disk;

	if (mutant_is(MUTANT_FLUSH_IGNORED))
		return;
	for (uint64_t i = 0; i < d->bytes / PAGE; i++) {
		if ((int32_t)(job->written[i] - d->safe[i]) <= 0)
			continue;
		memcpy(d->stable + i * PAGE, job->image + i * PAGE, PAGE);
		d->safe[i] = job->written[i];
	}
}

static void
flush_remember(struct job *job)
{
	struct disk *d = job->disk;
	size_t bytes = d->bytes / PAGE * sizeof(*job->written);

	job->written = malloc(bytes);
	job->image = malloc(d->bytes);
	assert(job->written != NULL && job->image != NULL);
	memcpy(job->written, d->written, bytes);
	if (pread(d->fd, job->image, d->bytes, 0) != (ssize_t)d->bytes)
		abort();
}

/* -- requests ---------------------------------------------------------- */

static int
job_fault(const struct job *job)
{
	struct disk *d = job->disk;
	const struct disk_faults *f = &d->faults;
	unsigned percent = 0;
	int error = EIO;

	switch (job->q->op) {
	case FILE_READ:
		percent = f->read_percent;
		break;
	case FILE_WRITE:
	case FILE_ALLOCATE:
		percent = f->write_percent;
		error = f->error;
		break;
	case FILE_DATASYNC:
		percent = f->flush_percent;
		break;
	}
	if (world.is_calm || percent == 0 || !chance_percent(percent))
		return 0;
	d->has_failed = true;
	return error;
}

static void
job_happen(struct job *job)
{
	struct file_req *q = job->q;

	q->error = job_fault(job);
	/* A write that fails may have been done in part, or all of it. */
	if (q->error != 0 && (q->op != FILE_WRITE || chance_percent(50)))
		return;
	switch (q->op) {
	case FILE_READ:
	case FILE_WRITE:
		do_transfer(job->disk, q);
		break;
	case FILE_ALLOCATE:
		q->error = do_allocate(job->disk, q);
		break;
	case FILE_DATASYNC:
		do_flush(job);
		break;
	}
	if (q->error != 0)
		q->done_bytes = 0;
}

static void
job_free(struct job *job)
{
	free(job->written);
	free(job->image);
	free(job);
}

/* MUTANT_LATE_WRITE: a copy of the data is written long after. */
struct late {
	struct event	 event;
	struct disk	*disk;
	uint64_t	 offset, bytes;
	uint8_t		*data;
};

static void
late_go(struct event *e)
{
	struct late *late = CONTAINER_OF(e, struct late, event);

	if (pwrite(late->disk->fd, late->data, late->bytes,
	    (off_t)late->offset) != (ssize_t)late->bytes)
		abort();
	disk_changed(late->disk, late->offset, late->bytes, false);
	free(late->data);
	free(late);
}

static void
write_late(struct job *job)
{
	struct late *late = calloc(1, sizeof(*late));
	struct file_req *q = job->q;
	uint64_t at = 0;

	assert(late != NULL);
	late->disk = job->disk;
	late->offset = q->offset;
	late->bytes = vec_bytes(q);
	late->data = malloc(late->bytes);
	assert(late->data != NULL);
	for (int i = 0; i < q->vec_count; i++) {
		memcpy(late->data + at, q->vec[i].iov_base, q->vec[i].iov_len);
		at += q->vec[i].iov_len;
	}
	q->error = 0;
	q->done_bytes = late->bytes;
	event_init(&late->event, late_go);
	event_in(&late->event, 20 * MS);
}

/* First the effect, later the news of it. */
static void
job_go(struct event *e)
{
	struct job *job = CONTAINER_OF(e, struct job, event);
	struct file_req *q = job->q;

	if (!job->has_happened) {
		job->has_happened = true;
		if (mutant_is(MUTANT_LATE_WRITE) && q->op == FILE_WRITE &&
		    chance_in(20))
			write_late(job);
		else
			job_happen(job);
		if (chance_percent(50)) {
			event_in(e,
			    chance_delay_ns(job->disk->faults.delay_ns));
			return;
		}
	}
	list_append(&q->reactor->files, &q->link);
	sim_reactor_kick(q->reactor);
	job_free(job);
}

void
file_submit(struct reactor *r, struct file_req *q)
{
	struct job *job = calloc(1, sizeof(*job));

	assert(job != NULL);
	q->reactor = r;
	q->error = 0;
	q->done_bytes = 0;
	r->file_count++;
	job->q = q;
	job->disk = disk_of_fd(q->fd);
	event_init(&job->event, job_go);
	if (q->op == FILE_DATASYNC)
		flush_remember(job);
	event_in(&job->event, chance_delay_ns(job->disk->faults.delay_ns));
}

bool
file_try(struct reactor *r, struct file_req *q)
{
	bool is_transfer = q->op == FILE_READ || q->op == FILE_WRITE;

	if (!is_transfer || (q->op == FILE_WRITE && q->is_dsync) ||
	    chance_percent(60))
		return false;
	q->error = 0;
	do_transfer(disk_of_fd(q->fd), q);
	return true;
}

void
sim_files_done(struct reactor *r)
{
	struct list done;
	struct link *l;

	list_init(&done);
	list_splice(&done, &r->files);
	while ((l = list_take(&done)) != NULL) {
		struct file_req *q = CONTAINER_OF(l, struct file_req, link);

		r->file_count--;
		q->done(q);
	}
}
