/* What the tests of the TLB share: a vCPU with a device, and what is in its entries. */
#ifndef TESTS_UNIT_SYS_TLB_FAKE_H
#define TESTS_UNIT_SYS_TLB_FAKE_H

#include "sys_fake.h"

#include "exec/guest_ops.h"

#define USER_PAGE UINT64_C(0x400000)
#define DEVICE    (128 * MIB)

/* A device that counts and remembers. */
static struct {
    struct memory_region mr;
    unsigned reads, writes;
    uint64_t offset, value;
    unsigned size;
} dev;

static inline enum memory_result dev_read(void *opaque, uint64_t offset, unsigned size,
                                          uint64_t *value)
{
    (void)opaque;
    dev.reads++;
    dev.offset = offset;
    dev.size = size;
    *value = UINT64_C(0x8877665544332211);
    return MEMORY_OK;
}

static inline enum memory_result dev_write(void *opaque, uint64_t offset, unsigned size,
                                           uint64_t value)
{
    (void)opaque;
    dev.writes++;
    dev.offset = offset;
    dev.size = size;
    dev.value = value;
    return MEMORY_OK;
}

static const struct memory_ops dev_ops = {.read = dev_read, .write = dev_write, .unaligned = true};

static inline void no_kick(struct cpu *cpu)
{
    (void)cpu;
}
static inline void no_forget(struct cpu *cpu, struct tb *tb)
{
    (void)cpu;
    (void)tb;
}
static const struct guest_ops fake_ops = {
    .kick = no_kick, .jump_cache_forget = no_forget, .jump_cache_reset = no_kick};

static inline int setup_tlb(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    guest_ops = &fake_ops;
    setup(state);
    memset(&dev, 0, sizeof(dev));
    bql_lock();
    memory_region_init_io(&dev.mr, &dev_ops, &dev, "device", 0x1000);
    memory_region_add(&fx->root, DEVICE, &dev.mr, 0);
    address_space_set_listener(fx->as, sys_tlb_memory_changed, NULL);
    bql_unlock();
    set_paging(LONG4);
    cpu_register(&fx->cpu->cpu);
    cpu_attach_thread(&fx->cpu->cpu);
    return 0;
}

static inline int teardown_tlb(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    cpu_unregister(&fx->cpu->cpu);
    bql_lock();
    memory_region_destroy(&dev.mr);
    bql_unlock();
    return teardown(state);
}

/* The current mode's; the default of a zeroed CPU is SYS_MMU_KERNEL. */
static inline void set_mmu(enum sys_mmu mmu)
{
    fx->cpu->mode = (uint32_t)mmu << SYS_MODE_MMU_SHIFT;
}

static inline const struct sys_tlb_entry *entry_of(enum sys_mmu mmu, uint64_t linear)
{
    return &fx->cpu->tlb.e[mmu][linear >> 12 & (SYS_TLB_ENTRIES - 1)];
}

static inline bool reads(enum sys_mmu mmu, uint64_t linear)
{
    return atomic_load(&entry_of(mmu, linear)->read) == (linear & ~UINT64_C(0xfff));
}

static inline bool writes(enum sys_mmu mmu, uint64_t linear)
{
    return atomic_load(&entry_of(mmu, linear)->write) == (linear & ~UINT64_C(0xfff));
}

/* Begins an access that has to succeed. */
static inline uint8_t *begin(uint64_t linear, uint32_t size, uint32_t access, bool *commit)
{
    uintptr_t host = sys_access_begin(fx->cpu, linear, size, access, commit);

    assert_int_not_equal(host, 0);
    return (uint8_t *)host;
}

static inline void expect_fault(bool ok, uint64_t linear, uint32_t error)
{
    assert_false(ok);
    assert_int_equal(fx->cpu->exception.vector, SYS_PF);
    assert_true(fx->cpu->exception.addr == linear);
    assert_int_equal(fx->cpu->exception.error, error);
    fx->cpu->exception.vector = SYS_NO_EXCEPTION;
}

/* Where the address leads now: RAM address of the page. */
static inline uint64_t leads_to(uint64_t linear)
{
    bool commit;

    return (uint64_t)(begin(linear & ~UINT64_C(0xfff), 1, SYS_READ, &commit) - ram_at(0));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_tlb, teardown_tlb)

#endif
