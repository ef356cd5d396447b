/* libFuzzer entry: configurations of others (compat/import.h).
 *
 * Input: whose it is meant to be, in one byte, and the file.  Whatever comes:
 * it is read or refused in words, and what is written is a text that
 * lunet.conf's own parser takes or refuses.
 *
 * Links: src/base src/control src/compat src/cli/option.c src/reactor
 * Libraries: jansson confuse uring
 */
#include <stdlib.h>
#include <string.h>

#include "compat/import_parts.h"
#include "control/conf.h"

int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static import_reader *const readers[] = {
		import_read_tgt, import_read_iet, import_read_spdk,
		import_read_lio, import_read_scst, import_read_ctl,
		import_read_istgt,
	};
	struct error e = {};
	struct import *im;
	struct config c;
	char *text, *made;

	if (bytes == 0 || (im = import_new("/nowhere", &e)) == NULL)
		return 0;
	/* No file beside it, and nothing is included from there. */
	im->file = strdup("/nowhere/file");
	text = calloc(1, bytes);
	memcpy(text, data + 1, bytes - 1);
	im->format = (enum import_format)(IMPORT_TGT + data[0] % 7);
	if (readers[data[0] % 7](im, text, bytes - 1, &e)) {
		import_bursts_fit(im);
		if ((made = import_text(im, &e)) != NULL &&
		    conf_parse(&c, "made", made, strlen(made), &e))
			config_free(&c);
		free(made);
	} else if (e.text[0] == '\0')
		abort();	/* a refusal says why */
	free(text);
	import_free(im);
	return 0;
}
