/* Random instructions, the same in each run. */
#ifndef MORTISE_TESTS_X86SYS_STREAM_H
#define MORTISE_TESTS_X86SYS_STREAM_H

#include <stdint.h>

#define STREAM_SIZE 600u /* bytes, and less than an instruction more */

/* 0 to n - 1. */
uint32_t stream_random(uint32_t n);

/* A stream for blocks of 64-bit mode, with few instructions that end one. */
void stream_put(uint8_t *at, uint32_t mode);

#endif
