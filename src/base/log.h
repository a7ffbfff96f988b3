/* What -d and -D ask for: lines about translation and execution, by
 * category. The mask is set once at start-up, before threads exist, and is
 * immutable from then on; a line is written with one write(2), so lines of
 * several threads and processes do not mix. */
#ifndef MORTISE_BASE_LOG_H
#define MORTISE_BASE_LOG_H

#include <stdbool.h>

#include "base/annotations.h"
#include "base/error.h"

enum log_category {
    LOG_IN_ASM = 1 << 0,       /* guest code as it is translated */
    LOG_OP = 1 << 1,           /* what the translator decided for each instruction */
    LOG_OUT_ASM = 1 << 2,      /* generated host code */
    LOG_EXEC = 1 << 3,         /* entries into TBs from the dispatcher */
    LOG_INT = 1 << 4,          /* faults, exceptions and signals */
    LOG_STRACE = 1 << 5,       /* guest system calls and their results */
    LOG_PAGE = 1 << 6,         /* guest mappings at start */
    LOG_UNIMP = 1 << 7,        /* guest asked for what is not implemented */
    LOG_CPU = 1 << 8,          /* registers before each TB entered from the dispatcher */
    LOG_NOCHAIN = 1 << 9,      /* do not chain TBs */
    LOG_AIO = 1 << 10,         /* event loops: fallbacks and descriptors that went away */
    LOG_CPU_RESET = 1 << 11,   /* registers before a CPU resets or shuts down */
    LOG_GUEST_ERROR = 1 << 12, /* accesses of the guest to where nothing is */
};

/* Turns "in_asm,exec" into a mask. -EINVAL and a sentence for an unknown
 * name; *help is set (and 0 returned) for "help". Of a name that QEMU has and for which
 * nothing is logged, a line on standard error says so. */
NODISCARD int log_parse(const char *text, unsigned *mask, bool *help, struct error *err);

/* The names and meanings that log_parse knows, on stdout. */
void log_print_help(void);

/* Sets the mask and the file (NULL: stderr). Before threads exist. "%d" in
 * the file name becomes the process id. */
NODISCARD int log_start(unsigned mask, const char *file, struct error *err) BEFORE_THREADS;

/* The file is appended to, not begun anew. Before log_start. */
void log_append(void);

/* The descriptor that lines are written to. */
int log_descriptor(void);

/* Whether any category of mask is on. Any thread; signal-safe. */
bool log_on(unsigned mask);

/* Writes one or more whole lines, whatever the mask says. Any thread, no
 * locks taken, not for signal handlers. */
void log_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)))
BLOCKING_OK("a debugging aid, it waits for who reads the log wherever it is used");

/* After fork(2) in the child: file names with "%d" are opened anew. */
void log_after_fork(void) BEFORE_THREADS;

#endif
