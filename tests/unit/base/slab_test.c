/* base/slab.h */
#include "test.h"

#include "base/slab.h"

TEST(limit_is_reached_but_not_passed)
{
	struct slab s;
	void *object[5];

	slab_init(&s, 40, 2, 5);
	for (int i = 0; i < 5; i++) {
		object[i] = slab_take(&s);
		CHECK(object[i] != NULL);
		CHECK_EQ(0, (uintptr_t)object[i] % 16);
		memset(object[i], i, 40);
	}
	CHECK(slab_take(&s) == NULL);
	for (int i = 0; i < 5; i++) {
		for (int j = 0; j < 40; j++)
			CHECK_EQ(i, ((uint8_t *)object[i])[j]);
		slab_give(&s, object[i]);
	}
	slab_free(&s);
}

TEST(last_given_is_first_taken)
{
	struct slab s;
	void *a, *b;

	slab_init(&s, 16, 8, 0);
	a = slab_take(&s);
	b = slab_take(&s);
	slab_give(&s, a);
	CHECK(slab_take(&s) == a);
	slab_give(&s, a);
	slab_give(&s, b);
	slab_free(&s);
}

TEST(reserve_makes_room_in_advance)
{
	struct slab s;

	slab_init(&s, 16, 4, 10);
	CHECK(slab_reserve(&s, 10));
	CHECK_EQ(10, s.made);
	CHECK(!slab_reserve(&s, 11));
	slab_free(&s);
}

TESTS(limit_is_reached_but_not_passed, last_given_is_first_taken,
    reserve_makes_room_in_advance)
