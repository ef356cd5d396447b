/* A mebibyte of zeros, for writing them and for lending them out.
 *
 * Nobody writes to it, so it takes address space and no memory: every page of
 * it is the kernel's one page of zeros.
 */
#ifndef STORE_ZEROS_H
#define STORE_ZEROS_H

#include <stdint.h>

#define ZEROS_BYTES	(1024u * 1024u)

extern const uint8_t *const zeros;	/* page aligned, ZEROS_BYTES long */

#endif
