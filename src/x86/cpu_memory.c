/* Memory of CPUs. One is half a megabyte, nearly all of it the jump cache,
 * and to map and fill that takes longer than all else that a new thread
 * needs. So a few are kept when their threads end, with empty jump caches:
 * only what was used of one has to be emptied.
 *
 * A place holds a spare CPU or NULL and is only ever exchanged whole. So there
 * is no lock, and the child of a fork has the spares too. */
#include "x86/cpu_memory.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "x86/stubs.h"

#define SPARES  8
#define GROUPS  64 /* bits of jump_cache_dirty */
#define PER_BIT (CPU_JUMP_CACHE_ENTRIES / GROUPS)

static _Atomic(struct x86_cpu *) spares[SPARES];

static void empty_entries(struct x86_cpu *cpu, size_t from, size_t count)
{
    for (size_t i = from; i < from + count; i++) {
        atomic_store_explicit(&cpu->jump_cache[i], x86_stubs.miss, memory_order_relaxed);
    }
}

/* acquire: pairs with the release in x86_cpu_memory_give. */
static struct x86_cpu *take_spare(void)
{
    struct x86_cpu *cpu = NULL;
    for (size_t i = 0; !cpu && i < SPARES; i++) {
        if (atomic_load_explicit(&spares[i], memory_order_relaxed)) {
            cpu = atomic_exchange_explicit(&spares[i], NULL, memory_order_acquire);
        }
    }
    return cpu;
}

struct x86_cpu *x86_cpu_memory_take(size_t bytes)
{
    struct x86_cpu *cpu = take_spare();
    if (cpu) {
        if (cpu->cpu.jump_cache_miss != x86_stubs.miss) { /* kept across a fork */
            empty_entries(cpu, 0, CPU_JUMP_CACHE_ENTRIES);
        }
        size_t after = offsetof(struct x86_cpu, jump_cache) + sizeof(cpu->jump_cache);
        memset(cpu, 0, offsetof(struct x86_cpu, jump_cache));
        memset((char *)cpu + after, 0, bytes - after);
        return cpu;
    }
    /* All of it is touched now; page by page would be slow. */
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                   -1, 0);
    if (p == MAP_FAILED) {
        return NULL;
    }
    cpu = p;
    empty_entries(cpu, 0, CPU_JUMP_CACHE_ENTRIES);
    return cpu;
}

void x86_cpu_memory_give(struct x86_cpu *cpu, size_t bytes)
{
    uint64_t dirty = atomic_load_explicit(&cpu->cpu.jump_cache_dirty, memory_order_relaxed);
    for (size_t i = 0; i < GROUPS; i++) {
        if (dirty >> i & 1) {
            empty_entries(cpu, i * PER_BIT, PER_BIT);
        }
    }
    for (size_t i = 0; i < SPARES; i++) {
        struct x86_cpu *none = NULL;
        /* release: the next owner finds it emptied. */
        if (atomic_compare_exchange_strong_explicit(&spares[i], &none, cpu, memory_order_release,
                                                    memory_order_relaxed)) {
            return;
        }
    }
    munmap(cpu, bytes);
}
