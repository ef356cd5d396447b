/* base/sn.h: serial numbers wrap (RFC 1982). */
#include "test.h"

#include "base/sn.h"

/* [RFC7143 4.2.2.1-9] */
TEST(order_holds_across_the_wrap)
{
	CHECK(sn_before(0xffffffff, 0));
	CHECK(sn_after(0, 0xffffffff));
	CHECK(!sn_before(0, 0xffffffff));
	CHECK(!sn_before(7, 7));
	CHECK(!sn_after(7, 7));
}

/* [RFC7143 4.2.2.1-9] */
TEST(half_the_circle_is_the_horizon)
{
	CHECK(sn_before(0, 0x7fffffff));
	CHECK(!sn_before(0, 0x80000001));
}

TESTS(order_holds_across_the_wrap, half_the_circle_is_the_horizon)
