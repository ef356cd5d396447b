/* What the administrator asked for: one struct for the file (conf.h), for the
 * command line of `lunet serve`, and later for what is changed at run time.
 *
 * Plain data.  Members are spelt as the keys of lunet.conf(5), with the unit
 * behind; config_keys.def is the list.  A struct config owns every text and
 * array in it until config_free().  Pointers into an array are good until the
 * next config_add_ call for the same array.
 *
 *	struct config c;
 *	struct error e;
 *
 *	config_init(&c);
 *	if (config_add_portal(&c, "127.0.0.1:3260", 0, &e) && ... &&
 *	    config_check(&c, &e))
 *		use(&c);
 *	config_free(&c);
 *
 * Everything that can be known without touching a disk or a network is checked
 * here, so what a struct config says after config_check() is well formed.  The
 * one exception are secret files: they are read when the user is added.
 */
#ifndef CONTROL_CONFIG_H
#define CONTROL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/log.h"

enum config_engine {
	CONFIG_ENGINE_AUTO,
	CONFIG_ENGINE_IO_URING,
	CONFIG_ENGINE_EPOLL,
};

enum config_digest {
	CONFIG_DIGEST_NONE,	/* never */
	CONFIG_DIGEST_CRC32C,	/* always; a login without it is refused */
	CONFIG_DIGEST_OPTIONAL,	/* as the initiator likes */
};

enum config_auto {
	CONFIG_AUTO,		/* as the store says */
	CONFIG_NO,
	CONFIG_YES,
};

/* Who changes the access state of a target's ports. */
enum config_alua {
	CONFIG_ALUA_NONE,
	CONFIG_ALUA_IMPLICIT,	/* the administrator */
	CONFIG_ALUA_EXPLICIT,	/* initiators */
	CONFIG_ALUA_BOTH,
};

enum config_port_state {
	CONFIG_PORT_OPTIMIZED,
	CONFIG_PORT_NONOPTIMIZED,
	CONFIG_PORT_STANDBY,
	CONFIG_PORT_UNAVAILABLE,
	CONFIG_PORT_TRANSITIONING,
};

/* A list of texts; line[i] is where the file has text[i], 0 for none. */
struct config_texts {
	char		**text;
	unsigned	 *line;
	size_t		  count;
};

/* A network that may log in: "10.0.0.0/8", "fe80::/10", "192.0.2.7". */
struct config_network {
	uint8_t	 address[16];	/* as on the wire; IPv4 fills the first 4 */
	uint8_t	 prefix_bits;
	bool	 is_ipv6;
};

/* A name and a secret for CHAP, in either direction. */
struct config_user {
	unsigned	 line;
	char		*name;
	char		*secret_file;
	uint8_t		 secret[CHAP_SECRET_BYTES_MAX];
	size_t		 secret_bytes;
};

struct config_portal {
	unsigned	 line;
	char		*address;	/* "10.0.0.1:3260", "[::]:3260", "*:0",
					 * as listener_open() takes it */
	uint32_t	 group;		/* portal group tag, 1 to 65535 */
};

/* A port of a target: a portal group that it is served on. */
struct config_port {
	unsigned	 line;		/* 0: the file does not say */
	uint16_t	 port;		/* the group's number */
	enum config_port_state access_state;
	bool		 preferred;
};

/* Who may log in, and how they and we prove it. */
struct config_auth {
	struct config_texts users;	/* none: no CHAP */
	char		*outgoing_user;	/* NULL: initiators cannot ask for it */
	unsigned	 chap_algorithms; /* bit HASH_MD5 and so on, hash.h */
};

/* What is negotiated with initiators, and how long we wait for them. */
struct config_session {
	uint32_t	 queue_depth;		/* commands */
	uint32_t	 recv_data_bytes;	/* MaxRecvDataSegmentLength */
	uint32_t	 first_burst_bytes;
	uint32_t	 max_burst_bytes;
	uint32_t	 outstanding_r2t;
	uint32_t	 max_connections;
	uint32_t	 error_recovery_level;
	uint32_t	 time2wait_s;
	uint32_t	 time2retain_s;
	bool		 initial_r2t;
	bool		 immediate_data;
	enum config_digest header_digest;
	enum config_digest data_digest;
	uint32_t	 nop_interval_s;	/* 0: no NOP-In; these two are of
						 * the daemon, not of a target */
	uint32_t	 nop_timeout_s;
};

/* SBC-4 table 254. */
enum config_form_factor {
	CONFIG_FORM_NONE,
	CONFIG_FORM_5_25,
	CONFIG_FORM_3_5,
	CONFIG_FORM_2_5,
	CONFIG_FORM_1_8,
	CONFIG_FORM_SMALLER,
};

struct config_lun {
	unsigned	 line;
	uint16_t	 lun;
	char		*store;		/* spec, store/store.h */
	uint64_t	 size_bytes;	/* of a file to be made; 0: it exists */
	bool		 read_only;
	bool		 write_cache;
	bool		 direct;
	bool		 thin;
	char		*key_file;	/* NULL: not encrypted */
	char		*old_key_file;	/* NULL: there was none */
	bool		 removable;
	bool		 copy_offload;
	bool		 atomic_writes;
	enum config_auto rotational;
	uint32_t	 rotation_rate;	/* per minute; 0: not given */
	enum config_form_factor form_factor;
	uint64_t	 warn_left_bytes, warn_used_bytes; /* 0: not given */
	uint32_t	 block_size_bytes;
	uint32_t	 physical_block_size_bytes; /* 0: as the store says */
	char		*vendor, *product, *revision, *serial; /* NULL: default */
	bool		 has_uuid;	/* else daemon/identity gives one */
	uint8_t		 uuid[16];
	uint8_t		 naa[16];
	uint8_t		 naa_bytes;	/* 0, 8 or 16 */
	uint8_t		 eui[16];
	uint8_t		 eui_bytes;	/* 0, 8, 12 or 16 */
};

struct config_target {
	unsigned	 line;
	char		*name;
	char		*alias;			/* NULL: none */
	struct config_texts portals;		/* addresses; none: all */
	struct config_texts groups;		/* numbers; none: all */
	struct config_port *ports;		/* after the check: all that it
						 * has, ascending */
	size_t		 port_count;
	enum config_alua alua;
	uint32_t	 transition_time_s;
	struct config_texts initiators;		/* patterns; none: all */
	struct config_texts addresses;		/* as written */
	struct config_network *networks;	/* the same, parsed */
	struct config_auth auth;
	struct config_session session;
	char		*redirect_temporary;	/* "ADDR:PORT" or NULL */
	char		*redirect_permanent;
	struct config_lun *luns;		/* ascending after the check */
	size_t		 lun_count;
	bool		 is_unsorted;		/* until then */
};

struct config_daemon {
	char		*state;			/* NULL: keep no state */
	char		*rpc;			/* NULL: no management socket */
	enum log_level	 log_level;
	uint32_t	 reactors;		/* 0: one for each core */
	enum config_engine engine;
	uint32_t	 spin_us;		/* 0: never */
	uint64_t	 buffers_bytes;		/* of one reactor */
};

struct config {
	char		*file;			/* NULL: command line */
	char		*changes_file;		/* NULL: nothing was merged */
	struct config_daemon daemon;
	struct config_session session;		/* what targets start from */
	struct config_auth discovery;
	struct config_portal *portals;
	size_t		 portal_count;
	struct config_user *users;
	size_t		 user_count;
	struct config_target *targets;
	size_t		 target_count;
};

/* An empty configuration with the defaults of config_keys.def. */
void	config_init(struct config *c);

/* Secrets are wiped.  Harmless after a failed parse and on a second call. */
void	config_free(struct config *c);

/* -- making one: each returns NULL, with *e, when it cannot be ------------ */

/* line: where the file says so, 0 for the command line. */
struct config_portal *config_add_portal(struct config *c, const char *address,
	    unsigned line, struct error *e);

/* Reads the secret: a regular file of ours or of root that nobody else can
 * read, 12 to 128 bytes, one trailing newline not counted. */
struct config_user *config_add_user(struct config *c, const char *name,
	    const char *secret_file, unsigned line, struct error *e);

/* That the name is new is left to config_check(), for the sake of files with
 * thousands of targets. */
struct config_target *config_add_target(struct config *c, const char *name,
	    unsigned line, struct error *e);

struct config_port *config_add_port(struct config_target *t, uint32_t port,
	    unsigned line, struct error *e);

struct config_lun *config_add_lun(struct config_target *t, uint32_t lun,
	    const char *store, unsigned line, struct error *e);

bool	config_texts_add(struct config_texts *list, const char *text,
	    unsigned line, struct error *e);

/* -- the rules that concern more than one key ----------------------------- */

/* Sorts LUNs, parses networks, adds the default portal where there is none and
 * the ports that follow from portals and groups, and checks what belongs
 * together: users that exist, portals that exist,
 * secrets that differ, bursts that fit, identities that are given once.  The
 * sentence in *e starts with "FILE:LINE: " when there is a file. */
bool	config_check(struct config *c, struct error *e);

const struct config_user *config_find_user(const struct config *c,
	    const char *name);
const struct config_target *config_find_target(const struct config *c,
	    const char *name);

/* "standby" of CONFIG_PORT_STANDBY, and back; the sentence begins with the name
 * of the key. */
const char *config_port_state_word(enum config_port_state state);
bool	config_port_state_parse(const char *text,
	    enum config_port_state *state, struct error *e);

/* The line of what was merged into a file (conf_merge.h). */
#define CONFIG_LINE_CHANGED	0x80000000u

/* Put "FILE:LINE: " in front of *e.  False. */
bool	config_error_at(const struct config *c, unsigned line,
	    struct error *e);

#endif
