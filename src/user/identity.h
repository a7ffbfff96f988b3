/* Telling the kernel what the process is, so that ps, /proc/PID/cmdline and
 * others see the guest's program. */
#ifndef MORTISE_USER_IDENTITY_H
#define MORTISE_USER_IDENTITY_H

#include <stdbool.h>

#include "user/stack.h"

/* The thread's name, as the kernel sets it at execve. */
void identity_set_name(const char *path);

/* Where arguments, environment, auxiliary vector and stack are. False if the
 * kernel can't be told. */
bool identity_set_memory(const struct stack_image *stack);

#endif
