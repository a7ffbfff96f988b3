/* A reader that reads a file keeps all grace periods waiting. */
/* needs: liburcu */
#include <stddef.h>
#include <unistd.h>
#include <urcu.h>

#include "contracts.h"

struct source {
    int fd;
};

static struct source *entropy RCU_PROTECTED;

long entropy_read(void *to, size_t size);

long entropy_read(void *to, size_t size)
{
    struct source *source;
    long result = -1;
    int fd = -1;

    rcu_read_lock(); /* expect-note: blocking */
    source = rcu_dereference(entropy);
    if (source != NULL) {
        fd = source->fd;
    }
#ifdef FAULTY
    result = read(fd, to, size); /* expect: blocking */
    rcu_read_unlock();
#else
    rcu_read_unlock();
    result = read(fd, to, size);
#endif
    return result;
}
