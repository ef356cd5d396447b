/* lunet.conf(5): a text into a struct config, or one sentence why not.
 *
 *	portal "0.0.0.0:3260" { }
 *	user joe { secret_file = /etc/lunet/joe.secret }
 *	target iqn.2026-11.com.example:disks {
 *		users = { joe }
 *		lun 0 { store = /srv/disk0.img  size = 10G }
 *	}
 *
 * The grammar is libconfuse's, made strict by conf_scan.h; the keys are
 * config_keys.def; the rules between keys are config_check().  libconfuse has
 * static data: one parse at a time, on any thread.
 */
#ifndef CONTROL_CONF_H
#define CONTROL_CONF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "control/config.h"

/* Parse and check.  name stands in sentences: "lunet.conf:12: target ...: lun
 * 300000: the highest is 16383".  *c is written to only when all of it is
 * right; it is then the caller's to config_free(). */
bool	conf_parse(struct config *c, const char *name, const char *text,
	    size_t bytes, struct error *e);

/* The same of a file. */
bool	conf_read(struct config *c, const char *path, struct error *e);

#endif
