/* reactor/stream.h: listening and connecting. */
#include "engines.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "reactor/stream.h"

static int accepted_fd[64];
static unsigned accepted_count;
static struct listener *to_close;

static void
accepted(void *owner, int fd)
{
	CHECK(owner == accepted_fd);
	CHECK(accepted_count < 64);
	accepted_fd[accepted_count++] = fd;
	if (to_close != NULL)
		listener_close(to_close);
	to_close = NULL;
}

static void
accepted_forget(void)
{
	while (accepted_count > 0)
		close(accepted_fd[--accepted_count]);
}

struct outcome {
	unsigned calls;
	int	 fd, error;
};

static void
connected(void *owner, int fd, int err)
{
	struct outcome *o = owner;

	o->calls++;
	o->fd = fd;
	o->error = err;
}

static struct listener *
listen_on(struct reactor *r, const char *address)
{
	struct listener *l;
	struct error e;

	if (!listener_open(&l, r, address, accepted, accepted_fd, &e))
		fail_msg("%s", e.text);
	return l;
}

static uint64_t
soon(const struct reactor *r)
{
	return reactor_now_ns(r) + PATIENCE_NS;
}

TEST_BOTH(port_0_is_a_free_port_that_accepts)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct outcome o = { .calls = 0 };
	char local[64], peer[64];
	int value = 0;
	socklen_t length = sizeof(value);

	CHECK(strcmp("127.0.0.1:0", listener_address(l)) != 0);
	CHECK(connect_start(r, listener_address(l), soon(r), connected, &o) !=
	    NULL);
	TURN_UNTIL(r, o.calls == 1 && accepted_count == 1);
	CHECK_EQ(0, o.error);
	CHECK(fcntl(accepted_fd[0], F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(accepted_fd[0], F_GETFD) & FD_CLOEXEC);
	getsockopt(accepted_fd[0], IPPROTO_TCP, TCP_NODELAY, &value, &length);
	CHECK(value != 0);
	socket_set_stall_max(accepted_fd[0], 1234);
	getsockopt(accepted_fd[0], IPPROTO_TCP, TCP_USER_TIMEOUT, &value,
	    &length);
	CHECK_EQ(1234, value);
	getsockopt(accepted_fd[0], SOL_SOCKET, SO_KEEPALIVE, &value, &length);
	CHECK(value != 0);
	CHECK(fcntl(o.fd, F_GETFL) & O_NONBLOCK);
	CHECK(fcntl(o.fd, F_GETFD) & FD_CLOEXEC);
	socket_peer_address(o.fd, peer, sizeof(peer));
	CHECK_TEXT(listener_address(l), peer);
	socket_local_address(o.fd, local, sizeof(local));
	socket_peer_address(accepted_fd[0], peer, sizeof(peer));
	CHECK_TEXT(local, peer);
	close(o.fd);
	accepted_forget();
	listener_close(l);
	reactor_free(r);
}

TEST_BOTH(star_listens_on_every_address_of_both_families)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "*:0");
	const char *port = strrchr(listener_address(l), ':');
	static const char *const host[] = { "127.0.0.1", "[::1]" };
	struct outcome o = { .calls = 0 };
	char address[64];

	for (unsigned i = 0; i < 2; i++) {
		snprintf(address, sizeof(address), "%s%s", host[i], port);
		connect_start(r, address, soon(r), connected, &o);
		TURN_UNTIL(r, o.calls == i + 1);
		if (o.error != 0) {	/* a machine without IPv6 */
			CHECK_EQ(1, i);
			break;
		}
		TURN_UNTIL(r, accepted_count == i + 1);
		close(o.fd);
		socket_local_address(accepted_fd[i], address, sizeof(address));
		CHECK(strncmp(address, host[i], strlen(host[i])) == 0);
	}
	accepted_forget();
	listener_close(l);
	reactor_free(r);
}

TEST_BOTH(used_port_is_told_in_words)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0"), *second;
	char words[120];
	struct error e;

	CHECK(!listener_open(&second, r, listener_address(l), accepted, NULL,
	    &e));
	snprintf(words, sizeof(words), "portal %s: address in use",
	    listener_address(l));
	CHECK_TEXT(words, e.text);
	CHECK_EQ(EADDRINUSE, e.code);
	listener_close(l);
	reactor_free(r);
}

TEST_BOTH(foreign_address_and_unknown_host_are_told_in_words)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l;
	struct error e;

	CHECK(!listener_open(&l, r, "192.0.2.1:3260", accepted, NULL, &e));
	CHECK_TEXT("portal 192.0.2.1:3260: not an address of this machine",
	    e.text);
	CHECK(!listener_open(&l, r, "300.1.2.3.invalid:3260", accepted, NULL,
	    &e));
	CHECK(strncmp("portal 300.1.2.3.invalid:3260: 300.1.2.3.invalid: ",
		  e.text, 50) == 0);
	CHECK(!listener_open(&l, r, "nonsense", accepted, NULL, &e));
	CHECK_TEXT("portal nonsense: expected ADDRESS:PORT", e.text);
	reactor_free(r);
}

TEST_BOTH(closed_listener_frees_its_port_at_once)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	char address[64];

	turn_a_little(r);
	snprintf(address, sizeof(address), "%s", listener_address(l));
	for (int i = 0; i < 5; i++) {
		listener_close(l);
		l = listen_on(r, address);
		CHECK_TEXT(address, listener_address(l));
	}
	listener_close(l);
	reactor_free(r);
}

TEST_BOTH(listener_may_be_closed_while_it_accepts)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct outcome o[3] = { { .calls = 0 } };

	for (int i = 0; i < 3; i++)
		connect_start(r, listener_address(l), soon(r), connected,
		    &o[i]);
	to_close = l;
	TURN_UNTIL(r, accepted_count == 1);
	TURN_UNTIL(r, o[0].calls + o[1].calls + o[2].calls == 3);
	turn_a_little(r);
	CHECK_EQ(1, accepted_count);
	for (int i = 0; i < 3; i++)
		if (o[i].fd >= 0)
			close(o[i].fd);
	accepted_forget();
	reactor_free(r);
}

TEST_BOTH(many_connections_at_once_are_accepted)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct outcome o[64] = { { .calls = 0 } };

	for (int i = 0; i < 64; i++)
		connect_start(r, listener_address(l), soon(r), connected,
		    &o[i]);
	TURN_UNTIL(r, accepted_count == 64);
	for (int i = 0; i < 64; i++) {
		TURN_UNTIL(r, o[i].calls == 1);
		CHECK_EQ(0, o[i].error);
		close(o[i].fd);
	}
	accepted_forget();
	listener_close(l);
	reactor_free(r);
}

/* The connection that finds no descriptor waits in the backlog; when one is
 * free again, it is taken. */
TEST_BOTH(lack_of_descriptors_is_a_pause)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct rlimit before, tight;
	struct outcome o = { .calls = 0 };
	int next;

	connect_start(r, listener_address(l), soon(r), connected, &o);
	/* The look-up is over when the helper has answered; take the place of
	 * the descriptors that follow. */
	getrlimit(RLIMIT_NOFILE, &before);
	next = dup(0);
	close(next);
	tight = before;
	tight.rlim_cur = (rlim_t)next + 1;	/* one: the client's own */
	setrlimit(RLIMIT_NOFILE, &tight);
	TURN_UNTIL(r, o.calls == 1);
	turn_a_little(r);
	setrlimit(RLIMIT_NOFILE, &before);
	CHECK_EQ(0, o.error);
	CHECK_EQ(0, accepted_count);
	TURN_UNTIL(r, accepted_count == 1);
	close(o.fd);
	accepted_forget();
	listener_close(l);
	reactor_free(r);
}

TEST_BOTH(unix_socket_is_private_replaces_a_stale_one_and_is_removed)
{
	struct reactor *r = reactor_with(engine);
	char path[] = "/tmp/lunet-listener-test.XXXXXX", address[80];
	struct listener *l, *second;
	struct outcome o = { .calls = 0 };
	struct error e;
	struct stat st;
	struct sockaddr_un stale = { .sun_family = AF_UNIX };
	int fd;

	CHECK(mkdtemp(path) != NULL);
	snprintf(address, sizeof(address), "unix:%s/sock", path);
	snprintf(stale.sun_path, sizeof(stale.sun_path), "%s/sock", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(0, bind(fd, (struct sockaddr *)&stale, sizeof(stale)));
	close(fd);
	l = listen_on(r, address);
	CHECK_TEXT(address, listener_address(l));
	CHECK_EQ(0, stat(stale.sun_path, &st));
	CHECK_EQ(0600, st.st_mode & 07777);
	CHECK(!listener_open(&second, r, address, accepted, NULL, &e));
	CHECK(strstr(e.text, "address in use") != NULL);
	connect_start(r, address, soon(r), connected, &o);
	/* The second asked whether anybody is there: that is one more. */
	TURN_UNTIL(r, o.calls == 1 && accepted_count == 2);
	CHECK_EQ(0, o.error);
	socket_peer_address(o.fd, address, sizeof(address));
	CHECK_TEXT("unix", address);
	close(o.fd);
	accepted_forget();
	listener_close(l);
	CHECK(stat(stale.sun_path, &st) < 0);
	CHECK_EQ(0, rmdir(path));
	reactor_free(r);
}

TEST_BOTH(file_that_is_no_socket_is_not_replaced)
{
	struct reactor *r = reactor_with(engine);
	char path[] = "/tmp/lunet-listener-test.XXXXXX", address[80];
	int fd = mkstemp(path);
	struct listener *l;
	struct error e;

	snprintf(address, sizeof(address), "unix:%s", path);
	CHECK(!listener_open(&l, r, address, accepted, NULL, &e));
	CHECK(strstr(e.text, "address in use") != NULL);
	CHECK_EQ(0, unlink(path));
	close(fd);
	reactor_free(r);
}

TEST_BOTH(refused_connect_tells_its_errno)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct outcome o = { .calls = 0 };
	char address[64];

	snprintf(address, sizeof(address), "%s", listener_address(l));
	listener_close(l);
	connect_start(r, address, soon(r), connected, &o);
	CHECK_EQ(0, o.calls);
	TURN_UNTIL(r, o.calls == 1);
	CHECK_EQ(-1, o.fd);
	CHECK_EQ(ECONNREFUSED, o.error);
	connect_start(r, "unix:/nonexistent/sock", soon(r), connected, &o);
	CHECK_EQ(1, o.calls);
	TURN_UNTIL(r, o.calls == 2);
	CHECK_EQ(ENOENT, o.error);
	connect_start(r, "rubbish", soon(r), connected, &o);
	CHECK_EQ(2, o.calls);
	TURN_UNTIL(r, o.calls == 3);
	CHECK_EQ(EINVAL, o.error);
	reactor_free(r);
}

/* "localhost" may be ::1 first, where nobody listens here. */
TEST_BOTH(each_address_of_a_name_is_tried)
{
	struct reactor *r = reactor_with(engine);
	struct listener *l = listen_on(r, "127.0.0.1:0");
	struct outcome o = { .calls = 0 };
	char address[64];

	snprintf(address, sizeof(address), "localhost%s",
	    strrchr(listener_address(l), ':'));
	connect_start(r, address, soon(r), connected, &o);
	TURN_UNTIL(r, o.calls == 1);
	CHECK_EQ(0, o.error);
	close(o.fd);
	TURN_UNTIL(r, accepted_count == 1);
	accepted_forget();
	listener_close(l);
	connect_start(r, "no.such.host.invalid:1", soon(r), connected, &o);
	TURN_UNTIL(r, o.calls == 2);
	CHECK(o.error != 0);
	CHECK_EQ(-1, o.fd);
	reactor_free(r);
}

/* A listener with a full backlog does not answer. */
static int
silent_listener(char *address, size_t capacity, int client[3])
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	socklen_t length = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(0, bind(fd, (struct sockaddr *)&at, sizeof(at)));
	CHECK_EQ(0, listen(fd, 0));
	getsockname(fd, (struct sockaddr *)&at, &length);
	for (int i = 0; i < 3; i++) {
		client[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(client[i], (struct sockaddr *)&at, sizeof(at));
	}
	snprintf(address, capacity, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

TEST_BOTH(connect_ends_at_its_deadline_or_silently_when_cancelled)
{
	struct reactor *r = reactor_with(engine);
	struct outcome o = { .calls = 0 }, cancelled = { .calls = 0 };
	struct connect *c;
	char address[64];
	int client[3], fd = silent_listener(address, sizeof(address), client);

	connect_start(r, address, reactor_now_ns(r) + 30000000, connected, &o);
	c = connect_start(r, address, soon(r), connected, &cancelled);
	TURN_UNTIL(r, o.calls == 1);
	CHECK_EQ(ETIMEDOUT, o.error);
	CHECK_EQ(-1, o.fd);
	connect_cancel(c);
	/* One more, cancelled before its look-up has ended. */
	c = connect_start(r, address, soon(r), connected, &cancelled);
	connect_cancel(c);
	turn_a_little(r);
	CHECK_EQ(0, cancelled.calls);
	for (int i = 0; i < 3; i++)
		close(client[i]);
	close(fd);
	reactor_free(r);
}

TESTS(port_0_is_a_free_port_that_accepts,
    star_listens_on_every_address_of_both_families, used_port_is_told_in_words,
    foreign_address_and_unknown_host_are_told_in_words,
    closed_listener_frees_its_port_at_once,
    listener_may_be_closed_while_it_accepts,
    many_connections_at_once_are_accepted, lack_of_descriptors_is_a_pause,
    unix_socket_is_private_replaces_a_stale_one_and_is_removed,
    file_that_is_no_socket_is_not_replaced, refused_connect_tells_its_errno,
    each_address_of_a_name_is_tried,
    connect_ends_at_its_deadline_or_silently_when_cancelled)
