/* io_uring constants that are younger than liburing 2.3.  They are facts of
 * the kernel's interface; whether the running kernel knows them is found out
 * at run time (probe.c). */
#ifndef REACTOR_UAPI_COMPAT_H
#define REACTOR_UAPI_COMPAT_H

#include <liburing.h>

/* Linux 6.10: send and receive in bundles of buffers. */
#ifndef IORING_FEAT_RECVSEND_BUNDLE
#define IORING_FEAT_RECVSEND_BUNDLE	(1U << 14)
#endif

/* Linux 6.12: wait for several completions, but not long. */
#ifndef IORING_FEAT_MIN_TIMEOUT
#define IORING_FEAT_MIN_TIMEOUT		(1U << 15)
#endif

/* Linux 6.12: a provided buffer is used up piece by piece.  Goes into the
 * field of struct io_uring_buf_reg that liburing 2.3 calls pad. */
#ifndef IOU_PBUF_RING_INC
#define IOU_PBUF_RING_INC		2
#endif

#endif
