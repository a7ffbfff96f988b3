#include <string.h>

#include "trace.h"

void trace_put(struct trace *trace, char byte)
{
    char full[TRACE_SIZE];
    size_t size = 0;

    ck_spinlock_lock(&trace->lock); /* expect-note: blocking */
    if (trace->used == TRACE_SIZE) {
        size = trace->used;
        memcpy(full, trace->bytes, size);
        trace->used = 0;
#ifdef FAULTY
        trace_write_out(trace, full, size); /* expect: blocking */
#endif
    }
    trace->bytes[trace->used] = byte;
    trace->used++;
    ck_spinlock_unlock(&trace->lock);
#ifndef FAULTY
    if (size > 0) {
        trace_write_out(trace, full, size);
    }
#endif
}
