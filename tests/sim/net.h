/* Simulated TCP between initiators and the target's listeners.
 *
 *	initiator --- wire to_target ---> stream (stream_sim.c)
 *	          <-- wire to_initiator -
 *
 * A wire holds what was sent; a prefix of it is visible to the receiver, and
 * grows by chance: segments of any size, delays, stalls.  Its capacity is the
 * window: who sends more waits.
 *
 * The end of the target is known by a descriptor number beyond all real ones,
 * so that what the target does with descriptors works here, too.
 */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "world.h"

#define NET_FD_FIRST	(1 << 24)

struct net_socket;
struct reactor;
struct stream;

/* What the initiator's end is told.  Never from inside a call of this header. */
struct net_events {
	void	(*connected)(void *owner);
	void	(*readable)(void *owner);
	void	(*writable)(void *owner);	/* after net_write() took less */
	void	(*closed)(void *owner, int err);	/* the last call */
};

enum net_end {
	NET_FIN,	/* what was written still arrives */
	NET_RESET,	/* what is on its way may be lost */
	NET_VANISH,	/* the target is told nothing, ever */
};

void	net_open(void);
void	net_close_all(void);	/* every socket must have ended at the target */

/* -- the initiator's end ----------------------------------------------- */

/* Connect to whatever listens; connected() or closed() follows. */
struct net_socket *net_connect(const struct net_events *events, void *owner,
	    unsigned initiator);
size_t	net_write(struct net_socket *s, const uint8_t *bytes, size_t length);
size_t	net_read(struct net_socket *s, uint8_t *bytes, size_t room);
size_t	net_readable(const struct net_socket *s);
/* No call of events any more; s is gone for the initiator. */
void	net_end(struct net_socket *s, enum net_end how);

/* -- the target's end -------------------------------------------------- */

struct net_socket *net_of_fd(int fd);	/* NULL: none of ours */
void	net_attach(struct net_socket *s, struct stream *stream);

size_t	net_target_readable(const struct net_socket *s);
size_t	net_target_read(struct net_socket *s, uint8_t *bytes, size_t room);
/* 0 or an errno value; after the visible bytes have been read. */
bool	net_target_has_ended(const struct net_socket *s, int *err);
size_t	net_target_room(const struct net_socket *s);
void	net_target_write(struct net_socket *s, const uint8_t *bytes,
	    size_t length);
/* close(2) */
void	net_target_close(struct net_socket *s);

/* Told by net.c, in stream_sim.c: bytes or the end are visible; there is room
 * again. */
void	stream_net_readable(struct stream *s);
void	stream_net_writable(struct stream *s);

/* Told by net.c, in stream_sim.c: a peer has connected.  False: nobody
 * listens. */
bool	listener_net_connected(struct net_socket *s, int fd);

const char *net_peer(const struct net_socket *s);

#endif
