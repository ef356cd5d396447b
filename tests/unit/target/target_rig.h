/* A whole target without sockets: reactors that are stepped by hand, in one
 * thread and in any order, and initiators that speak PDUs.
 *
 *	rig_open(&rig, 3, "ram:1M", 2);			// reactors, LUNs
 *	p = rig_login(&rig, 1, 7);			// reactor, ISID
 *	itt = peer_write_cdb(p, 0, cdb, sizeof(cdb), list, 24);
 *	rig_settle(&rig);
 *	CHECK_EQ(SCSI_GOOD, p->status[itt]);
 *	rig_close(&rig);				// nothing may be left
 *
 * Store requests that take their time are played by unit_enter() and
 * unit_leave(), or by a delay[] store.
 */
#ifndef TESTS_TARGET_RIG_H
#define TESTS_TARGET_RIG_H

#include "target/command.h"
#include "target/connection.h"
#include "target/internal.h"
#include "target/nexus.h"
#include "test.h"

#define RIG_TARGET	"iqn.2026-01.test:t"
#define RIG_PEERS	16
#define RIG_TAGS	4096
#define NO_ANSWER	(-1)

struct peer {
	struct rig	*rig;
	struct connection connection;
	struct nexus	*nexus;
	bool		 is_open;
	uint32_t	 cmdsn, itt;	/* of the next request */
	int16_t		 status[RIG_TAGS];	/* SCSI status, by ITT */
	int16_t		 response[RIG_TAGS];	/* of task management */
	uint32_t	 r2ts[RIG_TAGS];	/* R2Ts that came */
	unsigned	 rejects, asyncs;
	uint16_t	 sense_code;	/* ASC and ASCQ of the last sense */
	unsigned	 order[RIG_TAGS];	/* of statuses and responses */
};

struct rig {
	struct service	*service;
	struct target	*target;
	unsigned	 reactors;
	unsigned	 answers;	/* to all peers, counted */
	struct peer	 peers[RIG_PEERS];
};

void	rig_open(struct rig *rig, unsigned reactors, const char *store,
	    unsigned luns);

/* ... that keeps persistent reservations in this folder, and a SANITIZE in
 * FOLDER.operations. */
void	rig_open_keeping(struct rig *rig, unsigned reactors, const char *store,
	    unsigned luns, const char *reservations);

/* All peers go, all ends, nothing is left (asserted). */
void	rig_close(struct rig *rig);

struct unit *rig_unit(struct rig *rig, uint16_t lun);

/* One turn of one reactor, without waiting; what its peers were told. */
void	rig_turn(struct rig *rig, unsigned reactor);

/* Turns of all until nothing more is said; real time passes for timers. */
void	rig_settle(struct rig *rig);

/* A session on that reactor.  The unit attention that waits on each LUN stays
 * until peer_ready(). */
struct peer *rig_login(struct rig *rig, unsigned reactor, uint16_t isid);

/* Get rid of the unit attention. */
void	peer_ready(struct peer *p, uint16_t lun);

/* The connection is cut. */
void	peer_drop(struct peer *p);

/* Requests; they return the ITT, and nothing turns. */
uint32_t peer_read(struct peer *p, uint16_t lun, const uint8_t *cdb,
	    size_t cdb_bytes, uint32_t bytes);
uint32_t peer_write(struct peer *p, uint16_t lun, const uint8_t *cdb,
	    size_t cdb_bytes, const uint8_t *data, uint32_t bytes);
uint32_t peer_task_request(struct peer *p, enum task_function function,
	    uint16_t lun, uint32_t referenced_itt, uint32_t refcmdsn);

/* Usual commands on top of them. */
uint32_t peer_test(struct peer *p, uint16_t lun);
uint32_t peer_read_blocks(struct peer *p, uint16_t lun, uint32_t lba,
	    uint16_t blocks);
uint32_t peer_write_blocks(struct peer *p, uint16_t lun, uint32_t lba,
	    uint16_t blocks);	/* the first block comes with it */
uint32_t peer_compare_and_write(struct peer *p, uint16_t lun, uint32_t lba);
uint32_t peer_register(struct peer *p, uint16_t lun, uint64_t key);
uint32_t peer_register_kept(struct peer *p, uint16_t lun, uint64_t key);
uint32_t peer_preempt_and_abort(struct peer *p, uint16_t lun, uint64_t key,
	    uint64_t victim_key);

#endif
