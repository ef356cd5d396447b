/* Other targets' configurations, told in the words of lunet.conf(5).
 *
 *	format		 file it is found in		with it is read
 *	IMPORT_TGT	 /etc/tgt/targets.conf		what it includes
 *	IMPORT_IET	 /etc/iet/ietd.conf		initiators.allow, .deny,
 *							targets.allow beside it
 *	IMPORT_SPDK	 what save_config printed
 *	IMPORT_LIO	 /etc/target/saveconfig.json
 *	IMPORT_SCST	 /etc/scst.conf
 *	IMPORT_CTL	 /etc/ctl.conf (FreeBSD)
 *	IMPORT_ISTGT	 istgt.conf			auth.conf beside it
 *
 * Kept are names, LUN numbers, stores, users, who may log in, limits that were
 * set, and what hosts know a disk by: vendor, product, serial number, NAA.  What
 * has no equivalent is told in notes, one sentence each.  Nobody is let in who was
 * not before: where Lunet cannot say who saw what, the narrower is written.
 *
 *	struct import *im = import_new("/etc/lunet/secrets", &e);
 *	if (import_read(im, "/etc/tgt/targets.conf", IMPORT_GUESS, &e) &&
 *	    import_save_secrets(im, &e))
 *		text = import_text(im, &e);	// free() it
 *	for (size_t i = 0; i < import_note_count(im); i++)
 *		puts(import_note(im, i));
 *	import_free(im);			// wipes the secrets
 *
 * Files are read as they are written; nothing of the other system needs to be
 * installed or running.
 */
#ifndef COMPAT_IMPORT_H
#define COMPAT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/option.h"

enum import_format {
	IMPORT_GUESS,
	IMPORT_TGT, IMPORT_IET, IMPORT_SPDK, IMPORT_LIO, IMPORT_SCST,
	IMPORT_CTL, IMPORT_ISTGT,
};

struct import;

/* NULL without memory.  secrets: the folder that user sections will name. */
struct import *import_new(const char *secrets, struct error *e);
void	import_free(struct import *im);		/* NULL is harmless */

/* "tgt", "iet", "spdk", "lio", "scst", "ctl", "istgt", and back; false: no such
 * word. */
const char *import_word(enum import_format format);
bool	import_format_parse(const char *word, enum import_format *format);

/* Once.  False with *e ("FILE:LINE: ...") when it cannot be read, is none of
 * these or does not follow its own grammar. */
bool	import_read(struct import *im, const char *file,
	    enum import_format format, struct error *e);

/* What it was. */
enum import_format import_format(const struct import *im);

/* What was not kept, in the order it was met. */
size_t	import_note_count(const struct import *im);
const char *import_note(const struct import *im, size_t n);

/* The text of a lunet.conf, to be freed; NULL with *e. */
char	*import_text(const struct import *im, struct error *e);

/* Write a file for each secret (mode 0600, in a folder that is made with mode
 * 0700).  A file that is there with the same secret is left; with another one it
 * is not touched, and that is an error. */
bool	import_save_secrets(const struct import *im, struct error *e);
size_t	import_secret_count(const struct import *im);

/* -- lunet import ---------------------------------------------------------- */

extern const struct option_row import_options[];

/* `lunet import FILE ...`, argv[0] is "import".  Returns the exit status: 0
 * done, 1 refused with a sentence on err, 2 not a command line of ours. */
int	import_main(int argc, char **argv, FILE *out, FILE *err);

#endif
