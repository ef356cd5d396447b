/* See rig.h. */
#include "rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "base/log.h"

#define ALIGN_BYTES	4096

static enum reactor_engine
engine_wanted(void)
{
	const char *name = getenv("LUNET_TEST_ENGINE");

	if (name != NULL && strcmp(name, "epoll") == 0)
		return REACTOR_ENGINE_EPOLL;
	if (name != NULL && strcmp(name, "io_uring") == 0)
		return REACTOR_ENGINE_URING;
	return REACTOR_ENGINE_AUTO;
}

/* What a store says about its file is for operators; tests look at errors. */
static void
log_nothing(enum log_level level, const char *line)
{
}

void
rig_start(struct rig *g)
{
	struct reactor_config config = {
		.cpu = -1,
		.engine = engine_wanted(),
		.buffer_bytes_max = 1024 * 1024,
	};
	const char *top = getenv("TMPDIR");
	struct error e;

	*g = (struct rig){ 0 };
	log_open(log_nothing, LOG_LEVEL_INFO);
	if (!reactor_new(&g->r, &config, &e)) {
		print_message("%s\n", e.text);
		skip();
	}
	(void)snprintf(g->folder, sizeof(g->folder), "%s/lunet-store-XXXXXX",
	    top != NULL ? top : "/tmp");
	assert_non_null(mkdtemp(g->folder));
}

static void
folder_remove(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL)
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	(void)closedir(d);
	(void)rmdir(folder);
}

void
rig_end(struct rig *g)
{
	if (g->s != NULL)
		(void)rig_close(g);
	reactor_free(g->r);
	folder_remove(g->folder);
	log_open(NULL, LOG_LEVEL_INFO);
}

/* -- mounts ------------------------------------------------------------- */

static bool
write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool is_written = fd >= 0 &&
	    write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		(void)close(fd);
	return is_written;
}

/* Root of a namespace of our own, whoever we are outside. */
static bool
become_root_of_mounts(void)
{
	char user[40], group[40];

	if (geteuid() == 0)
		return unshare(CLONE_NEWNS) == 0;
	(void)snprintf(user, sizeof(user), "0 %u 1", geteuid());
	(void)snprintf(group, sizeof(group), "0 %u 1", getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	    write_text("/proc/self/setgroups", "deny") &&
	    write_text("/proc/self/uid_map", user) &&
	    write_text("/proc/self/gid_map", group);
}

bool
rig_can_mount(void)
{
	return become_root_of_mounts() &&
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

bool
rig_mount(struct rig *g, const char *size)
{
	char data[40];

	(void)snprintf(data, sizeof(data), "size=%s", size);
	return mount("lunet", g->folder, "tmpfs", 0, data) == 0;
}

void
rig_unmount(struct rig *g)
{
	CHECK_EQ(0, umount2(g->folder, MNT_DETACH));
}

/* -- stores ------------------------------------------------------------- */

const char *
rig_path(const struct rig *g, const char *name)
{
	static char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", g->folder, name);
	return path;
}

/* Put the folder in for "@". */
static const char *
spec_expand(const struct rig *g, const char *spec)
{
	static char text[1000];
	const char *at = strchr(spec, '@');

	if (at == NULL)
		return spec;
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - spec), spec,
	    g->folder, at + 1);
	return text;
}

void
rig_open(struct rig *g, const char *spec)
{
	struct error e;

	assert_null(g->s);
	if (!store_open(&g->s, spec_expand(g, spec), &g->options, &e))
		fail_msg("%s", e.text);
}

/* The folder's name is left out, so that tests can compare. */
const char *
rig_open_fails(struct rig *g, const char *spec)
{
	static struct error e;
	struct store *s;
	char *at;

	memset(&e, 0, sizeof(e));
	if (store_open(&s, spec_expand(g, spec), &g->options, &e))
		fail_msg("%s was opened", spec);
	CHECK(s == NULL);
	CHECK(e.code != 0);
	while ((at = strstr(e.text, g->folder)) != NULL)
		memmove(at, at + strlen(g->folder),
		    strlen(at + strlen(g->folder)) + 1);
	return e.text;
}

int
rig_close(struct rig *g)
{
	struct error e = { 0 };
	bool is_clean = store_close(g->s, &e);

	g->s = NULL;
	CHECK(is_clean == (e.code == 0));
	return is_clean ? 0 : e.code;
}

/* -- requests ------------------------------------------------------------ */

static void
rig_done(struct store_req *q)
{
	struct rig_req *own = CONTAINER_OF(q, struct rig_req, q);

	CHECK(!own->is_over);
	own->is_over = true;
}

void
rig_begin(struct rig *g, struct rig_req *q)
{
	q->is_over = false;
	q->q.done = rig_done;
	if (store_submit(g->r, g->s, &q->q) == STORE_PENDING)
		return;
	CHECK(!q->is_over);
	q->is_over = true;
}

int
rig_finish(struct rig *g, struct rig_req *q)
{
	while (!q->is_over)
		reactor_turn(g->r, UINT64_MAX);
	CHECK_EQ(0, q->q.saved_count);
	CHECK(q->q.done == rig_done);
	return q->q.error;
}

int
rig_run(struct rig *g, struct rig_req *q)
{
	rig_begin(g, q);
	return rig_finish(g, q);
}

int
rig_read(struct rig *g, uint64_t offset, void *bytes, uint64_t length)
{
	struct iovec vec = { bytes, length };
	struct rig_req q = { .q = { .op = STORE_READ, .offset = offset,
		.length = length, .vec = &vec, .vec_count = 1 } };

	return rig_run(g, &q);
}

int
rig_write(struct rig *g, uint64_t offset, const void *bytes, uint64_t length,
    unsigned flags)
{
	struct iovec vec = { (void *)(uintptr_t)bytes, length };
	struct rig_req q = { .q = { .op = STORE_WRITE, .flags = flags,
		.offset = offset, .length = length, .vec = &vec,
		.vec_count = 1 } };

	return rig_run(g, &q);
}

int
rig_do(struct rig *g, enum store_op op, uint64_t offset, uint64_t length,
    unsigned flags)
{
	struct rig_req q = { .q = { .op = op, .flags = flags,
		.offset = offset, .length = length } };

	return rig_run(g, &q);
}

int
rig_flush(struct rig *g)
{
	return rig_do(g, STORE_FLUSH, 0, 0, 0);
}

/* -- patterns ------------------------------------------------------------ */

void
pattern_fill(void *bytes, uint64_t offset, uint64_t length,
    uint64_t generation)
{
	uint8_t *p = bytes;

	for (uint64_t i = 0; i < length; i++) {
		uint64_t word = ((offset + i) / 8 + 1) * 0x9e3779b97f4a7c15 ^
		    generation * 0xff51afd7ed558ccd;

		p[i] = (uint8_t)(word >> 8 * ((offset + i) % 8)) | 1;
	}
}

void *
rig_buffer(uint64_t length)
{
	void *buffer = aligned_alloc(ALIGN_BYTES,
	    (length + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES);

	assert_non_null(buffer);
	return buffer;
}

void
rig_write_pattern(struct rig *g, uint64_t offset, uint64_t length,
    uint64_t generation, unsigned flags)
{
	void *buffer = rig_buffer(length);

	pattern_fill(buffer, offset, length, generation);
	CHECK_EQ(0, rig_write(g, offset, buffer, length, flags));
	free(buffer);
}

void
rig_check_pattern(struct rig *g, uint64_t offset, uint64_t length,
    uint64_t generation)
{
	uint8_t *wanted = rig_buffer(length), *got = rig_buffer(length);

	pattern_fill(wanted, offset, length, generation);
	memset(got, 0xdb, length);
	CHECK_EQ(0, rig_read(g, offset, got, length));
	CHECK_BYTES(wanted, got, length);
	free(wanted);
	free(got);
}

void
rig_check_zeros(struct rig *g, uint64_t offset, uint64_t length)
{
	uint8_t *got = rig_buffer(length);

	memset(got, 0xdb, length);
	CHECK_EQ(0, rig_read(g, offset, got, length));
	for (uint64_t i = 0; i < length; i++)
		if (got[i] != 0)
			fail_msg("byte %llu is not zero",
			    (unsigned long long)(offset + i));
	free(got);
}

void
rig_check_extent(struct rig *g, uint64_t offset, uint64_t length,
    bool is_mapped, uint64_t extent_bytes)
{
	struct rig_req q = { .q = { .op = STORE_EXTENT, .offset = offset,
		.length = length } };

	CHECK_EQ(0, rig_run(g, &q));
	CHECK_EQ(is_mapped, q.q.is_mapped);
	CHECK_EQ(extent_bytes, q.q.extent_bytes);
}

uint64_t
rig_allocated(struct rig *g)
{
	uint64_t allocated, left;
	struct error e;

	CHECK(store_space(g->s, &allocated, &left, &e));
	return allocated;
}
