/* Stacks: memory of their own, with a page below that faults, so that running
 * over the end stops the process instead of writing on something else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aio/context.h"
#include "aio/coroutine_impl.h"

static size_t guard_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

struct coroutine *coroutine_alloc(void)
{
    struct coroutine *co = aio_alloc(sizeof(*co));
    size_t guard = guard_size();
    char *memory = mmap(NULL, COROUTINE_STACK_SIZE + guard, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) < 0) {
        aio_bug("no memory for a coroutine's stack: %s", error_text(errno));
    }
    co->stack = memory + guard;
    coroutine_prepare(co);
    return co;
}

void coroutine_free(struct coroutine *co)
{
    size_t guard = guard_size();

    coroutine_unprepare(co);
    munmap((char *)co->stack - guard, COROUTINE_STACK_SIZE + guard);
    free(co);
}
