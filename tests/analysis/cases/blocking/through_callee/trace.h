/* A trace buffer with a ck spinlock; writing it out may block. */
#ifndef TRACE_H
#define TRACE_H

/* needs: ck */
#include <ck_spinlock.h>
#include <stddef.h>

#include "contracts.h"

#define TRACE_SIZE 4096

struct trace {
    ck_spinlock_t lock;
    size_t used GUARDED_BY(lock);
    int fd IMMUTABLE;
    char bytes[TRACE_SIZE] GUARDED_BY(lock);
};

void trace_put(struct trace *trace, char byte);
void trace_write_out(struct trace *trace, const char *bytes, size_t size);

#endif
