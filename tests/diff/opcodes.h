#ifndef MORTISE_DIFF_OPCODES_H
#define MORTISE_DIFF_OPCODES_H

#include <stdbool.h>

/* Writes which instructions are compared and which not: as Markdown to
 * file, or as a plain list to stdout. Returns an exit code. */
int opcodes_write(const char *file, bool list);

#endif
