/* The kernel does not raise the faults that protected pages rely on: it
 * returns EFAULT, sometimes after it has consumed what it could not store.
 * So the buffers that a system call fills are made writable before it. */
#ifndef MORTISE_USER_SMC_SYSCALL_H
#define MORTISE_USER_SMC_SYSCALL_H

#include <stdint.h>

/* `format` as in syscall_table.h. */
void smc_prepare_syscall(const char *format, const uint64_t *args);

#endif
