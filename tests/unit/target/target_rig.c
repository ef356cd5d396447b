/* See target_rig.h. */
#include "target_rig.h"

#include <stdlib.h>

#include "base/be.h"
#include "base/log.h"
#include "iscsi/login.h"

#define BLOCK_BYTES	512u
#define VECS		64
/* Of all reactors: a long queue of claims passes by then. */
#define QUIET_ROUNDS	200

/* -- the target ------------------------------------------------------------ */

static void
add_units(struct rig *rig, const char *store, unsigned luns)
{
	struct error e;

	for (unsigned i = 0; i < luns; i++) {
		struct unit_config uc = {
			.lun = (uint16_t)i,
			.store = store,
			.block_bytes = BLOCK_BYTES,
			.has_write_cache = true,
			.is_thin = -1,
			.is_rotational = -1,
			.identity.uuid = { 1, [14] = (uint8_t)(i >> 8),
			    [15] = (uint8_t)i },
		};

		CHECK(service_add_unit(rig->service, RIG_TARGET, &uc, &e));
	}
}

void
rig_open(struct rig *rig, unsigned reactors, const char *store, unsigned luns)
{
	rig_open_keeping(rig, reactors, store, luns, NULL);
}

void
rig_open_keeping(struct rig *rig, unsigned reactors, const char *store,
    unsigned luns, const char *reservations)
{
	struct target_config tc = { .name = RIG_TARGET,
		.alua = SCSI_ALUA_BOTH, .queue_depth = 64 };
	struct service_config c;
	char operations[256];
	struct error e;

	memset(rig, 0, sizeof(*rig));
	service_config_default(&c);
	c.reactors = rig->reactors = reactors;
	c.engine = REACTOR_ENGINE_EPOLL;
	c.spin_ns = 0;
	c.buffer_bytes_max = 16 * (size_t)MiB;
	c.reservations = reservations;
	if (reservations != NULL) {
		snprintf(operations, sizeof(operations), "%s.operations",
		    reservations);
		c.operations = operations;
	}
	negotiate_offer_default(&tc.offer);
	CHECK(service_new(&rig->service, &c, &e));
	CHECK(service_add_target(rig->service, &tc, &e));
	rig->target = service_find_target(rig->service, RIG_TARGET);
	add_units(rig, store, luns);
}

void
rig_close(struct rig *rig)
{
	struct error e;

	for (unsigned i = 0; i < RIG_PEERS; i++)
		if (rig->peers[i].is_open)
			peer_drop(&rig->peers[i]);
	rig_settle(rig);
	for (unsigned i = 0; i < rig->reactors; i++) {
		CHECK(list_is_empty(&service_shard(rig->service, i)->sessions));
		CHECK_EQ(0, buffer_bytes_taken(
		    service_shard(rig->service, i)->reactor));
	}
	CHECK(service_free(rig->service, &e));
}

struct unit *
rig_unit(struct rig *rig, uint16_t lun)
{
	return target_find_unit(rig->target, lun);
}

/* -- what a peer hears ----------------------------------------------------- */

static void
peer_is_told(struct peer *p, const struct pdu *q, const uint8_t *data)
{
	switch (q->opcode) {
	case OP_SCSI_RESPONSE:
		CHECK_EQ(NO_ANSWER, p->status[q->itt]);
		p->status[q->itt] = q->response.status;
		if (q->data_bytes >= 2 + 14)	/* SenseLength before it */
			p->sense_code = get_be16(data + 2 + 12);
		p->order[q->itt] = ++p->rig->answers;
		break;
	case OP_DATA_IN:
		if (!q->data.has_status)
			break;
		CHECK_EQ(NO_ANSWER, p->status[q->itt]);
		p->status[q->itt] = q->data.status;
		p->order[q->itt] = ++p->rig->answers;
		break;
	case OP_TASK_RESPONSE:
		CHECK_EQ(NO_ANSWER, p->response[q->itt]);
		p->response[q->itt] = q->task_response.response;
		p->order[q->itt] = ++p->rig->answers;
		break;
	case OP_R2T:
		p->r2ts[q->itt]++;
		break;
	case OP_REJECT:
		p->rejects++;
		break;
	case OP_ASYNC:
		p->asyncs++;
		break;
	default:
		break;
	}
}

/* Take one batch from the writer.  False: it has nothing to say. */
static bool
peer_listen(struct peer *p)
{
	struct writer *w = &p->connection.conn.writer;
	static uint8_t bytes[WRITER_BATCH_BYTES_MAX * 2];
	struct iovec vec[VECS];
	size_t length = 0;
	int count;

	if (!p->is_open)
		return false;
	count = writer_gather(w, vec, VECS);
	if (count == 0)
		return false;
	for (int i = 0; i < count; i++) {
		CHECK(vec[i].iov_len <= sizeof(bytes) - length);
		memcpy(bytes + length, vec[i].iov_base, vec[i].iov_len);
		length += vec[i].iov_len;
	}
	for (size_t at = 0; at < length;) {
		struct pdu q;

		CHECK(pdu_parse(&q, bytes + at));
		peer_is_told(p, &q, bytes + at + PDU_HEADER_BYTES);
		at += PDU_HEADER_BYTES + q.data_bytes + pdu_pad(q.data_bytes);
	}
	writer_sent(w);
	return true;
}

void
rig_turn(struct rig *rig, unsigned reactor)
{
	struct shard *sh = service_shard(rig->service, reactor);

	reactor_turn(sh->reactor, 0);
	for (unsigned i = 0; i < RIG_PEERS; i++) {
		struct peer *p = &rig->peers[i];

		if (!p->is_open || p->connection.shard != sh)
			continue;
		while (peer_listen(p))
			;
		if (p->connection.is_closing)
			peer_drop(p);
	}
}

/* Is something under way that ends by itself? */
static bool
is_busy(struct rig *rig)
{
	for (unsigned i = 0; i < rig->reactors; i++) {
		struct shard *sh = service_shard(rig->service, i);

		LIST_FOR_EACH(l, &sh->sessions) {
			struct nexus *n = CONTAINER_OF(l, struct nexus, link);

			if (n->is_ending)
				return true;
			LIST_FOR_EACH(t, &n->session->tasks) {
				enum command_busy busy = command_of_task(
				    CONTAINER_OF(t, struct task, link))->busy;

				if (busy == COMMAND_STORE ||
				    busy == COMMAND_KEEP)
					return true;
			}
		}
	}
	return false;
}

void
rig_settle(struct rig *rig)
{
	unsigned patience = 2000;

	for (unsigned quiet = 0; quiet < QUIET_ROUNDS && patience > 0;) {
		for (unsigned i = 0; i < rig->reactors; i++)
			rig_turn(rig, i);
		if (is_busy(rig)) {
			usleep(500);
			patience--;
			quiet = 0;
		} else {
			quiet++;
		}
	}
}

/* -- peers ----------------------------------------------------------------- */

static void
stamp(void *owner, uint8_t bhs[PDU_HEADER_BYTES])
{
	struct conn *c = owner;

	put_be32(bhs + 24, c->statsn++);
}

static uint8_t *
arena_take([[maybe_unused]] void *owner)
{
	return malloc(WRITER_ARENA_BYTES);
}

static void
arena_give([[maybe_unused]] void *owner, uint8_t *arena)
{
	free(arena);
}

static const struct writer_ops writer_ops = {
	.stamp = stamp, .arena_take = arena_take, .arena_give = arena_give,
};

/* No login takes place. */
static const struct reader_ops no_reader_ops;

static void
never([[maybe_unused]] struct timer *t)
{
}

/* The nexus of a login that went well. */
static struct nexus *
nexus_make(struct rig *rig, struct shard *sh, uint16_t isid,
    struct conn_params *params)
{
	struct login *l = calloc(1, sizeof(*l));
	struct nexus *n;

	CHECK(l != NULL);
	(void)snprintf(l->initiator_name, sizeof(l->initiator_name),
	    "iqn.2026-01.test:i%u", isid);
	l->isid[0] = 0x80;
	put_be16(l->isid + 4, isid);
	l->cmdsn = 1;
	session_params_default(&l->session);
	l->session.initial_r2t = false;
	conn_params_default(&l->conn);
	l->conn.our_recv_data_max = RECV_DATA_BYTES_MAX;
	*params = l->conn;
	n = nexus_new(sh, l, rig->target, rig->target->ports,
	    target_policy(rig->target)->queue_depth);
	CHECK(n != NULL);
	free(l);
	return n;
}

struct peer *
rig_login(struct rig *rig, unsigned reactor, uint16_t isid)
{
	struct shard *sh = service_shard(rig->service, reactor);
	struct registry_wait wait;
	struct conn_params params;
	struct peer *p = rig->peers;

	while (p->is_open)
		p++;
	CHECK(p < rig->peers + RIG_PEERS);
	memset(p, 0, sizeof(*p));
	memset(p->status, 0xff, sizeof(p->status));
	memset(p->response, 0xff, sizeof(p->response));
	p->rig = rig;
	p->cmdsn = p->itt = 1;
	p->is_open = true;
	p->connection.shard = sh;
	timer_init(&p->connection.timer, never);
	conn_init(&p->connection.conn, &p->connection, &no_reader_ops,
	    &writer_ops);
	p->nexus = nexus_make(rig, sh, isid, &params);
	CHECK_EQ(REGISTRY_ENTERED, registry_enter(rig->service->registry,
	    &p->nexus->entry, &wait));
	conn_join(&p->connection.conn, p->nexus->session, 1, &params, 1, 1);
	p->connection.nexus = p->nexus;
	list_append(&sh->sessions, &p->nexus->link);
	atomic_fetch_add(&sh->load, 1);
	return p;
}

void
peer_ready(struct peer *p, uint16_t lun)
{
	uint32_t itt = peer_test(p, lun);

	rig_settle(p->rig);
	CHECK_EQ(SCSI_CHECK_CONDITION, p->status[itt]);
	itt = peer_test(p, lun);
	rig_settle(p->rig);
	CHECK_EQ(SCSI_GOOD, p->status[itt]);
}

void
peer_drop(struct peer *p)
{
	CHECK(p->is_open);
	p->is_open = false;
	conn_lost(&p->connection.conn);
	nexus_connection_gone(p->nexus);
}

/* -- requests -------------------------------------------------------------- */

static void
peer_say(struct peer *p, const struct pdu *q, const uint8_t *data)
{
	size_t length = PDU_HEADER_BYTES + q->data_bytes +
	    pdu_pad(q->data_bytes);
	uint8_t *bytes = calloc(1, length);

	CHECK(bytes != NULL);
	pdu_build(q, bytes);
	if (q->data_bytes > 0)
		memcpy(bytes + PDU_HEADER_BYTES, data, q->data_bytes);
	CHECK(reader_feed(&p->connection.conn.reader, bytes, length));
	free(bytes);
}

static uint32_t
peer_command(struct peer *p, uint16_t lun, const uint8_t *cdb,
    size_t cdb_bytes, const uint8_t *data, uint32_t data_bytes,
    uint32_t expected_bytes, bool is_write)
{
	struct pdu q = {
		.opcode = OP_SCSI_COMMAND,
		.is_final = true,
		.lun = scsi_lun_build(lun),
		.itt = p->itt++,
		.cmdsn = p->cmdsn++,
		.data_bytes = data_bytes,
		.command = {
			.expected_bytes = expected_bytes,
			.is_read = !is_write && expected_bytes > 0,
			.is_write = is_write,
			.attr = 1,
		},
	};

	CHECK(q.itt < RIG_TAGS);
	CHECK(cdb_bytes <= sizeof(q.command.cdb));
	memcpy(q.command.cdb, cdb, cdb_bytes);
	peer_say(p, &q, data);
	return q.itt;
}

uint32_t
peer_read(struct peer *p, uint16_t lun, const uint8_t *cdb, size_t cdb_bytes,
    uint32_t bytes)
{
	return peer_command(p, lun, cdb, cdb_bytes, NULL, 0, bytes, false);
}

uint32_t
peer_write(struct peer *p, uint16_t lun, const uint8_t *cdb, size_t cdb_bytes,
    const uint8_t *data, uint32_t bytes)
{
	return peer_command(p, lun, cdb, cdb_bytes, data, bytes, bytes, true);
}

uint32_t
peer_task_request(struct peer *p, enum task_function function, uint16_t lun,
    uint32_t referenced_itt, uint32_t refcmdsn)
{
	struct pdu q = {
		.opcode = OP_TASK_REQUEST,
		.is_immediate = true,
		.is_final = true,
		.lun = scsi_lun_build(lun),
		.itt = p->itt++,
		.cmdsn = p->cmdsn,
		.task = {
			.function = (uint8_t)function,
			.referenced_itt = referenced_itt,
			.refcmdsn = refcmdsn,
		},
	};

	peer_say(p, &q, NULL);
	return q.itt;
}

uint32_t
peer_test(struct peer *p, uint16_t lun)
{
	return peer_read(p, lun, (const uint8_t[6]){ 0 }, 6, 0);
}

static void
cdb_blocks(uint8_t cdb[10], uint8_t opcode, uint32_t lba, uint16_t blocks)
{
	memset(cdb, 0, 10);
	cdb[0] = opcode;
	put_be32(cdb + 2, lba);
	put_be16(cdb + 7, blocks);
}

uint32_t
peer_read_blocks(struct peer *p, uint16_t lun, uint32_t lba, uint16_t blocks)
{
	uint8_t cdb[10];

	cdb_blocks(cdb, 0x28, lba, blocks);
	return peer_read(p, lun, cdb, sizeof(cdb), blocks * BLOCK_BYTES);
}

uint32_t
peer_write_blocks(struct peer *p, uint16_t lun, uint32_t lba, uint16_t blocks)
{
	uint8_t cdb[10], data[BLOCK_BYTES];

	memset(data, 0x5a, sizeof(data));
	cdb_blocks(cdb, 0x2a, lba, blocks);
	return peer_command(p, lun, cdb, sizeof(cdb), data, sizeof(data),
	    blocks * BLOCK_BYTES, true);
}

uint32_t
peer_compare_and_write(struct peer *p, uint16_t lun, uint32_t lba)
{
	uint8_t cdb[16] = { 0x89, [13] = 1 }, data[2 * BLOCK_BYTES] = { 0 };

	put_be32(cdb + 6, lba);
	return peer_write(p, lun, cdb, sizeof(cdb), data, sizeof(data));
}

static uint32_t
peer_persistent_out(struct peer *p, uint16_t lun, uint8_t action,
    uint64_t key, uint64_t new_key, uint8_t flags)
{
	uint8_t cdb[10] = { 0x5f, action, 0x05, [8] = 24 }, list[24] = { 0 };

	put_be64(list, key);
	put_be64(list + 8, new_key);
	list[20] = flags;
	return peer_write(p, lun, cdb, sizeof(cdb), list, sizeof(list));
}

uint32_t
peer_register(struct peer *p, uint16_t lun, uint64_t key)
{
	return peer_persistent_out(p, lun, 0x06, 0, key, 0);
}

uint32_t
peer_register_kept(struct peer *p, uint16_t lun, uint64_t key)
{
	return peer_persistent_out(p, lun, 0x06, 0, key, 0x01);
}

uint32_t
peer_preempt_and_abort(struct peer *p, uint16_t lun, uint64_t key,
    uint64_t victim_key)
{
	return peer_persistent_out(p, lun, 0x05, key, victim_key, 0);
}
