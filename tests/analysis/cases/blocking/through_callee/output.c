#include <unistd.h>

#include "trace.h"

static void write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t written = write(fd, bytes, size); /* expect-note: blocking */

        if (written <= 0) {
            break;
        }
        bytes += written;
        size -= (size_t)written;
    }
}

void trace_write_out(struct trace *trace, const char *bytes, size_t size)
{
    write_all(trace->fd, bytes, size); /* expect-note: blocking */
}
