/* What survives power loss: generations, torn and damaged files. */
#include "target/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "scratch.h"
#include "test.h"

static const uint8_t uuid[16] = { 0x5b, 0x1f, 0x8c, 0x9e, 0x0d, 0x2a, 0x4c,
	0x31, 0xa7, 0x64, 0x10, 0x99, 0xee, 0x42, 0x73, 0x0f };
#define NAME "5b1f8c9e-0d2a-4c31-a764-1099ee42730f"

static struct keep_folder *folder;
static struct keeper *keeper;
static struct error error;
static uint8_t file[KEEPER_FILE_BYTES];

static const char *
folder_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/reservations", scratch());
	return path;
}

static const char *
path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder_path(), name);
	return path;
}

static bool
is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

static void
file_read(void)
{
	int fd = open(path_of(NAME), O_RDONLY);

	CHECK(fd >= 0);
	CHECK_EQ(KEEPER_FILE_BYTES, read(fd, file, sizeof(file)));
	close(fd);
}

static void
file_write(const uint8_t *bytes, size_t count)
{
	int fd = open(path_of(NAME), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(count, write(fd, bytes, count));
	close(fd);
}

/* A new process, as it were. */
static bool
reopen(void)
{
	keeper_close(keeper);
	keep_folder_close(folder);
	keeper = NULL;
	folder = NULL;
	CHECK(keep_folder_open(&folder, KEEP_RESERVATIONS,
	    folder_path(), &error));
	return keeper_open(&keeper, folder, uuid, &error);
}

static void
begin(void)
{
	(void)unlink(path_of(NAME));
	CHECK(reopen());
}

static void
end(void)
{
	keeper_close(keeper);
	keep_folder_close(folder);
	keeper = NULL;
	folder = NULL;
}

static void
keep(const char *text)
{
	CHECK(keeper_write(keeper, span_of_text(text), &error));
}

static void
check_kept(const char *text)
{
	struct span kept = keeper_kept(keeper);

	CHECK_EQ(strlen(text), kept.bytes);
	CHECK_BYTES(text, kept.data, kept.bytes);
}

TEST(nothing_is_kept_at_first_and_no_file_is_made)
{
	begin();
	check_kept("");
	CHECK(!is_there(NAME));
	end();
}

TEST(the_last_bytes_come_back)
{
	static const char *const texts[] = { "one", "the second", "3", "four" };

	begin();
	for (size_t i = 0; i < 4; i++) {
		keep(texts[i]);
		if (i % 2 == 0)
			CHECK(reopen());
	}
	CHECK(reopen());
	check_kept("four");
	CHECK(!is_there(NAME ".new"));
	end();
}

TEST(file_and_folder_are_for_their_owner_alone)
{
	struct stat st;

	begin();
	keep("x");
	CHECK_EQ(0, stat(path_of(NAME), &st));
	CHECK_EQ(0600, st.st_mode & 0777);
	CHECK_EQ(KEEPER_FILE_BYTES, st.st_size);
	CHECK_EQ(0, stat(folder_path(), &st));
	CHECK_EQ(0700, st.st_mode & 0777);
	CHECK_TEXT(path_of(NAME), keeper_path(keeper));
	end();
}

TEST(bytes_of_every_length_up_to_the_limit_are_kept)
{
	static const size_t lengths[] = { 1, 4075, 4076, 4077, 8192,
		KEEPER_BYTES_MAX - 1, KEEPER_BYTES_MAX };
	uint8_t *bytes = malloc(KEEPER_BYTES_MAX);

	CHECK(bytes != NULL);
	memset(bytes, 0x5a, KEEPER_BYTES_MAX);
	begin();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		CHECK(keeper_write(keeper, span_of(bytes, lengths[i]),
		    &error));
		CHECK(reopen());
		CHECK_EQ(lengths[i], keeper_kept(keeper).bytes);
		CHECK_BYTES(bytes, keeper_kept(keeper).data, lengths[i]);
	}
	end();
	free(bytes);
}

TEST(keeping_nothing_removes_the_file)
{
	begin();
	keep("x");
	CHECK(is_there(NAME));
	CHECK(keeper_write(keeper, span_of("", 0), &error));
	CHECK(!is_there(NAME));
	CHECK(keeper_write(keeper, span_of("", 0), &error));
	CHECK(reopen());
	check_kept("");
	keep("again");
	CHECK(reopen());
	check_kept("again");
	end();
}

/* A power cut at any byte of any of the writes: the bytes before or those
 * after, and never a refusal. */
TEST(a_write_that_is_torn_at_any_byte_leaves_the_old_or_the_new)
{
	static uint8_t before[KEEPER_FILE_BYTES], after[KEEPER_FILE_BYTES];
	static uint8_t torn[KEEPER_FILE_BYTES];

	for (unsigned round = 0; round < 2; round++) {
		size_t slot = KEEPER_HEAD_BYTES + (round == 0) *
		    KEEPER_SLOT_BYTES;

		begin();
		keep("before the first");
		if (round == 1)
			keep("the old bytes");
		file_read();
		memcpy(before, file, sizeof(file));
		keep("the new bytes, which are longer");
		file_read();
		memcpy(after, file, sizeof(file));

		/* The slot comes first, ... */
		memcpy(torn, before, sizeof(torn));
		for (size_t n = 0; n <= 4096; n++) {
			memcpy(torn + slot, after + slot, n);
			file_write(torn, sizeof(torn));
			CHECK(reopen());
			check_kept(round == 0 ? "before the first" :
			    "the old bytes");
			if (n == 64)
				n = 4000;
		}
		/* ... and then the head. */
		for (size_t n = 0; n <= 64; n++) {
			memcpy(torn, after, n);
			file_write(torn, sizeof(torn));
			CHECK(reopen());
			CHECK(keeper_kept(keeper).bytes == 31 || n < 40);
			if (n >= 40)
				check_kept("the new bytes, which are longer");
			/* Whatever it was, it can be gone on from. */
			keep("next");
			CHECK(reopen());
			check_kept("next");
		}
		end();
	}
}

/* What is read after the head was torn is one of the two, whole. */
TEST(a_torn_head_means_one_of_two_whole_generations)
{
	static uint8_t torn[KEEPER_FILE_BYTES];

	begin();
	keep("first");
	keep("second");
	file_read();
	for (size_t n = 0; n < 40; n++) {
		memcpy(torn, file, sizeof(file));
		torn[n] ^= 0xff;
		file_write(torn, sizeof(torn));
		CHECK(reopen());
		check_kept("second");
	}
	end();
}

/* What was promised is damaged: no older state takes its place. */
TEST(a_damaged_current_generation_is_refused_at_every_byte)
{
	static uint8_t damaged[KEEPER_FILE_BYTES];
	size_t slot = KEEPER_HEAD_BYTES + KEEPER_SLOT_BYTES;

	begin();
	keep("first");
	keep("second");
	file_read();
	for (size_t n = 0; n < KEEPER_SLOT_HEADER_BYTES + 6; n++) {
		memcpy(damaged, file, sizeof(file));
		damaged[slot + n] ^= 0x10;
		file_write(damaged, sizeof(damaged));
		CHECK(!reopen());
		CHECK_EQ(EBADMSG, error.code);
		CHECK(strstr(error.text, NAME ": damaged: ") != NULL);
		CHECK(strstr(error.text, "remove it") != NULL);
		/* The other one as well. */
		damaged[KEEPER_HEAD_BYTES + n] ^= 0x10;
		file_write(damaged, sizeof(damaged));
		CHECK(!reopen());
	}
	end();
}

TEST(head_and_a_generation_damaged_is_refused)
{
	for (unsigned i = 0; i < 2; i++) {
		begin();
		keep("first");
		keep("second");
		file_read();
		file[9] ^= 1;
		file[KEEPER_HEAD_BYTES + i * KEEPER_SLOT_BYTES + 20] ^= 1;
		file_write(file, sizeof(file));
		CHECK(!reopen());
		CHECK(strstr(error.text, "damaged: bad checksum of the head")
		    != NULL);
		end();
	}
}

TEST(a_file_of_another_size_is_refused)
{
	static const size_t sizes[] = { 0, 1, 40, 4096, KEEPER_HEAD_BYTES +
		KEEPER_SLOT_BYTES, KEEPER_FILE_BYTES - 1 };

	begin();
	keep("x");
	file_read();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		file_write(file, sizes[i]);
		CHECK(!reopen());
		CHECK_EQ(EBADMSG, error.code);
	}
	end();
}

TEST(the_file_of_another_unit_is_refused)
{
	static const uint8_t other[16] = { 1 };
	struct keeper *k;
	char own[256];

	begin();
	keep("x");
	strcpy(own, path_of(NAME));
	CHECK_EQ(0, rename(own,
	    path_of("01000000-0000-0000-0000-000000000000")));
	CHECK(!keeper_open(&k, folder, other, &error));
	CHECK(strstr(error.text, "another unit") != NULL);
	end();
}

/* -- what cannot be written ------------------------------------------------ */

static void
limit_files(rlim_t bytes)
{
	struct rlimit limit;

	(void)signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(0, getrlimit(RLIMIT_FSIZE, &limit));
	limit.rlim_cur = bytes;
	CHECK_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
}

TEST(the_first_bytes_that_cannot_be_kept_leave_nothing_behind)
{
	begin();
	limit_files(8192);
	CHECK(!keeper_write(keeper, span_of_text("x"), &error));
	limit_files(RLIM_INFINITY);
	CHECK(strstr(error.text, NAME ": ") != NULL);
	CHECK(!is_there(NAME));
	CHECK(!is_there(NAME ".new"));
	CHECK(reopen());
	check_kept("");
	keep("y");
	CHECK(reopen());
	check_kept("y");
	end();
}

TEST(later_bytes_need_no_space_and_a_failure_leaves_the_old)
{
	begin();
	keep("old");
	/* No file may grow, and this one need not. */
	limit_files(KEEPER_FILE_BYTES);
	keep("newer");
	limit_files(KEEPER_HEAD_BYTES);
	CHECK(!keeper_write(keeper, span_of_text("lost"), &error));
	CHECK(!keeper_write(keeper, span_of_text("lost"), &error));
	limit_files(RLIM_INFINITY);
	CHECK(reopen());
	check_kept("newer");
	keep("newest");
	CHECK(reopen());
	check_kept("newest");
	end();
}

TEST(a_file_that_somebody_removed_is_made_again)
{
	begin();
	keep("one");
	keep("two");
	CHECK_EQ(0, unlink(path_of(NAME)));
	keep("three");
	CHECK_EQ(0, truncate(path_of(NAME), 100));
	keep("four");
	CHECK(reopen());
	check_kept("four");
	end();
}

TEST(a_link_in_its_place_is_not_followed)
{
	begin();
	CHECK_EQ(0, symlink("/dev/zero", path_of(NAME)));
	CHECK(!reopen());
	CHECK_EQ(0, unlink(path_of(NAME)));
	end();
}

TEST(a_folder_that_cannot_be_made_is_refused_in_words)
{
	CHECK(!keep_folder_open(&folder, KEEP_RESERVATIONS,
	    "/proc/nowhere/reservations",
	    &error));
	CHECK_TEXT("reservations /proc/nowhere/reservations: "
	    "no such file or directory", error.text);
}

TESTS(nothing_is_kept_at_first_and_no_file_is_made, the_last_bytes_come_back,
    file_and_folder_are_for_their_owner_alone,
    bytes_of_every_length_up_to_the_limit_are_kept,
    keeping_nothing_removes_the_file,
    a_write_that_is_torn_at_any_byte_leaves_the_old_or_the_new,
    a_torn_head_means_one_of_two_whole_generations,
    a_damaged_current_generation_is_refused_at_every_byte,
    head_and_a_generation_damaged_is_refused,
    a_file_of_another_size_is_refused, the_file_of_another_unit_is_refused,
    the_first_bytes_that_cannot_be_kept_leave_nothing_behind,
    later_bytes_need_no_space_and_a_failure_leaves_the_old,
    a_file_that_somebody_removed_is_made_again,
    a_link_in_its_place_is_not_followed,
    a_folder_that_cannot_be_made_is_refused_in_words)
