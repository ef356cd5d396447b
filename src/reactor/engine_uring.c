/* The io_uring engine: one ring for each reactor, made for Linux 6.1.
 *
 *	wait()      one io_uring_enter() submits all that the turn prepared,
 *	            runs what has become possible, and waits
 *	dispatch()  hands the completions out
 *
 * The ring belongs to one thread (SINGLE_ISSUER) and does its work only when
 * that thread enters the kernel (DEFER_TASKRUN), so nothing interrupts a turn
 * and completions come in batches.  It is made disabled and bound to the
 * thread of the first turn.  Received bytes come in buffers that all streams
 * share; see recv_buffers.c.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/log.h"
#include "reactor/recv_buffers.h"
#include "reactor/stream_state.h"
#include "reactor/uapi_compat.h"

#define SQ_ENTRIES	256
#define CQ_ENTRIES	2048
#define LENGTH_MAX	(1u << 30)

/* The low bits of user_data: what the pointer above them is. */
enum tag {
	TAG_RECV,
	TAG_SEND,
	TAG_ROOM,
	TAG_STREAM_CANCEL,
	TAG_FILE,
	TAG_WATCH,
	TAG_NOTHING,
};
#define TAG_MASK	7u

struct uring {
	struct io_uring	 ring;
	bool		 is_enabled;
	bool		 has_ring_fd;	/* registered, on this thread */
	struct recv_buffers buffers;
	struct stream	*lone;		/* received by plain calls */
	bool		 has_lone_result;
	int64_t		 lone_result;	/* bytes in the engine's own buffer */
	struct list	 early_files;	/* submitted before the first turn */
};

static struct uring *
uring_of(struct reactor *r)
{
	return r->engine_state;
}

/* -- entering the kernel -------------------------------------------------- */

/* What io_uring_enter() may say without anything being lost. */
static void
check_enter(int result)
{
	switch (result < 0 ? -result : 0) {
	case 0:
	case ETIME:
	case EINTR:
	case EAGAIN:	/* no memory for a request: it is tried again */
	case EBUSY:	/* completions are to be taken first */
		return;
	default:
		log_error("io_uring_enter: %s", error_words(-result));
		abort();
	}
}

static bool
must_enter(struct uring *u)
{
	unsigned flags = IO_URING_READ_ONCE(*u->ring.sq.kflags);

	return io_uring_sq_ready(&u->ring) > 0 ||
	    (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static void
enter_now(struct uring *u)
{
	if (u->is_enabled && must_enter(u))
		check_enter(io_uring_submit_and_get_events(&u->ring));
}

static struct io_uring_sqe *
sqe_take(struct uring *u, void *object, enum tag tag)
{
	struct io_uring_sqe *sqe;

	assert(u->is_enabled);
	while ((sqe = io_uring_get_sqe(&u->ring)) == NULL)
		enter_now(u);
	sqe->user_data = (uintptr_t)object | tag;
	return sqe;
}

/* Lengths have 32 bits here; what is left over is carried on. */
static unsigned
length_of(size_t bytes)
{
	return bytes < LENGTH_MAX ? (unsigned)bytes : LENGTH_MAX;
}

/* -- receiving ------------------------------------------------------------ */

static bool
uring_stream_open(struct stream *s)
{
	return true;
}

static void
uring_stream_close(struct stream *s)
{
}

/* The rest of what the owner wants in its own memory comes in one piece
 * (MSG_WAITALL); everything else as much as a buffer takes. */
static void
recv_request(struct stream *s)
{
	struct uring *u = uring_of(s->reactor);
	struct io_uring_sqe *sqe = sqe_take(u, s, TAG_RECV);

	if (s->into != NULL) {
		io_uring_prep_recv(sqe, s->fd, s->into + s->into_done,
		    length_of(s->into_bytes - s->into_done), MSG_WAITALL);
	} else {
		io_uring_prep_recv(sqe, s->fd, NULL, s->recv_bytes_max, 0);
		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = RECV_BUFFER_GROUP;
	}
	/* Where nothing is expected yet, do not look in vain. */
	if (!s->has_more)
		sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
}

static void
uring_recv(struct stream *s)
{
	struct uring *u = uring_of(s->reactor);

	s->is_receiving = true;
	if (u->lone == NULL &&
	    s->reactor->is_single_stream && spin_is_likely(s->reactor))
		u->lone = s;
	else
		recv_request(s);
}

/* -- the lone stream ------------------------------------------------------
 *
 * While one stream alone keeps the loop spinning, its next bytes are looked for
 * by recv() instead of a request: that spares the kernel of the peer's core a
 * wake-up for us, and us an entry.  It becomes a request when the loop goes to
 * sleep or has other work. */

static void
lone_request(struct uring *u)
{
	if (u->lone == NULL || u->has_lone_result)
		return;
	recv_request(u->lone);
	u->lone = NULL;
}

/* True when it has received, or ended: dispatch() tells. */
static bool
lone_look(struct uring *u)
{
	struct stream *s = u->lone;
	size_t room;
	ssize_t n;

	if (s == NULL || u->has_lone_result)
		return s != NULL;
	if (s->into != NULL) {
		room = s->into_bytes - s->into_done;
		n = recv(s->fd, s->into + s->into_done, room, MSG_DONTWAIT);
	} else {
		room = s->recv_bytes_max;
		n = recv(s->fd, recv_buffers_own(&u->buffers), room,
		    MSG_DONTWAIT);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	s->has_more = n == (ssize_t)room;
	u->lone_result = n < 0 ? -errno : n;
	u->has_lone_result = true;
	return true;
}

static void
lone_dispatch(struct uring *u)
{
	struct stream *s = u->lone;

	if (!u->has_lone_result)
		return;
	u->lone = NULL;
	u->has_lone_result = false;
	stream_recv_done(s, recv_buffers_own(&u->buffers), u->lone_result);
}

/* -- sending -------------------------------------------------------------- */

/* -errno, or the bytes that the socket took. */
static int64_t
send_now(struct stream *s)
{
	const struct msghdr *m = &s->send->msg;
	ssize_t n;

	if (m->msg_iovlen == 1)
		n = send(s->fd, m->msg_iov->iov_base, m->msg_iov->iov_len,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = sendmsg(s->fd, m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

/* The kernel carries short sends on by itself (MSG_WAITALL). */
static void
send_later(struct stream *s, unsigned flags)
{
	struct io_uring_sqe *sqe =
	    sqe_take(uring_of(s->reactor), s, TAG_SEND);
	const struct msghdr *m = &s->send->msg;

	if (m->msg_iovlen == 1)
		io_uring_prep_send(sqe, s->fd, m->msg_iov->iov_base,
		    length_of(m->msg_iov->iov_len), MSG_NOSIGNAL | MSG_WAITALL);
	else
		io_uring_prep_sendmsg(sqe, s->fd, m,
		    MSG_NOSIGNAL | MSG_WAITALL);
	sqe->ioprio |= (uint16_t)flags;
	s->is_sending = true;
}

/* When one stream has something to do, a plain call is cheaper than a request
 * with its completion and one more turn; when several do, their requests share
 * one call. */
static int64_t
uring_send(struct stream *s)
{
	int64_t result;

	if (!s->reactor->is_single_stream) {
		send_later(s, 0);
		return ENGINE_PENDING;
	}
	result = send_now(s);
	if (result != -EAGAIN && result != -EINTR)
		return result;
	send_later(s, IORING_RECVSEND_POLL_FIRST);
	return ENGINE_PENDING;
}

static void
uring_await_room(struct stream *s)
{
	io_uring_prep_poll_add(sqe_take(uring_of(s->reactor), s, TAG_ROOM),
	    s->fd, POLLOUT);
	s->is_sending = s->is_awaiting_room = true;
}

static void
room_came(struct stream *s, int result)
{
	s->is_awaiting_room = false;
	stream_send_done(s, result < 0 ? result : -EAGAIN);
}

/* -- cancelling ----------------------------------------------------------- */

static void
stream_cancel_one(struct stream *s, enum tag tag)
{
	struct io_uring_sqe *sqe =
	    sqe_take(uring_of(s->reactor), s, TAG_STREAM_CANCEL);

	io_uring_prep_cancel64(sqe, (uintptr_t)s | tag, 0);
	s->cancels++;
}

/* A cancel may come while the request is between two states, and miss it; the
 * stream is stepped when the cancel has ended, and asks again. */
static void
uring_cancel(struct stream *s, bool is_all)
{
	/* wait() has made a request of it, or dispatch() has ended it. */
	assert(uring_of(s->reactor)->lone != s);
	if (s->cancels > 0)
		return;
	if (s->is_receiving)
		stream_cancel_one(s, TAG_RECV);
	if (s->is_sending && is_all)
		stream_cancel_one(s, s->is_awaiting_room ? TAG_ROOM : TAG_SEND);
}

static void
recv_completed(struct uring *u, struct stream *s, int result, unsigned flags)
{
	uint8_t *bytes = NULL;
	unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

	s->has_more = (flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
	if (result == -ENOBUFS) {
		recv_buffers_grow(&u->buffers);
		s->has_more = true;
	}
	if (flags & IORING_CQE_F_BUFFER)
		bytes = recv_buffers_bytes(&u->buffers, id);
	stream_recv_done(s, bytes, result);
	if (flags & IORING_CQE_F_BUFFER)
		recv_buffers_return(&u->buffers, id);
}

/* -- files ---------------------------------------------------------------- */

static void
file_prepare(struct io_uring_sqe *sqe, const struct file_req *q)
{
	const struct iovec *vec = q->vec;
	unsigned count = (unsigned)q->vec_count;

	switch (q->op) {
	case FILE_READ:
		if (count == 1)
			io_uring_prep_read(sqe, q->fd, vec->iov_base,
			    length_of(vec->iov_len), q->offset);
		else
			io_uring_prep_readv(sqe, q->fd, vec, count, q->offset);
		break;
	case FILE_WRITE:
		if (count == 1)
			io_uring_prep_write(sqe, q->fd, vec->iov_base,
			    length_of(vec->iov_len), q->offset);
		else
			io_uring_prep_writev(sqe, q->fd, vec, count, q->offset);
		sqe->rw_flags = q->is_dsync ? RWF_DSYNC : 0;
		break;
	case FILE_DATASYNC:
		io_uring_prep_fsync(sqe, q->fd, IORING_FSYNC_DATASYNC);
		break;
	case FILE_ALLOCATE:
		io_uring_prep_fallocate(sqe, q->fd, q->mode, (off_t)q->offset,
		    (off_t)q->length);
		break;
	}
}

static void
uring_file(struct file_req *q)
{
	struct uring *u = uring_of(q->reactor);

	if (!u->is_enabled) {
		list_append(&u->early_files, &q->link);
		return;
	}
	file_prepare(sqe_take(u, q, TAG_FILE), q);
}

static void
file_completed(struct file_req *q, int result)
{
	bool is_transfer = q->op == FILE_READ || q->op == FILE_WRITE;

	if (result == -EAGAIN || result == -EINTR) {
		uring_file(q);
	} else if (result < 0) {
		file_finish(q, -result);
	} else if (!is_transfer) {
		file_finish(q, 0);
	} else if (result == 0) {
		/* The end of the file; a write that does nothing is broken. */
		file_finish(q, q->op == FILE_WRITE && q->vec_count > 0 ? EIO :
		    0);
	} else if (file_advance(q, (uint64_t)result)) {
		uring_file(q);
	} else {
		file_finish(q, 0);
	}
}

/* -- watches -------------------------------------------------------------- */

static void
uring_watch_arm(struct watch *w)
{
	struct uring *u = uring_of(w->reactor);

	if (!u->is_enabled)
		return;		/* uring_enable() does it */
	io_uring_prep_poll_add(sqe_take(u, w, TAG_WATCH), w->fd, w->events);
	w->is_armed = true;
}

/* The descriptor is closed next, so the kernel should let go of it now. */
static void
uring_watch_disarm(struct watch *w)
{
	struct uring *u = uring_of(w->reactor);

	io_uring_prep_cancel64(sqe_take(u, NULL, TAG_NOTHING),
	    (uintptr_t)w | TAG_WATCH, 0);
	enter_now(u);
}

static void
watch_completed(struct watch *w, int result)
{
	w->is_armed = false;
	if (w->is_stopped)
		return;
	if (result != -ECANCELED)
		w->ready(w->owner, result > 0 ? (uint32_t)result : POLLERR);
	if (!w->is_stopped)
		uring_watch_arm(w);
}

/* -- the turn ------------------------------------------------------------- */

static void
uring_enable(struct reactor *r)
{
	struct uring *u = uring_of(r);
	struct link *l;
	/* Debian's liburing 2.3 does not export io_uring_enable_rings(). */
	int result = io_uring_register((unsigned)u->ring.ring_fd,
	    IORING_REGISTER_ENABLE_RINGS, NULL, 0);

	if (result < 0) {
		log_error("io_uring: %s", error_words(-result));
		abort();
	}
	u->is_enabled = true;
	LIST_FOR_EACH(w, &r->watches)
		uring_watch_arm(CONTAINER_OF(w, struct watch, link));
	while ((l = list_take(&u->early_files)) != NULL)
		uring_file(CONTAINER_OF(l, struct file_req, link));
}

static void
uring_enter_thread(struct reactor *r)
{
	struct uring *u = uring_of(r);

	if (!u->is_enabled)
		uring_enable(r);
	/* Saves a look-up of the descriptor in each call.  It is a property of
	 * the thread; without it everything works the same. */
	u->has_ring_fd = io_uring_register_ring_fd(&u->ring) == 1;
}

static void
uring_leave_thread(struct reactor *r)
{
	struct uring *u = uring_of(r);

	if (u->has_ring_fd)
		(void)io_uring_unregister_ring_fd(&u->ring);
	u->has_ring_fd = false;
}

static void
uring_submit(struct reactor *r)
{
	enter_now(uring_of(r));
}

static bool
uring_peek(struct reactor *r)
{
	struct uring *u = uring_of(r);

	return io_uring_cq_ready(&u->ring) > 0 || must_enter(u) ||
	    lone_look(u);
}

static void
uring_wait(struct reactor *r, uint64_t wait_ns)
{
	struct uring *u = uring_of(r);
	struct io_uring_cqe *cqe;
	struct __kernel_timespec ts;

	if (!u->is_enabled)
		uring_enable(r);
	lone_request(u);
	if (u->has_lone_result || io_uring_cq_ready(&u->ring) > 0)
		wait_ns = 0;
	if (wait_ns == 0) {
		enter_now(u);
	} else if (wait_ns == UINT64_MAX) {
		check_enter(io_uring_submit_and_wait(&u->ring, 1));
	} else {
		ts.tv_sec = (long long)(wait_ns / NS_PER_SECOND);
		ts.tv_nsec = (long long)(wait_ns % NS_PER_SECOND);
		check_enter(io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1,
		    &ts, NULL));
	}
}

static void
completed(struct reactor *r, uint64_t user_data, int result, unsigned flags)
{
	void *object = (void *)(uintptr_t)(user_data & ~(uint64_t)TAG_MASK);
	struct stream *s = object;

	switch ((enum tag)(user_data & TAG_MASK)) {
	case TAG_RECV:
		recv_completed(uring_of(r), s, result, flags);
		break;
	case TAG_SEND:
		stream_send_done(s, result);
		break;
	case TAG_ROOM:
		room_came(s, result);
		break;
	case TAG_STREAM_CANCEL:
		s->cancels--;
		stream_mark(s);
		break;
	case TAG_FILE:
		file_completed(object, result);
		break;
	case TAG_WATCH:
		watch_completed(object, result);
		break;
	case TAG_NOTHING:
		break;
	}
}

/* What completes meanwhile is for the next turn. */
static void
uring_dispatch(struct reactor *r)
{
	struct io_uring *ring = &uring_of(r)->ring;

	lone_dispatch(uring_of(r));
	for (unsigned left = io_uring_cq_ready(ring); left > 0; left--) {
		unsigned head = *ring->cq.khead & *ring->cq.kring_mask;
		const struct io_uring_cqe cqe = ring->cq.cqes[head];

		/* Callbacks may need the queue's room. */
		io_uring_cq_advance(ring, 1);
		completed(r, cqe.user_data, cqe.res, cqe.flags);
	}
}

/* -- making and freeing --------------------------------------------------- */

static bool
ring_open(struct uring *u, struct error *e)
{
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER |
		    IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
		    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED |
		    IORING_SETUP_CQSIZE,
		.cq_entries = CQ_ENTRIES,
	};
	int result = io_uring_queue_init_params(SQ_ENTRIES, &u->ring, &params);

	if (result == -EINVAL)
		return error_set(e, EINVAL,
		    "io_uring: needs Linux 6.1 or later");
	if (result < 0)
		return error_set(e, -result,
		    "io_uring: %s (kernel.io_uring_disabled, or a filter of "
		    "system calls, may forbid it)", error_words(-result));
	return true;
}

static bool
uring_open(struct reactor *r, struct error *e)
{
	struct uring *u = calloc(1, sizeof(*u));

	if (u == NULL)
		return error_set(e, ENOMEM, "reactor: out of memory");
	list_init(&u->early_files);
	if (!ring_open(u, e)) {
		free(u);
		return false;
	}
	if (!recv_buffers_open(&u->buffers, r, &u->ring, e)) {
		io_uring_queue_exit(&u->ring);
		free(u);
		return false;
	}
	r->engine_state = u;
	return true;
}

static void
uring_close(struct reactor *r)
{
	struct uring *u = uring_of(r);

	/* First the ring, which may still know the buffers. */
	io_uring_queue_exit(&u->ring);
	recv_buffers_close(&u->buffers);
	free(u);
	r->engine_state = NULL;
}

const struct engine engine_uring = {
	.name = "io_uring",
	.open = uring_open,
	.close = uring_close,
	.enter_thread = uring_enter_thread,
	.leave_thread = uring_leave_thread,
	.submit = uring_submit,
	.peek = uring_peek,
	.wait = uring_wait,
	.dispatch = uring_dispatch,
	.watch_arm = uring_watch_arm,
	.watch_disarm = uring_watch_disarm,
	.stream_open = uring_stream_open,
	.stream_close = uring_stream_close,
	.recv = uring_recv,
	.send = uring_send,
	.await_room = uring_await_room,
	.cancel = uring_cancel,
	.file = uring_file,
};
