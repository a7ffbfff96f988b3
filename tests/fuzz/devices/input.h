/* The bytes of an input, taken one after the other; zeros follow its end. */
#ifndef MORTISE_TESTS_FUZZ_DEVICES_INPUT_H
#define MORTISE_TESTS_FUZZ_DEVICES_INPUT_H

#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* Little-endian, 1 to 8 bytes. */
static inline uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < bytes && in->left; i++) {
        value |= (uint64_t)*in->at++ << 8 * i;
        in->left--;
    }
    return value;
}

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
    return (uint8_t)fuzz_take(in, 1);
}

#endif
