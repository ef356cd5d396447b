/* See rpc_frame.h. */
#include "control/rpc_frame.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One byte between quotes.  True when the value ends with it. */
static bool
text_byte(struct rpc_frame *f, char c)
{
	if ((unsigned char)c < 0x20)
		return true;
	if (f->is_escaped)
		f->is_escaped = false;
	else if (c == '\\')
		f->is_escaped = true;
	else if (c == '"')
		f->is_in_text = false;
	return false;
}

static bool
frame_byte(struct rpc_frame *f, char c)
{
	if (!f->has_started) {
		if (is_blank(c))
			return false;
		f->has_started = true;
		f->is_line = c != '{' && c != '[';
	}
	if (f->is_line)
		return c == '\n';
	if (f->is_in_text)
		return text_byte(f, c);
	if (c == '"')
		f->is_in_text = true;
	else if (c == '{' || c == '[')
		f->depth++;
	else if (c == '}' || c == ']')
		f->depth--;
	return f->depth == 0;
}

size_t
rpc_frame_scan(struct rpc_frame *f, const char *bytes, size_t length,
    bool *is_done)
{
	size_t used = 0;

	*is_done = false;
	while (used < length && !*is_done)
		*is_done = frame_byte(f, bytes[used++]);
	if (*is_done)
		*f = (struct rpc_frame){};
	return used;
}
