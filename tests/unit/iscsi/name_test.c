/* iscsi/name.h: RFC 7143 4.2.7. */
#include "test.h"

#include "iscsi/name.h"

static char name[ISCSI_NAME_BYTES_MAX + 1];

static const char *
check(const char *text)
{
	uint8_t *copy = guarded_copy(text, strlen(text));
	const char *fault = iscsi_name_check(span_of(copy, strlen(text)), false,
	    name);

	guarded_free(copy, strlen(text));
	return fault == NULL ? "good" : fault;
}

TEST(names_of_the_three_types_are_good)
{
	CHECK_TEXT("good", check("iqn.1993-08.org.debian:01:abc"));
	CHECK_TEXT("good", check("iqn.2001-04.com.example"));
	CHECK_TEXT("good", check("iqn.1991-05.com.microsoft:host_1.local"));
	CHECK_TEXT("good", check("eui.02004567a425678d"));
	CHECK_TEXT("good", check("naa.52004567ba64678d"));
	CHECK_TEXT("good", check("naa.62004567ba64678d0123456789abcdef"));
}

/* [RFC7143 4.2.7.1-5] */
TEST(names_become_lower_case)
{
	CHECK_TEXT("good", check("IQN.1993-08.Org.Debian:XYZ"));
	CHECK_TEXT("iqn.1993-08.org.debian:xyz", name);
	CHECK_TEXT("good", check("EUI.02004567A425678D"));
	CHECK_TEXT("eui.02004567a425678d", name);
}

TEST(names_of_other_types_are_odd)
{
	CHECK_TEXT("neither iqn. nor eui. nor naa.", check("joe"));
	CHECK_TEXT("neither iqn. nor eui. nor naa.", check("iqn"));
	CHECK_TEXT("", name);
	CHECK(iscsi_name_check(span_of_text("Joe"), true, name) == NULL);
	CHECK_TEXT("joe", name);
	CHECK(iscsi_name_check(span_of_text("a b"), true, name) != NULL);
}

TEST(malformed_names_are_refused)
{
	CHECK_TEXT("empty", check(""));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn."));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn.1993-08"));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn.1993-08."));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn.1993-8.org"));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn.1993-08.:x"));
	CHECK_TEXT("not iqn.YYYY-MM.domain", check("iqn.199x-08.org"));
	CHECK_TEXT("not eui. and 16 digits", check("eui.0200"));
	CHECK_TEXT("not eui. and 16 digits",
	    check("eui.02004567a425678d02004567a425678d"));
	CHECK_TEXT("not hexadecimal digits", check("eui.02004567a425678g"));
	CHECK_TEXT("not naa. and 16 or 32 digits", check("naa.1"));
}

/* [RFC7143 4.2.7.2-1] */
TEST(illegal_characters_are_refused)
{
	static const char bad[] = " !\"#$%&'()*+,/;<=>?@[\\]^`{|}~\t\n\x7f";
	char text[] = "iqn.1993-08.org:?";

	for (const char *p = bad; *p != '\0'; p++) {
		text[sizeof(text) - 2] = *p;
		CHECK_TEXT("illegal character", check(text));
	}
	CHECK(iscsi_name_check(span_of("iqn.2001-01.a\0b", 15), false, name) !=
	    NULL);
}

/* [RFC7143 4.2.7.2-1] */
TEST(names_of_other_scripts_are_good_when_well_formed)
{
	CHECK_TEXT("good", check("iqn.2001-01.a:\xc3\xa4"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xe6\x97\xa5\xe6\x9c\xac"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xe0\xa4\x85"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xf0\x9f\x92\xbe"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xc3"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xc3x"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\x80"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xc0\x80"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xc2\x85"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xe0\x80\x80"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xed\xa0\x80"));
	CHECK_TEXT("illegal character",
	    check("iqn.2001-01.a:\xf4\x90\x80\x80"));
	CHECK_TEXT("illegal character", check("iqn.2001-01.a:\xff"));
}

/* What does not show or turns text around has no place in a log.
 * [RFC7143 4.2.7.1-5] */
TEST(characters_that_rfc_3722_prohibits_are_refused)
{
	static const char *const bad[] = { "\xc2\xa0", "\xe2\x80\x8b",
		"\xe2\x80\xae", "\xe2\x81\xa6", "\xe3\x80\x82",
		"\xee\x80\x80", "\xef\xbb\xbf", "\xef\xbf\xbd",
		"\xef\xbf\xbf", "\xf0\x9f\xbf\xbf", "\xf3\xa0\x80\x81",
		"\xf4\x8f\xbf\xbd" };
	char text[32];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "iqn.2001-01.a:%s", bad[i]);
		CHECK_TEXT("illegal character", check(text));
	}
	CHECK_TEXT("good", check("iqn.2001-01.a:\xc2\xa1"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xe2\x80\x90"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xef\xa4\x80"));
	CHECK_TEXT("good", check("iqn.2001-01.a:\xf0\x90\x80\x80"));
}

/* [RFC7143 4.2.7.1-3] */
TEST(two_hundred_and_twenty_three_bytes_are_the_longest)
{
	char text[225] = "iqn.2001-01.";

	memset(text + 12, 'x', sizeof(text) - 13);
	CHECK_TEXT("longer than 223 bytes", check(text));
	text[223] = '\0';
	CHECK_TEXT("good", check(text));
	CHECK_EQ(223, strlen(name));
}

TESTS(names_of_the_three_types_are_good, names_become_lower_case,
    names_of_other_types_are_odd, malformed_names_are_refused,
    illegal_characters_are_refused,
    names_of_other_scripts_are_good_when_well_formed,
    characters_that_rfc_3722_prohibits_are_refused,
    two_hundred_and_twenty_three_bytes_are_the_longest)
