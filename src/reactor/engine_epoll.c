/* The epoll engine, for kernels and containers that forbid io_uring.
 *
 * Streams are registered once, edge-triggered: an edge makes one readable, and
 * it stays so until a receive finds less than it asked for.  Watches are
 * level-triggered.  Files go to helper threads and come back as messages.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "reactor/stream_state.h"

#define EVENTS_MAX	256
#define TAG_WATCH	1u	/* low bit of the data of an event */

static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR,
    "watches use the words of poll()");

struct epoll {
	int		 fd;
	unsigned	 count;		/* events waiting for dispatch() */
	struct epoll_event event[EVENTS_MAX];
	struct list	 readable;	/* streams that want and can receive */
	uint8_t		*buffer;	/* one: its bytes are used at once */
};

static struct epoll *
epoll_of(struct reactor *r)
{
	return r->engine_state;
}

static void
epoll_change(struct epoll *ep, int operation, int fd, uint32_t events,
    uintptr_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	if (epoll_ctl(ep->fd, operation, fd, &event) < 0) {
		log_error("epoll_ctl: %s", error_words(errno));
		abort();
	}
}

/* -- waiting -------------------------------------------------------------- */

static int
epoll_sleep(struct epoll *ep, uint64_t wait_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(wait_ns / NS_PER_SECOND),
		.tv_nsec = (long)(wait_ns % NS_PER_SECOND),
	};
	int count;

	if (wait_ns == 0 || wait_ns == UINT64_MAX)
		return epoll_wait(ep->fd, ep->event, EVENTS_MAX,
		    wait_ns == 0 ? 0 : -1);
	count = epoll_pwait2(ep->fd, ep->event, EVENTS_MAX, &ts, NULL);
	if (count < 0 && (errno == ENOSYS || errno == EPERM))
		count = epoll_wait(ep->fd, ep->event, EVENTS_MAX,
		    wait_ns / NS_PER_MS < INT32_MAX - 1 ?
			(int)(wait_ns / NS_PER_MS) + 1 : INT32_MAX);
	return count;
}

static void
epoll_wait_turn(struct reactor *r, uint64_t wait_ns)
{
	struct epoll *ep = epoll_of(r);
	int count;

	if (ep->count > 0)
		return;		/* peek() has found some */
	if (!list_is_empty(&ep->readable))
		wait_ns = 0;
	count = epoll_sleep(ep, wait_ns);
	if (count < 0 && errno != EINTR) {
		log_error("epoll_wait: %s", error_words(errno));
		abort();
	}
	ep->count = count > 0 ? (unsigned)count : 0;
}

static bool
epoll_peek(struct reactor *r)
{
	struct epoll *ep = epoll_of(r);

	epoll_wait_turn(r, 0);
	return ep->count > 0 || !list_is_empty(&ep->readable);
}

static void
epoll_submit(struct reactor *r)
{
}

/* -- streams -------------------------------------------------------------- */

static bool
epoll_stream_open(struct stream *s)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uintptr_t)s,
	};

	return epoll_ctl(epoll_of(s->reactor)->fd, EPOLL_CTL_ADD, s->fd,
	    &event) == 0;
}

static void
epoll_stream_close(struct stream *s)
{
	epoll_change(epoll_of(s->reactor), EPOLL_CTL_DEL, s->fd, 0, 0);
}

static void
epoll_recv(struct stream *s)
{
	s->is_receiving = true;
	if (s->is_readable)
		list_append(&epoll_of(s->reactor)->readable, &s->engine_link);
}

static void
epoll_cancel(struct stream *s, bool is_all)
{
	list_remove(&s->engine_link);
	s->is_receiving = false;
	if (is_all)
		s->is_sending = false;
}

/* Send until all is gone or the kernel takes no more; only then does an edge
 * follow. */
static int64_t
send_now(struct stream *s)
{
	struct msghdr m = s->send->msg;
	ssize_t n;

	do
		n = sendmsg(s->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* An edge will tell. */
static void
epoll_await_room(struct stream *s)
{
	s->is_sending = true;
}

static int64_t
epoll_send(struct stream *s)
{
	int64_t result = send_now(s);

	if (result != -EAGAIN)
		return result;
	epoll_await_room(s);
	return ENGINE_PENDING;
}

static void
stream_ready(struct epoll *ep, struct stream *s, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->is_hung_up = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		s->is_readable = true;
	if (s->is_readable && s->is_receiving &&
	    !link_is_in_list(&s->engine_link))
		list_append(&ep->readable, &s->engine_link);
	if (s->is_sending && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
		stream_send_done(s, -EAGAIN);	/* try again, this turn */
}

static void
recv_now(struct epoll *ep, struct stream *s)
{
	uint8_t *bytes = ep->buffer;
	size_t room = s->recv_bytes_max;
	ssize_t n;

	if (s->into != NULL) {
		bytes = s->into + s->into_done;
		room = s->into_bytes - s->into_done;
	}
	n = recv(s->fd, bytes, room, MSG_DONTWAIT);
	if (n < 0 && errno == EINTR) {
		list_append(&ep->readable, &s->engine_link);
		return;
	}
	if (n < 0 && errno == EAGAIN) {
		s->is_readable = false;
		return;		/* the next edge finds it receiving */
	}
	/* After the peer's end no edge may follow: go on until it is read. */
	if (n >= 0 && (size_t)n < room && !s->is_hung_up)
		s->is_readable = false;
	stream_recv_done(s, bytes, n < 0 ? -errno : n);
}

/* -- files ---------------------------------------------------------------- */

static void
file_work_run(struct work *w)
{
	file_run(CONTAINER_OF(w, struct file_req, work));
}

static void
file_work_done(struct work *w)
{
	struct file_req *q = CONTAINER_OF(w, struct file_req, work);

	file_finish(q, q->error);
}

static void
epoll_file(struct file_req *q)
{
	q->work.reactor = q->reactor;
	q->work.run = file_work_run;
	q->work.done = file_work_done;
	helpers_push(q->reactor->file_helpers, &q->work);
}

/* -- watches -------------------------------------------------------------- */

static void
epoll_watch_arm(struct watch *w)
{
	epoll_change(epoll_of(w->reactor), EPOLL_CTL_ADD, w->fd, w->events,
	    (uintptr_t)w | TAG_WATCH);
	w->is_armed = true;
}

static void
epoll_watch_disarm(struct watch *w)
{
	epoll_change(epoll_of(w->reactor), EPOLL_CTL_DEL, w->fd, 0, 0);
	w->is_armed = false;
}

/* -- the turn ------------------------------------------------------------- */

static void
event_dispatch(struct epoll *ep, const struct epoll_event *event)
{
	uintptr_t data = (uintptr_t)event->data.u64;
	struct watch *w;

	if ((data & TAG_WATCH) == 0) {
		stream_ready(ep, (struct stream *)data, event->events);
		return;
	}
	w = (struct watch *)(data & ~(uintptr_t)TAG_WATCH);
	if (!w->is_stopped)
		w->ready(w->owner, event->events);
}

/* Streams and watches that callbacks end are freed at the end of the turn, so
 * events that are still to come find them. */
static void
epoll_dispatch(struct reactor *r)
{
	struct epoll *ep = epoll_of(r);
	struct link end, *l;

	for (unsigned i = 0; i < ep->count; i++)
		event_dispatch(ep, &ep->event[i]);
	ep->count = 0;
	if (list_is_empty(&ep->readable))
		return;
	list_append(&ep->readable, &end);
	while ((l = list_take(&ep->readable)) != &end)
		recv_now(ep, CONTAINER_OF(l, struct stream, engine_link));
}

static void
epoll_thread(struct reactor *r)
{
}

/* -- making and freeing --------------------------------------------------- */

static void
epoll_close(struct reactor *r)
{
	struct epoll *ep = epoll_of(r);

	if (ep->fd >= 0)
		(void)close(ep->fd);
	if (ep->buffer != NULL)
		(void)munmap(ep->buffer, RECV_BUFFER_BYTES);
	free(ep);
	r->engine_state = NULL;
}

static bool
epoll_open(struct reactor *r, struct error *e)
{
	struct epoll *ep = calloc(1, sizeof(*ep));

	if (ep == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	r->engine_state = ep;
	list_init(&ep->readable);
	ep->buffer = mmap(NULL, RECV_BUFFER_BYTES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ep->buffer == MAP_FAILED)
		ep->buffer = NULL;
	ep->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ep->fd >= 0 && ep->buffer != NULL)
		return true;
	epoll_close(r);
	return error_set(e, errno, "reactor: epoll: %s", error_words(errno));
}

const struct engine engine_epoll = {
	.name = "epoll",
	.open = epoll_open,
	.close = epoll_close,
	.enter_thread = epoll_thread,
	.leave_thread = epoll_thread,
	.submit = epoll_submit,
	.peek = epoll_peek,
	.wait = epoll_wait_turn,
	.dispatch = epoll_dispatch,
	.watch_arm = epoll_watch_arm,
	.watch_disarm = epoll_watch_disarm,
	.stream_open = epoll_stream_open,
	.stream_close = epoll_stream_close,
	.recv = epoll_recv,
	.send = epoll_send,
	.await_room = epoll_await_room,
	.cancel = epoll_cancel,
	.file = epoll_file,
};
