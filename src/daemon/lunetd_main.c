/* lunetd(8): the target daemon. */
#include <stdio.h>

#include "daemon/options.h"
#include "daemon/privileges.h"
#include "daemon/serve.h"

static int
refuse(const struct error *e, int status)
{
	fprintf(stderr, "lunetd: %s\n", e->text);
	return status;
}

int
main(int argc, char **argv)
{
	struct options o;
	struct error e;
	int status = 0;

	switch (options_lunetd(&o, argc, argv, stdout, &e)) {
	case OPTIONS_SAID:
		return 0;
	case OPTIONS_REFUSED:
		return refuse(&e, 1);
	case OPTIONS_USAGE:
		return refuse(&e, 2);
	case OPTIONS_RUN:
		break;
	}
	if (o.config.user_count > 0)
		privileges_hide_memory();
	if (!o.is_check)
		status = serve("lunetd", &o);
	options_free(&o);
	return status;
}
