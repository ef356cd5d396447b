/* See zeros.h. */
#include "store/zeros.h"

/* Not const: that would put a mebibyte into the program file. */
static uint8_t zeros_area[ZEROS_BYTES] __attribute__((aligned(4096)));

const uint8_t *const zeros = zeros_area;
