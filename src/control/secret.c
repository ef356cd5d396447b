/* See secret.h. */
#include "control/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
secret_file_is_private(int fd, struct error *e)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_set(e, errno, "%s", error_words(errno));
	if (!S_ISREG(st.st_mode))
		return error_set(e, EINVAL, "not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(e, EPERM,
		    "belongs to user %u, not to us or to root",
		    (unsigned)st.st_uid);
	if ((st.st_mode & 077) != 0)
		return error_set(e, EPERM,
		    "mode %04o lets others at it; use 0600",
		    (unsigned)(st.st_mode & 07777));
	return true;
}

/* All of the file, up to capacity bytes. */
static bool
secret_file_read(int fd, uint8_t *bytes, size_t capacity, size_t *length,
    struct error *e)
{
	size_t have = 0;
	ssize_t got = 1;

	while (got != 0 && have < capacity) {
		got = read(fd, bytes + have, capacity - have);
		if (got < 0)
			return error_set(e, errno, "%s", error_words(errno));
		have += (size_t)got;
	}
	*length = have;
	return true;
}

static bool
secret_check(const uint8_t *bytes, size_t length, struct error *e)
{
	if (length < CHAP_SECRET_BYTES_MIN)
		return error_set(e, EINVAL,
		    "a secret of %zu bytes; at least %d are needed", length,
		    CHAP_SECRET_BYTES_MIN);
	if (length > CHAP_SECRET_BYTES_MAX)
		return error_set(e, EINVAL, "a secret has at most %d bytes",
		    CHAP_SECRET_BYTES_MAX);
	if (memchr(bytes, '\n', length) != NULL)
		return error_set(e, EINVAL, "more than one line");
	return true;
}

bool
secret_read(const char *file, uint8_t secret[CHAP_SECRET_BYTES_MAX],
    size_t *bytes, struct error *e)
{
	/* Room for "\r\n" and one byte that is too many. */
	uint8_t all[CHAP_SECRET_BYTES_MAX + 3];
	size_t length = 0;
	bool is_read = false;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0) {
		error_set(e, errno, "%s", error_words(errno));
		return error_prefix(e, "secret file %s: ", file);
	}
	if (!secret_file_is_private(fd, e) ||
	    !secret_file_read(fd, all, sizeof(all), &length, e))
		goto out;
	if (length > 0 && all[length - 1] == '\n')
		length--;
	if (length > 0 && all[length - 1] == '\r')
		length--;
	is_read = secret_check(all, length, e);
	if (is_read) {
		memcpy(secret, all, length);
		*bytes = length;
	}
out:
	explicit_bzero(all, sizeof(all));
	(void)close(fd);
	if (!is_read)
		error_prefix(e, "secret file %s: ", file);
	return is_read;
}

/* -- keys of LUNs ---------------------------------------------------------- */

static int
hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
key_from_hex(const uint8_t *text, uint8_t key[KEY_BYTES], struct error *e)
{
	for (int i = 0; i < KEY_BYTES; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0) {
			explicit_bzero(key, KEY_BYTES);
			return error_set(e, EINVAL,
			    "64 bytes that are not all hex digits");
		}
		key[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static bool
key_from_bytes(const uint8_t *all, size_t length, uint8_t key[KEY_BYTES],
    struct error *e)
{
	if (length == KEY_BYTES) {
		memcpy(key, all, KEY_BYTES);
		return true;
	}
	if (length == 2 * KEY_BYTES ||
	    (length == 2 * KEY_BYTES + 1 && all[2 * KEY_BYTES] == '\n'))
		return key_from_hex(all, key, e);
	return error_set(e, EINVAL, "not %d bytes, and not %d hex digits",
	    KEY_BYTES, 2 * KEY_BYTES);
}

bool
key_read(const char *file, uint8_t key[KEY_BYTES], struct error *e)
{
	uint8_t all[2 * KEY_BYTES + 2];
	size_t length = 0;
	bool is_read = false;
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		error_set(e, errno, "%s", error_words(errno));
	else
		is_read = secret_file_is_private(fd, e) &&
		    secret_file_read(fd, all, sizeof(all), &length, e) &&
		    key_from_bytes(all, length, key, e);
	explicit_bzero(all, sizeof(all));
	if (fd >= 0)
		(void)close(fd);
	return is_read || error_prefix(e, "key file %s: ", file);
}
