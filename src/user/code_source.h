/* The engine's source of code in user mode. */
#ifndef MORTISE_USER_CODE_SOURCE_H
#define MORTISE_USER_CODE_SOURCE_H

#include "exec/guest_ops.h"

extern const struct code_source_ops user_code_source;

#endif
