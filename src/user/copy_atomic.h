/* Single words of guest memory, atomically. */
#ifndef MORTISE_USER_COPY_ATOMIC_H
#define MORTISE_USER_COPY_ATOMIC_H

#include <stdint.h>

#include "base/error.h"

/* 0 or -EFAULT. */
NODISCARD int guest_store32(uint64_t addr, uint32_t value);

/* 0 or -EFAULT; *expected becomes what was there: unchanged if it was
 * replaced. */
NODISCARD int guest_cmpxchg32(uint64_t addr, uint32_t *expected, uint32_t desired);

#endif
