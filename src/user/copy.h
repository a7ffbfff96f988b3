/* Reading and writing guest memory from C. These never fault: a page that
 * is not there, or may not be written, is -EFAULT. Pages write-protected
 * because code was translated from them are handled as for a guest store.
 * (copy_asm.c) */
#ifndef MORTISE_USER_COPY_H
#define MORTISE_USER_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* 0, or -EFAULT with dst partly filled. */
NODISCARD int guest_read(void *dst, uint64_t src, size_t n);
NODISCARD int guest_write(uint64_t dst, const void *src, size_t n);

/* How many bytes from src on could be read: n, or fewer. */
size_t guest_read_some(void *dst, uint64_t src, size_t n);

/* Copies a string and its NUL to dst of `size` bytes. Its length, or
 * -EFAULT, or -ENAMETOOLONG when it does not fit. */
NODISCARD ssize_t guest_read_string(char *dst, uint64_t src, size_t size);

#endif
