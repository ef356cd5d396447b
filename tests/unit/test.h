/* The little that every unit test needs, on top of cmocka.
 *
 *	TEST(cmdsn_outside_the_window_is_dropped)
 *	{
 *		CHECK_EQ(CMDSN_OUTSIDE, cmdsn_offer(&w, 7));	// wanted first
 *	}
 *
 *	TESTS(cmdsn_outside_the_window_is_dropped, ...)
 *
 * TESTS comes last in the file and makes the program.  Names are sentences.  A
 * test needs no root, no network and no sleep; one that cannot run here calls
 * skip() and says why.
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define TEST(name) \
	static void name([[maybe_unused]] void **test_state)

#define CHECK(fact)		assert_true(fact)
#define CHECK_EQ(wanted, got)	assert_int_equal((got), (wanted))
#define CHECK_TEXT(wanted, got)	assert_string_equal((got), (wanted))
#define CHECK_BYTES(wanted, got, length) \
	assert_memory_equal((got), (wanted), (length))

/* A copy of bytes that ends at a page nobody may touch: reading one byte too
 * many is a crash, not a pass.  guarded_free() gives it back. */
static inline uint8_t *
guarded_copy(const void *bytes, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (length + page - 1) / page * page;
	uint8_t *area = mmap(NULL, pages + page, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(area, MAP_FAILED);
	assert_int_equal(mprotect(area + pages, page, PROT_NONE), 0);
	if (length > 0)
		memcpy(area + pages - length, bytes, length);
	return area + pages - length;
}

static inline void
guarded_free(uint8_t *copy, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (length + page - 1) / page * page;

	munmap(copy + length - pages, pages + page);
}

#define TEST_ROW(name)	cmocka_unit_test(name),

/* At most 60 names in one TESTS; split the file before that. */
#define TESTS(...)							\
	int								\
	main(void)							\
	{								\
		static const struct CMUnitTest tests[] = {		\
			TEST_MAP(__VA_ARGS__)				\
		};							\
		return cmocka_run_group_tests(tests, NULL, NULL);	\
	}

#define TEST_EXPAND(...) TEST_EXPAND4(TEST_EXPAND4(TEST_EXPAND4(__VA_ARGS__)))
#define TEST_EXPAND4(...) TEST_EXPAND3(TEST_EXPAND3(TEST_EXPAND3(__VA_ARGS__)))
#define TEST_EXPAND3(...) TEST_EXPAND2(TEST_EXPAND2(TEST_EXPAND2(__VA_ARGS__)))
#define TEST_EXPAND2(...) TEST_EXPAND1(TEST_EXPAND1(TEST_EXPAND1(__VA_ARGS__)))
#define TEST_EXPAND1(...) __VA_ARGS__
#define TEST_MAP(...)	__VA_OPT__(TEST_EXPAND(TEST_MAP_ONE(__VA_ARGS__)))
#define TEST_MAP_ONE(name, ...)						\
	TEST_ROW(name) __VA_OPT__(TEST_MAP_NEXT TEST_PARENS (__VA_ARGS__))
#define TEST_PARENS	()
#define TEST_MAP_NEXT()	TEST_MAP_ONE

#endif
