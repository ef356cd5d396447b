/* Opening, creating, locking, resizing and measuring files. */
#include "rig.h"

#include <fcntl.h>
#include <sys/stat.h>

#define BLOCK	4096u
#define MIB	(1024u * 1024u)

static void
make_file(struct rig *g, const char *name, uint64_t bytes, mode_t mode)
{
	int fd = open(rig_path(g, name), O_WRONLY | O_CREAT, mode);

	CHECK(fd >= 0);
	CHECK_EQ(0, ftruncate(fd, (off_t)bytes));
	CHECK_EQ(0, close(fd));
}

TEST(facts_of_a_file)
{
	struct rig g;
	const struct store_facts *f;

	rig_start(&g);
	make_file(&g, "a.img", 3 * MIB + 100, 0600);
	rig_open(&g, "@/a.img");
	f = store_facts(g.s);
	CHECK_EQ(3 * MIB + 100, f->size_bytes);
	CHECK_EQ(1, f->io_bytes);
	CHECK(f->physical_bytes >= 512);
	CHECK_EQ(f->physical_bytes, f->discard_bytes);
	CHECK(f->is_volatile && f->is_thin && f->is_discard_zeroing);
	CHECK(!f->is_read_only);
	rig_end(&g);
}

TEST(direct_io_serves_whole_blocks)
{
	struct rig g;
	const struct store_facts *f;

	rig_start(&g);
	make_file(&g, "a.img", 3 * MIB + 100, 0600);
	g.options.is_direct = true;
	rig_open(&g, "@/a.img");
	f = store_facts(g.s);
	CHECK_EQ(3 * MIB, f->size_bytes);
	CHECK(f->io_bytes >= 512 && f->io_bytes <= 4096);
	rig_end(&g);
}

TEST(write_through_is_not_volatile)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	g.options.is_write_through = true;
	rig_open(&g, "@/a.img");
	CHECK(!store_facts(g.s)->is_volatile);
	rig_end(&g);
}

TEST(thick_files_free_nothing)
{
	struct rig g;

	rig_start(&g);
	g.options.size_bytes = MIB;
	g.options.is_thick = true;
	rig_open(&g, "@/a.img");
	CHECK(!store_facts(g.s)->is_thin);
	CHECK_EQ(0, store_facts(g.s)->discard_bytes);
	CHECK(store_facts(g.s)->is_discard_zeroing);
	rig_end(&g);
}

TEST(a_missing_file_is_created_sparse_and_private)
{
	struct rig g;
	struct stat st;
	mode_t before = umask(0);

	rig_start(&g);
	g.options.size_bytes = 10ull << 30;
	rig_open(&g, "file:@/a.img");
	CHECK_EQ(0, stat(rig_path(&g, "a.img"), &st));
	CHECK_EQ(10ll << 30, st.st_size);
	CHECK_EQ(0600, st.st_mode & 07777);
	CHECK(st.st_blocks < 100);
	CHECK_EQ(0, rig_close(&g));
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	CHECK_EQ(10ull << 30, store_facts(g.s)->size_bytes);
	rig_end(&g);
	(void)umask(before);
}

TEST(what_cannot_be_opened_is_said_in_words)
{
	struct rig g;

	rig_start(&g);
	CHECK_TEXT("/a.img: no such file", rig_open_fails(&g, "@/a.img"));
	CHECK_TEXT(": is a directory", rig_open_fails(&g, "@"));
	make_file(&g, "empty", 0, 0600);
	CHECK_TEXT("/empty: is empty", rig_open_fails(&g, "@/empty"));
	CHECK_EQ(0, mkfifo(rig_path(&g, "fifo"), 0600));
	CHECK_TEXT("/fifo: is neither a file nor a block device",
	    rig_open_fails(&g, "@/fifo"));
	CHECK_TEXT("/dev/null: is neither a file nor a block device",
	    rig_open_fails(&g, "/dev/null"));
	CHECK_TEXT("/empty/a.img: not a directory",
	    rig_open_fails(&g, "@/empty/a.img"));
	g.options.size_bytes = MIB;
	CHECK_TEXT("/no/a.img: no such file", rig_open_fails(&g, "@/no/a.img"));
	CHECK_TEXT("/dev/no-such-disk: no such device",
	    rig_open_fails(&g, "/dev/no-such-disk"));
	g.options.is_read_only = true;
	CHECK_TEXT("/a.img: no such file, and none is created to be read only",
	    rig_open_fails(&g, "@/a.img"));
	rig_end(&g);
}

/* Root may open everything, so a test that runs as root is nobody for once. */
TEST(a_file_without_permission_is_refused)
{
	struct rig g;
	bool is_root = geteuid() == 0;

	rig_start(&g);
	make_file(&g, "a.img", MIB, 0);
	CHECK_EQ(0, chmod(g.folder, 0755));
	if (is_root)
		CHECK_EQ(0, seteuid(65534));
	CHECK_TEXT("/a.img: permission denied",
	    rig_open_fails(&g, "@/a.img"));
	if (is_root)
		CHECK_EQ(0, seteuid(0));
	rig_end(&g);
}

TEST(a_file_smaller_than_a_direct_block_is_empty)
{
	struct rig g;

	rig_start(&g);
	make_file(&g, "a.img", 100, 0600);
	g.options.is_direct = true;
	CHECK_TEXT("/a.img: is empty", rig_open_fails(&g, "@/a.img"));
	rig_end(&g);
}

TEST(a_file_that_cannot_get_its_size_is_not_left_behind)
{
	struct rig g;
	struct stat st;

	rig_start(&g);
	g.options.size_bytes = UINT64_MAX;
	CHECK_TEXT("/a.img: cannot be 18446744073709551615 bytes long: file "
	    "too large", rig_open_fails(&g, "@/a.img"));
	CHECK_EQ(-1, stat(rig_path(&g, "a.img"), &st));
	g.options.is_thick = true;
	g.options.size_bytes = 1ull << 43;
	CHECK_TEXT("/a.img: cannot be 8796093022208 bytes long: no space left "
	    "on device", rig_open_fails(&g, "@/a.img"));
	CHECK_EQ(-1, stat(rig_path(&g, "a.img"), &st));
	rig_end(&g);
}

TEST(two_writers_exclude_each_other_and_readers_do_not)
{
	struct rig g;
	struct store *first;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	first = g.s;
	CHECK_TEXT("/a.img: in use by another process",
	    rig_open_fails(&g, "@/a.img"));
	g.options.is_read_only = true;
	CHECK_TEXT("/a.img: in use by another process",
	    rig_open_fails(&g, "@/a.img"));
	CHECK(store_close(first, &e));
	g.s = NULL;
	rig_open(&g, "@/a.img");
	first = g.s;
	g.s = NULL;
	rig_open(&g, "@/a.img");
	CHECK(store_close(first, &e));
	g.options.is_read_only = false;
	CHECK_TEXT("/a.img: in use by another process",
	    rig_open_fails(&g, "@/a.img"));
	CHECK_EQ(0, rig_close(&g));
	rig_open(&g, "@/a.img");
	rig_end(&g);
}

TEST(a_lock_on_some_bytes_is_respected)
{
	struct rig g;
	struct flock lock = { .l_type = F_RDLCK, .l_whence = SEEK_SET,
		.l_start = 100, .l_len = 1 };
	int fd;

	rig_start(&g);
	make_file(&g, "a.img", MIB, 0600);
	fd = open(rig_path(&g, "a.img"), O_RDONLY);
	CHECK_EQ(0, fcntl(fd, F_OFD_SETLK, &lock));
	CHECK_TEXT("/a.img: in use by another process",
	    rig_open_fails(&g, "@/a.img"));
	CHECK_EQ(0, close(fd));
	rig_open(&g, "@/a.img");
	rig_end(&g);
}

TEST(a_file_grows_from_inside_and_outside)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = MIB;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK(store_resize(g.s, 2 * MIB, &e));
	CHECK_EQ(2 * MIB, store_facts(g.s)->size_bytes);
	rig_check_zeros(&g, MIB, MIB);
	rig_write_pattern(&g, 2 * MIB - BLOCK, BLOCK, 2, 0);
	CHECK_EQ(0, truncate(rig_path(&g, "a.img"), 3 * MIB));
	CHECK_EQ(2 * MIB, store_facts(g.s)->size_bytes);
	CHECK(store_resize(g.s, 0, &e));
	CHECK_EQ(3 * MIB, store_facts(g.s)->size_bytes);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_check_zeros(&g, 2 * MIB, MIB);
	CHECK(store_resize(g.s, BLOCK, &e));
	CHECK_EQ(BLOCK, store_facts(g.s)->size_bytes);
	rig_write_pattern(&g, 0, BLOCK, 3, 0);
	CHECK_EQ(0, rig_flush(&g));
	rig_end(&g);
}

TEST(a_thick_file_grows_thick_and_keeps_its_data)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = MIB;
	g.options.is_thick = true;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, 0);
	CHECK(store_resize(g.s, 4 * MIB, &e));
	CHECK(rig_allocated(&g) >= 4 * MIB);
	rig_check_pattern(&g, 0, MIB, 1);
	rig_check_zeros(&g, MIB, 3 * MIB);
	CHECK(store_resize(g.s, BLOCK, &e));
	rig_check_pattern(&g, 0, BLOCK, 1);
	rig_end(&g);
}

TEST(a_size_that_cannot_be_is_refused_and_changes_nothing)
{
	struct rig g;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = MIB;
	g.options.is_direct = true;
	rig_open(&g, "@/a.img");
	CHECK(!store_resize(g.s, 1000, &e));
	CHECK(strstr(e.text, "the size must be a multiple of") != NULL);
	CHECK(!store_resize(g.s, (uint64_t)1 << 63, &e));
	CHECK(strstr(e.text, "file too large") != NULL);
	CHECK_EQ(MIB, store_facts(g.s)->size_bytes);
	rig_write_pattern(&g, 0, MIB, 1, STORE_FUA);
	CHECK_EQ(0, truncate(rig_path(&g, "a.img"), 0));
	CHECK(!store_resize(g.s, 0, &e));
	CHECK(strstr(e.text, "is empty") != NULL);
	CHECK_EQ(MIB, store_facts(g.s)->size_bytes);
	rig_end(&g);
}

TEST(space_is_what_is_used_and_what_is_left)
{
	struct rig g;
	uint64_t allocated, left;
	struct error e;

	rig_start(&g);
	g.options.size_bytes = 8 * MIB;
	rig_open(&g, "@/a.img");
	rig_write_pattern(&g, 0, MIB, 1, STORE_FUA);
	CHECK(store_space(g.s, &allocated, &left, &e));
	CHECK(allocated >= MIB && allocated < 2 * MIB);
	CHECK(left > 0 && left < UINT64_MAX);
	rig_end(&g);
}

TESTS(facts_of_a_file, direct_io_serves_whole_blocks,
    write_through_is_not_volatile, thick_files_free_nothing,
    a_missing_file_is_created_sparse_and_private,
    what_cannot_be_opened_is_said_in_words,
    a_file_without_permission_is_refused,
    a_file_smaller_than_a_direct_block_is_empty,
    a_file_that_cannot_get_its_size_is_not_left_behind,
    two_writers_exclude_each_other_and_readers_do_not,
    a_lock_on_some_bytes_is_respected, a_file_grows_from_inside_and_outside,
    a_thick_file_grows_thick_and_keeps_its_data,
    a_size_that_cannot_be_is_refused_and_changes_nothing,
    space_is_what_is_used_and_what_is_left)
