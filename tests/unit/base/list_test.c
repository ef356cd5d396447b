/* base/list.h */
#include "test.h"

#include "base/list.h"

struct item {
	int		value;
	struct link	link;
};

TEST(members_come_out_in_the_order_they_went_in)
{
	struct list l;
	struct item items[3] = { { .value = 0 }, { .value = 1 },
		{ .value = 2 } };

	list_init(&l);
	for (int i = 0; i < 3; i++)
		list_append(&l, &items[i].link);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(i, CONTAINER_OF(list_take(&l), struct item,
		    link)->value);
	CHECK(list_take(&l) == NULL);
}

TEST(current_member_may_be_removed_in_a_walk)
{
	struct list l;
	struct item items[3] = { 0 };
	int seen = 0;

	list_init(&l);
	for (int i = 0; i < 3; i++)
		list_append(&l, &items[i].link);
	LIST_FOR_EACH(at, &l) {
		list_remove(at);
		seen++;
	}
	CHECK_EQ(3, seen);
	CHECK(list_is_empty(&l));
	CHECK(!link_is_in_list(&items[1].link));
}

TEST(splice_moves_all_and_empties_the_source)
{
	struct list a, b;
	struct item items[2] = { { .value = 1 }, { .value = 2 } };

	list_init(&a);
	list_init(&b);
	list_append(&a, &items[0].link);
	list_append(&b, &items[1].link);
	list_splice(&a, &b);
	CHECK(list_is_empty(&b));
	CHECK(list_take(&a) == &items[0].link);
	CHECK(list_take(&a) == &items[1].link);
}

TESTS(members_come_out_in_the_order_they_went_in,
    current_member_may_be_removed_in_a_walk,
    splice_moves_all_and_empties_the_source)
