/* A vCPU of system mode that executes nothing, with 16 MiB of RAM and page tables to
 * be filled in: for the tests of the page walk and the TLB. */
#ifndef TESTS_UNIT_SYS_FAKE_H
#define TESTS_UNIT_SYS_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/memory.h"
#include "x86sys/walk.h"

#define MIB UINT64_C(0x100000)
#define GIB (1024 * MIB)

#define P   UINT64_C(1)
#define W   UINT64_C(2)
#define U   UINT64_C(4)
#define A   UINT64_C(0x20)
#define D   UINT64_C(0x40)
#define PS  UINT64_C(0x80)
#define G   UINT64_C(0x100)
#define NX  (UINT64_C(1) << 63)
#define ALL (P | W | U)

/* Where the tables are; table n leads to table n + 1. */
#define TABLE(n) (0x10000 + 0x1000 * (uint64_t)(n))
#define PAGE     0x200000 /* what they map */

enum paging { LEGACY, PAE, LONG4, LONG5 };

struct fixture {
    struct memory_region root, ram, rom;
    struct address_space *as;
    struct sys_cpu *cpu;
    enum paging paging;
};

static struct fixture *fx;

static inline uint8_t *ram_at(uint64_t phys)
{
    return memory_region_host(&fx->ram) + phys;
}

static inline uint64_t entry_get(uint64_t phys)
{
    uint64_t v = 0;

    memcpy(&v, ram_at(phys), fx->paging == LEGACY ? 4 : 8);
    return v;
}

static inline void entry_put(uint64_t phys, uint64_t v)
{
    memcpy(ram_at(phys), &v, fx->paging == LEGACY ? 4 : 8);
}

static inline int setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {0};

    fx = calloc(1, sizeof(*fx));
    fx->cpu = aligned_alloc(64, (sizeof(*fx->cpu) + 63) / 64 * 64);
    memset(fx->cpu, 0, sizeof(*fx->cpu));
    bql_lock();
    memory_region_init(&fx->root, "root", UINT64_MAX);
    assert_int_equal(memory_region_init_ram(&fx->ram, "ram", 16 * MIB, &err), 0);
    assert_int_equal(memory_region_init_rom(&fx->rom, "rom", 4096, &err), 0);
    memory_region_add(&fx->root, 0, &fx->ram, 0);
    memory_region_add(&fx->root, 64 * MIB, &fx->rom, 0);
    assert_int_equal(address_space_new(&fx->as, "test", &fx->root, &err), 0);
    bql_unlock();
    fx->cpu->memory = fx->as;
    fx->cpu->phys_mask = (UINT64_C(1) << 40) - 1;
    fx->cpu->exception.vector = SYS_NO_EXCEPTION;
    sys_tlb_init(fx->cpu);
    *state = fx;
    return 0;
}

static inline int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    bql_lock();
    address_space_free(fx->as);
    memory_region_destroy(&fx->ram);
    memory_region_destroy(&fx->rom);
    bql_unlock();
    rcu_barrier();
    free(fx->cpu);
    free(fx);
    return 0;
}

static inline void set_paging(enum paging paging)
{
    struct sys_cpu *cpu = fx->cpu;

    fx->paging = paging;
    cpu->cr0 = SYS_CR0_PE | SYS_CR0_PG | SYS_CR0_WP;
    cpu->cr3 = TABLE(0);
    cpu->cr4 = SYS_CR4_PGE | SYS_CR4_PSE;
    cpu->efer = 0;
    if (paging != LEGACY) {
        cpu->cr4 |= SYS_CR4_PAE;
        cpu->efer |= SYS_EFER_NXE;
    }
    if (paging >= LONG4) {
        cpu->efer |= SYS_EFER_LME | SYS_EFER_LMA;
    }
    if (paging == LONG5) {
        cpu->cr4 |= SYS_CR4_LA57;
    }
    memset(ram_at(TABLE(0)), 0, 0x8000);
}

static inline unsigned levels(void)
{
    static const unsigned count[] = {[LEGACY] = 2, [PAE] = 3, [LONG4] = 4, [LONG5] = 5};

    return count[fx->paging];
}

/* Physical address of the entry for `linear` in the table of level n, 0: topmost. */
static inline uint64_t entry_at(uint64_t linear, unsigned n)
{
    unsigned bits = fx->paging == LEGACY ? 10 : 9, size = fx->paging == LEGACY ? 4 : 8;
    unsigned shift = 12 + bits * (levels() - 1 - n);
    uint64_t index = linear >> shift & ((1U << bits) - 1);

    if (fx->paging == PAE && n == 0) {
        index = linear >> 30 & 3;
    }
    return TABLE(n) + index * size;
}

/* Maps the page of `linear` to `leaf`, with all rights above. */
static inline void map(uint64_t linear, uint64_t leaf)
{
    for (unsigned n = 0; n + 1 < levels(); n++) {
        bool pdpte = fx->paging == PAE && n == 0;

        entry_put(entry_at(linear, n), TABLE(n + 1) | (pdpte ? P : ALL));
    }
    entry_put(entry_at(linear, levels() - 1), leaf);
    if (fx->paging == PAE) {
        assert_true(sys_pdpte_load(fx->cpu, fx->cpu->cr3));
    }
}

static const uint64_t linear_of[] = {[LEGACY] = 0x8040a123,
                                     [PAE] = 0xc060b123,
                                     [LONG4] = 0xffff812345678123,
                                     [LONG5] = 0xff12345678abc123};

#endif
