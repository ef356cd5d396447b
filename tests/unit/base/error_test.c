/* base/error.h */
#include "test.h"

#include <errno.h>

#include "base/error.h"

TEST(prefix_goes_in_front)
{
	struct error e;

	CHECK(!error_set(&e, EBUSY, "portal %s: address in use", "a:1"));
	CHECK(!error_prefix(&e, "%s:%d: ", "lunet.conf", 3));
	CHECK_TEXT("lunet.conf:3: portal a:1: address in use", e.text);
	CHECK_EQ(EBUSY, e.code);
}

TEST(long_text_is_cut_and_terminated)
{
	struct error e;
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_set(&e, EINVAL, "%s", text);
	CHECK_EQ(sizeof(e.text) - 1, strlen(e.text));
	error_prefix(&e, "%s", text);
	CHECK_EQ(sizeof(e.text) - 1, strlen(e.text));
}

TEST(words_start_in_lower_case)
{
	CHECK_TEXT("no space left on device", error_words(ENOSPC));
	CHECK_TEXT("error 9999", error_words(9999));
}

TESTS(prefix_goes_in_front, long_text_is_cut_and_terminated,
    words_start_in_lower_case)
