/* Text fields of parameter data (SPC-4 4.4.1): ASCII, left aligned, filled up
 * with blanks.
 */
#ifndef SCSI_TEXT_H
#define SCSI_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Write text into a field of exactly `bytes`; what does not fit is cut, and
 * what is not printable ASCII becomes a blank. */
static inline void
text_field(uint8_t *field, size_t bytes, const char *text)
{
	for (size_t i = 0; i < bytes; i++) {
		char ch = *text != '\0' ? *text++ : ' ';

		field[i] = ch >= 0x20 && ch <= 0x7e ? (uint8_t)ch : ' ';
	}
}

#endif
