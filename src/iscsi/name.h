/* iSCSI names (RFC 7143 4.2.7): iqn., eui. and naa., in lower case.
 *
 * The same check serves names from the wire and from a configuration.
 */
#ifndef ISCSI_NAME_H
#define ISCSI_NAME_H

#include <stdbool.h>

#include "base/limits.h"
#include "base/span.h"

/* Check a name and copy it in lower case into name, which has room for
 * ISCSI_NAME_BYTES_MAX + 1; what is compared later is this form (RFC 3722).
 * NULL when it is good, else what is wrong with it: "longer than 223 bytes";
 * name is then empty.
 *
 * Legal are ASCII letters and digits, '-', '.', ':', and well-formed UTF-8
 * beyond ASCII but for what RFC 3722 prohibits; '_' as well, since it is in
 * use.  Characters beyond ASCII are compared as they come, without NFKC.  With
 * allow_odd a name of these characters may begin with anything. */
const char *iscsi_name_check(struct span text, bool allow_odd,
	    char name[ISCSI_NAME_BYTES_MAX + 1]);

#endif
