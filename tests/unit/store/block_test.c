/* Block devices, by a loop device over a file.  Needs root and a loop device;
 * without them the test says so and leaves with 77. */
#include "rig.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define BLOCK	4096u
#define MIB	(1024u * 1024u)

struct loop {
	struct rig	 g;
	char		 device[32];
	int		 fd;
};

/* A free loop device over a new file; false when there is none to be had. */
static bool
loop_attach(struct loop *l, const char *path, uint32_t block_bytes)
{
	struct loop_config config = {
		.block_size = block_bytes,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR },
	};
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int number, file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK(file >= 0);
	CHECK_EQ(0, ftruncate(file, 8 * MIB));
	number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
	(void)snprintf(l->device, sizeof(l->device), "/dev/loop%d", number);
	l->fd = number < 0 ? -1 : open(l->device, O_RDWR | O_CLOEXEC);
	config.fd = (uint32_t)file;
	if (l->fd >= 0 && ioctl(l->fd, LOOP_CONFIGURE, &config) < 0) {
		(void)close(l->fd);
		l->fd = -1;
	}
	if (control >= 0)
		(void)close(control);
	(void)close(file);
	return l->fd >= 0;
}

static void
loop_start(struct loop *l, uint32_t block_bytes)
{
	rig_start(&l->g);
	if (loop_attach(l, rig_path(&l->g, "disk"), block_bytes))
		return;
	rig_end(&l->g);
	print_message("a loop device is missing, or the right to make one\n");
	exit(77);
}

/* A device that cannot keep more than a mebibyte of its eight: what the page
 * cache has taken beyond that is lost when it is written back. */
static void
loop_start_lossy(struct loop *l)
{
	bool is_ready = rig_can_mount();

	rig_start(&l->g);
	if (is_ready && rig_mount(&l->g, "1m") &&
	    loop_attach(l, rig_path(&l->g, "disk"), 512))
		return;
	rig_end(&l->g);
	print_message("a loop device or a mount namespace is missing\n");
	exit(77);
}

static void
loop_end_lossy(struct loop *l)
{
	CHECK_EQ(EIO, rig_close(&l->g));
	CHECK_EQ(0, close(l->fd));
	rig_unmount(&l->g);
	rig_end(&l->g);
}

/* The device goes when the last descriptor does. */
static void
loop_end(struct loop *l)
{
	if (l->g.s != NULL)
		CHECK_EQ(0, rig_close(&l->g));
	CHECK_EQ(0, close(l->fd));
	rig_end(&l->g);
}

static void
patterns_survive(struct loop *l)
{
	struct rig *g = &l->g;

	rig_open(g, l->device);
	CHECK_EQ(8 * MIB, store_facts(g->s)->size_bytes);
	rig_write_pattern(g, 0, 3 * MIB, 1, 0);
	rig_write_pattern(g, 8 * MIB - BLOCK, BLOCK, 2, STORE_FUA);
	CHECK_EQ(0, rig_flush(g));
	CHECK_EQ(0, rig_close(g));
	rig_open(g, l->device);
	rig_check_pattern(g, 0, 3 * MIB, 1);
	rig_check_pattern(g, 8 * MIB - BLOCK, BLOCK, 2);
	rig_check_extent(g, 0, 8 * MIB, true, 8 * MIB);
	CHECK_EQ(8 * MIB, rig_allocated(g));
}

TEST(a_device_keeps_what_is_written)
{
	struct loop l;

	loop_start(&l, 512);
	patterns_survive(&l);
	CHECK_EQ(512, store_facts(l.g.s)->io_bytes);
	loop_end(&l);
}

TEST(a_device_is_served_past_the_page_cache)
{
	struct loop l;

	loop_start(&l, 512);
	l.g.options.is_direct = true;
	patterns_survive(&l);
	CHECK_EQ(512, store_facts(l.g.s)->io_bytes);
	loop_end(&l);
}

TEST(a_device_of_4096_byte_blocks_is_one)
{
	struct loop l;

	loop_start(&l, 4096);
	patterns_survive(&l);
	CHECK_EQ(4096, store_facts(l.g.s)->io_bytes);
	CHECK_EQ(4096, store_facts(l.g.s)->physical_bytes);
	loop_end(&l);
}

TEST(a_discard_frees_blocks_below_the_device)
{
	struct loop l;
	struct stat before, after;

	loop_start(&l, 512);
	rig_open(&l.g, l.device);
	CHECK(store_facts(l.g.s)->discard_bytes > 0);
	CHECK(store_facts(l.g.s)->is_discard_zeroing);
	rig_write_pattern(&l.g, 0, 8 * MIB, 1, STORE_FUA);
	CHECK_EQ(0, stat(rig_path(&l.g, "disk"), &before));
	CHECK_EQ(0, rig_do(&l.g, STORE_DISCARD, MIB, MIB, STORE_FUA));
	CHECK_EQ(0, rig_do(&l.g, STORE_ZERO, 3 * MIB, MIB, STORE_FUA));
	CHECK_EQ(0, stat(rig_path(&l.g, "disk"), &after));
	CHECK(after.st_blocks <= before.st_blocks - 2 * MIB / 512);
	rig_check_pattern(&l.g, 0, MIB, 1);
	rig_check_zeros(&l.g, MIB, MIB);
	rig_check_pattern(&l.g, 2 * MIB, MIB, 1);
	rig_check_zeros(&l.g, 3 * MIB, MIB);
	CHECK_EQ(0, rig_do(&l.g, STORE_ZERO, 5 * MIB, MIB, STORE_KEEP));
	rig_check_zeros(&l.g, 5 * MIB, MIB);
	CHECK_EQ(0, rig_do(&l.g, STORE_DISCARD, 512, 512, 0));
	rig_check_zeros(&l.g, 512, 512);
	rig_check_pattern(&l.g, 1024, 512, 1);
	loop_end(&l);
}

TEST(a_device_has_one_writer)
{
	struct loop l;
	char wanted[80];
	int other;

	loop_start(&l, 512);
	(void)snprintf(wanted, sizeof(wanted), "%s: in use by another process",
	    l.device);
	other = open(l.device, O_RDONLY | O_EXCL);
	CHECK(other >= 0);
	CHECK_TEXT(wanted, rig_open_fails(&l.g, l.device));
	CHECK_EQ(0, close(other));
	rig_open(&l.g, l.device);
	CHECK_EQ(-1, open(l.device, O_RDONLY | O_EXCL));
	CHECK_EQ(EBUSY, errno);
	CHECK_TEXT(wanted, rig_open_fails(&l.g, l.device));
	l.g.options.is_read_only = true;
	CHECK_TEXT(wanted, rig_open_fails(&l.g, l.device));
	loop_end(&l);
}

TEST(a_device_grows_only_from_outside)
{
	struct loop l;
	struct error e;

	loop_start(&l, 512);
	rig_open(&l.g, l.device);
	CHECK(!store_resize(l.g.s, 16 * MIB, &e));
	CHECK(strstr(e.text, "the size of a block device cannot be set") !=
	    NULL);
	CHECK_EQ(0, truncate(rig_path(&l.g, "disk"), 12 * MIB));
	CHECK_EQ(0, ioctl(l.fd, LOOP_SET_CAPACITY, 0));
	CHECK(store_resize(l.g.s, 0, &e));
	CHECK_EQ(12 * MIB, store_facts(l.g.s)->size_bytes);
	rig_check_zeros(&l.g, 8 * MIB, 4 * MIB);
	rig_write_pattern(&l.g, 11 * MIB, MIB, 1, STORE_FUA);
	rig_check_pattern(&l.g, 11 * MIB, MIB, 1);
	loop_end(&l);
}

TEST(a_device_that_lost_its_end_fails_there)
{
	struct loop l;
	uint8_t *bytes = rig_buffer(BLOCK);

	memset(bytes, 1, BLOCK);
	loop_start(&l, 512);
	rig_open(&l.g, l.device);
	rig_write_pattern(&l.g, 0, BLOCK, 1, STORE_FUA);
	CHECK_EQ(0, truncate(rig_path(&l.g, "disk"), MIB));
	CHECK_EQ(0, ioctl(l.fd, LOOP_SET_CAPACITY, 0));
	CHECK_EQ(EIO, rig_read(&l.g, 4 * MIB, bytes, BLOCK));
	CHECK(rig_write(&l.g, 4 * MIB, bytes, BLOCK, 0) != 0);
	rig_check_pattern(&l.g, 0, BLOCK, 1);
	free(bytes);
	loop_end(&l);
}

TEST(a_lost_write_back_fails_every_flush_from_then_on)
{
	struct loop l;
	uint8_t *bytes = rig_buffer(BLOCK);

	loop_start_lossy(&l);
	rig_open(&l.g, l.device);
	rig_write_pattern(&l.g, 0, 4 * MIB, 1, 0);
	CHECK_EQ(EIO, rig_flush(&l.g));
	CHECK_EQ(EIO, rig_flush(&l.g));
	memset(bytes, 1, BLOCK);
	CHECK_EQ(EIO, rig_write(&l.g, 0, bytes, BLOCK, STORE_FUA));
	free(bytes);
	loop_end_lossy(&l);
}

/* The write-back fails unseen, and a durable write to a safe place takes the
 * report of it: the flush hears of it all the same. */
TEST(a_durable_write_cannot_hide_a_lost_one)
{
	struct loop l;
	uint8_t *bytes = rig_buffer(BLOCK);

	loop_start_lossy(&l);
	rig_open(&l.g, l.device);
	rig_write_pattern(&l.g, 0, MIB / 2, 1, STORE_FUA);
	rig_write_pattern(&l.g, 2 * MIB, 4 * MIB, 2, 0);
	(void)sync_file_range(l.fd, 0, 0, SYNC_FILE_RANGE_WRITE |
	    SYNC_FILE_RANGE_WAIT_AFTER);
	memset(bytes, 1, BLOCK);
	(void)rig_write(&l.g, 0, bytes, BLOCK, STORE_FUA);
	CHECK_EQ(EIO, rig_flush(&l.g));
	CHECK_EQ(EIO, rig_flush(&l.g));
	free(bytes);
	loop_end_lossy(&l);
}

TEST(a_durable_write_that_is_lost_says_so)
{
	struct loop l;
	uint8_t *bytes = rig_buffer(4 * MIB);

	loop_start_lossy(&l);
	rig_open(&l.g, l.device);
	memset(bytes, 1, 4 * MIB);
	CHECK(rig_write(&l.g, 0, bytes, 4 * MIB, STORE_FUA) != 0);
	CHECK_EQ(EIO, rig_flush(&l.g));
	free(bytes);
	loop_end_lossy(&l);
}

TESTS(a_device_keeps_what_is_written, a_device_is_served_past_the_page_cache,
    a_device_of_4096_byte_blocks_is_one,
    a_discard_frees_blocks_below_the_device, a_device_has_one_writer,
    a_device_grows_only_from_outside, a_device_that_lost_its_end_fails_there,
    a_lost_write_back_fails_every_flush_from_then_on,
    a_durable_write_cannot_hide_a_lost_one,
    a_durable_write_that_is_lost_says_so)
