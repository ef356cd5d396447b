/* A connected stream socket (TCP, or UNIX for the management socket).
 *
 * Receiving is always on unless paused.  Bytes arrive in a buffer of the
 * reactor and are the owner's for the length of received() only; what it wants
 * to keep it copies.  When it knows that the next `length` bytes belong
 * somewhere, it says so with stream_recv_into() and the kernel puts them there
 * directly: that is how large Data-Out lands in the command's buffer.
 *
 * Sending is gathered: the owner wakes the stream whenever it has something to
 * say; once a turn, and when the send before has ended, gather() is asked for
 * the bytes, and one sendmsg carries them all.  At most one receive and one
 * send are under way for a stream.
 */
#ifndef REACTOR_STREAM_H
#define REACTOR_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "reactor/reactor.h"

#define STREAM_VEC_MAX	1024		/* IOV_MAX: longest gather */

/* What is lent in one gather, and how long it should be to be worth it. */
#define STREAM_LENT_MAX		64
#define STREAM_LEND_BYTES_MIN	16384u

struct stream;

struct stream_ops {
	/* length bytes (at least 1) have arrived.  With `into` false they lie
	 * in a borrowed buffer, in order, as many as there were; with `into`
	 * true they lie where stream_recv_into() asked for them, and all that
	 * were asked for have come.  May call any function of this header. */
	void	(*received)(struct stream *s, uint8_t *bytes, size_t length,
		    bool into);

	/* Fill vec (room for vec_max) with what is to be sent, in order; return
	 * the count, 0 for nothing.  The bytes stay untouched until sent() has
	 * covered them or closed() is called.  May close the stream. */
	int	(*gather)(struct stream *s, struct iovec *vec, int vec_max);

	/* The kernel has taken the first length bytes of what was gathered.
	 * Called once for each gather, with all of it, unless the stream closes
	 * before.  gather() is called again afterwards without a new wake. */
	void	(*sent)(struct stream *s, size_t length);

	/* The stream has ended: err is 0 after the peer's FIN (what was woken
	 * for by then is still gathered and sent), an errno value after a
	 * failure, ECANCELED after stream_close().  The kernel holds no
	 * buffer any more, the descriptor is closed, and *s is released when
	 * this returns.  The last call. */
	void	(*closed)(struct stream *s, int err);
};

/* Take over the connected, non-blocking descriptor fd.  NULL without memory
 * (fd is then still the caller's). */
struct stream *stream_new(struct reactor *r, int fd,
	    const struct stream_ops *ops, void *owner);

void	*stream_owner(const struct stream *s);
struct reactor *stream_reactor(const struct stream *s);

/* Replace ops and owner, for a connection that changes hands on one reactor. */
void	stream_set_owner(struct stream *s, const struct stream_ops *ops,
	    void *owner);

/* There is something to send: gather() will be called at the end of this turn
 * (or, with a send under way, when it has ended). */
void	stream_wake(struct stream *s);

/* Inside gather(): the bytes of vec[index] are those of the file fd from offset
 * on (a memfd that is mapped, say), and the peer may be given them from there.
 * Then they are not copied into the socket, and what is written to them before
 * the peer has them may be what it gets.  In the order of the index; a lending
 * too many is sent as any other bytes.  fd stays open as long as the bytes stay;
 * the process ignores SIGPIPE. */
void	stream_lend(struct stream *s, int index, int fd, uint64_t offset);

/* Put the next length bytes of the stream at `bytes`.  Only inside received(),
 * and for bytes that have not been delivered.  The memory is the kernel's until
 * received(into) or closed(). */
void	stream_recv_into(struct stream *s, void *bytes, size_t length);

/* Stop and go on receiving: back pressure.  A receive under way may still
 * deliver once after the pause. */
void	stream_pause(struct stream *s, bool is_paused);

/* Close when there is nothing left to send (gather() is asked as before, until
 * it returns 0 without a new wake), or at once when at_once.  No received()
 * after this.  closed() follows, never inside this call.  Calling it twice is
 * harmless; at_once may follow a gentle one. */
void	stream_close(struct stream *s, bool at_once);

/* Give the descriptor up, to open it again on another reactor: when no receive
 * or send is under way any more, detached() is called with it and *s is
 * released.  Bytes that came in the meantime are still delivered before;
 * nothing may be woken or asked for after this call, and no stream_recv_into()
 * may be unanswered (asserted).  A wake that gather() has not answered is
 * forgotten: wake the new stream.  When the stream ends first, closed() is
 * called instead. */
void	stream_detach(struct stream *s,
	    void (*detached)(struct stream *s, int fd));

/* -- listening ------------------------------------------------------------ */

struct listener;

/* A peer has connected: fd is non-blocking, close-on-exec, TCP_NODELAY set
 * (TCP only), and now the callee's. */
typedef void listener_accepted(void *owner, int fd);

/* Listen on "ADDR:PORT", "[V6]:PORT" or "unix:PATH".  ADDR is numeric or a
 * name; "*" or an empty ADDR listens on all, IPv6 and IPv4.  Port 0 picks a
 * free one.  A UNIX socket is made with mode 0600; a stale one (nobody
 * answers) is replaced.  False with *e: "portal 10.0.0.1:3260: address in
 * use".  Out of descriptors, it pauses for 100 ms, it does not spin. */
bool	listener_open(struct listener **out, struct reactor *r,
	    const char *address, listener_accepted *accepted, void *owner,
	    struct error *e);

/* The address as bound, with the real port: "127.0.0.1:3260". */
const char *listener_address(const struct listener *l);

/* Stop listening; *l is released.  No accepted() after this returns. */
void	listener_close(struct listener *l);

/* Connect to "ADDR:PORT" or "unix:PATH" without blocking; name look-up runs on
 * a helper.  connected(owner, fd, 0) or connected(owner, -1, err).  deadline_ns
 * bounds it.  NULL without memory.  connect_cancel() ends it silently. */
struct connect;
struct connect *connect_start(struct reactor *r, const char *address,
	    uint64_t deadline_ns,
	    void (*connected)(void *owner, int fd, int err), void *owner);
void	connect_cancel(struct connect *c);

/* "ADDR:PORT" of the peer or of our side of a connected socket, as SendTargets
 * and logs write it ("[::1]:3260"); "unix" for UNIX sockets. */
void	socket_peer_address(int fd, char *text, size_t capacity);
void	socket_local_address(int fd, char *text, size_t capacity);

/* A peer that takes nothing of what is sent for stall_ms (its window stays
 * shut, or nothing arrives any more) ends its stream with ETIMEDOUT; one that is
 * quiet and gone is found by TCP's keepalive.  TCP only. */
void	socket_set_stall_max(int fd, unsigned stall_ms);

#endif
