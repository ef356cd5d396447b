/* See stamp.h. */
#include "stamp.h"

#include <string.h>

/* The finalizer of splitmix64: neighbours come out far apart. */
static uint64_t
mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9u;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t
word_at(const struct stamp *s, size_t offset)
{
	return mix(mix(s->run + s->generation) ^ (s->position + offset));
}

void
stamp_fill(const struct stamp *s, uint8_t *block, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 8) {
		const uint64_t word = word_at(s, at);

		memcpy(block + at, &word, sizeof(word));
	}
}

bool
stamp_check(const struct stamp *s, const uint8_t *block, size_t bytes,
    size_t *wrong)
{
	for (size_t at = 0; at < bytes; at += 8) {
		const uint64_t word = word_at(s, at);

		if (memcmp(block + at, &word, sizeof(word)) != 0) {
			*wrong = at;
			return false;
		}
	}
	return true;
}
