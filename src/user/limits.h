/* Resource limits that the guest has set and that the host must not apply to
 * the emulator. (sys_limits.c) */
#ifndef MORTISE_USER_LIMITS_H
#define MORTISE_USER_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Once, before threads exist. */
void limits_init(void);

/* RLIMIT_AS as the guest has set it; UINT64_MAX: not set. Any thread. */
uint64_t limits_address_space(void);

/* RLIMIT_STACK's soft value as the guest has set it. False: it hasn't. */
bool limits_stack(uint64_t *size);

/* Kept limits as text, for the emulator that execve starts; empty if there
 * are none. And back: false if the text isn't such. */
#define LIMITS_TEXT 256
void limits_export(char text[LIMITS_TEXT]);
bool limits_import(const char *text);

#endif
