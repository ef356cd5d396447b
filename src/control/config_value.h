/* Values in configuration and on the command line: sizes, names, addresses,
 * networks, identities.  Text in, number out; no memory, no system calls.
 *
 * False with *e when the text is not one; the sentence starts with the text.
 */
#ifndef CONTROL_CONFIG_VALUE_H
#define CONTROL_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "control/config.h"

/* A decimal number from least to most, nothing around it. */
bool	value_number(const char *text, uint64_t least, uint64_t most,
	    uint64_t *number, struct error *e);

/* Bytes, powers of 1024: "4096", "64K", "10GiB", "1T". */
bool	value_size(const char *text, uint64_t least, uint64_t most,
	    uint64_t *bytes, struct error *e);

/* yes, no, true, false, on, off, 1, 0. */
bool	value_flag(const char *text, bool *flag, struct error *e);

/* An even number of hex digits, "0x" in front and "-" or ":" between bytes
 * allowed, into at most capacity bytes. */
bool	value_hex(const char *text, uint8_t *bytes, size_t capacity,
	    size_t *length, struct error *e);

/* Nothing but printable ASCII. */
bool	value_ascii(const char *text, struct error *e);

/* iqn.YYYY-MM.domain[:text], eui. and 16 hex digits, naa. and 16 or 32, in
 * lower case (RFC 7143 4.2.7). */
bool	value_iscsi_name(const char *text, struct error *e);

/* "ADDR:PORT", "[V6]:PORT", "NAME:PORT", "*:PORT"; the port may be left out.
 * Written in one way: numeric addresses as inet_ntop() has them, the port
 * always there. */
bool	value_address(const char *text, char address[ADDRESS_BYTES_MAX],
	    struct error *e);

/* "10.0.0.0/8", "fe80::/10", "192.0.2.7": bits behind the prefix must be 0. */
bool	value_network(const char *text, struct config_network *network,
	    struct error *e);

#endif
