/* The TLB of system mode and the accesses that go by it: what is entered, what is
 * forgotten, what goes through the bounce buffer, and that no store to a page slips
 * by while it comes to hold code. */
#include "sys_fake.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "exec/exclusive.h"
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

static enum memory_result dev_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    dev.reads++;
    dev.offset = offset;
    dev.size = size;
    *value = UINT64_C(0x8877665544332211);
    return MEMORY_OK;
}

static enum memory_result dev_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    dev.writes++;
    dev.offset = offset;
    dev.size = size;
    dev.value = value;
    return MEMORY_OK;
}

static const struct memory_ops dev_ops = {.read = dev_read, .write = dev_write, .unaligned = true};

static void no_kick(struct cpu *cpu)
{
    (void)cpu;
}
static void no_forget(struct cpu *cpu, struct tb *tb)
{
    (void)cpu;
    (void)tb;
}
static const struct guest_ops fake_ops = {
    .kick = no_kick, .jump_cache_forget = no_forget, .jump_cache_reset = no_kick};

static int setup_tlb(void **state) NO_THREAD_SAFETY_ANALYSIS
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

static int teardown_tlb(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    cpu_unregister(&fx->cpu->cpu);
    bql_lock();
    memory_region_destroy(&dev.mr);
    bql_unlock();
    return teardown(state);
}

/* The current mode's; the default of a zeroed CPU is SYS_MMU_KERNEL. */
static void set_mmu(enum sys_mmu mmu)
{
    fx->cpu->mode = (uint32_t)mmu << SYS_MODE_MMU_SHIFT;
}

static const struct sys_tlb_entry *entry_of(enum sys_mmu mmu, uint64_t linear)
{
    return &fx->cpu->tlb.e[mmu][linear >> 12 & (SYS_TLB_ENTRIES - 1)];
}

static bool reads(enum sys_mmu mmu, uint64_t linear)
{
    return atomic_load(&entry_of(mmu, linear)->read) == (linear & ~UINT64_C(0xfff));
}

static bool writes(enum sys_mmu mmu, uint64_t linear)
{
    return atomic_load(&entry_of(mmu, linear)->write) == (linear & ~UINT64_C(0xfff));
}

/* Begins an access that has to succeed. */
static uint8_t *begin(uint64_t linear, uint32_t size, uint32_t access, bool *commit)
{
    uintptr_t host = sys_access_begin(fx->cpu, linear, size, access, commit);

    assert_int_not_equal(host, 0);
    return (uint8_t *)host;
}

static void expect_fault(bool ok, uint64_t linear, uint32_t error)
{
    assert_false(ok);
    assert_int_equal(fx->cpu->exception.vector, SYS_PF);
    assert_true(fx->cpu->exception.addr == linear);
    assert_int_equal(fx->cpu->exception.error, error);
    fx->cpu->exception.vector = SYS_NO_EXCEPTION;
}

static void test_a_miss_enters_the_page_for_the_next_time(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    assert_ptr_equal(begin(USER_PAGE + 8, 4, SYS_READ, &commit), ram_at(PAGE + 8));
    assert_false(commit);
    assert_true(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_int_equal(entry_of(SYS_MMU_KERNEL, USER_PAGE)->host, (uintptr_t)ram_at(PAGE));
    assert_false(reads(SYS_MMU_USER, USER_PAGE));
}

static void test_only_dirty_pages_let_writes_pass(void **state)
{
    bool commit;

    (void)state;
    set_mmu(SYS_MMU_USER);
    map(USER_PAGE, PAGE | ALL);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    assert_false(writes(SYS_MMU_USER, USER_PAGE));
    assert_ptr_equal(begin(USER_PAGE, 1, SYS_WRITE, &commit), ram_at(PAGE));
    assert_false(commit);
    assert_true(writes(SYS_MMU_USER, USER_PAGE));
    assert_true(entry_get(entry_at(USER_PAGE, 3)) & D);
    sys_tlb_flush(fx->cpu);
    begin(USER_PAGE, 1, SYS_READ, &commit); /* it is dirty by now */
    assert_true(writes(SYS_MMU_USER, USER_PAGE));
}

static void test_read_only_pages_are_entered_for_reading(void **state)
{
    bool commit;

    (void)state;
    set_mmu(SYS_MMU_USER);
    map(USER_PAGE, PAGE | P | U | D);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    assert_true(reads(SYS_MMU_USER, USER_PAGE));
    assert_false(writes(SYS_MMU_USER, USER_PAGE));
    expect_fault(sys_access_begin(fx->cpu, USER_PAGE + 5, 1, SYS_READ | SYS_WRITE, &commit),
                 USER_PAGE + 5, SYS_PF_PRESENT | SYS_PF_WRITE | SYS_PF_USER);
    set_mmu(SYS_MMU_KERNEL);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE));
    sys_tlb_flush(fx->cpu);
    fx->cpu->cr0 &= ~(uint64_t)SYS_CR0_WP;
    begin(USER_PAGE, 1, SYS_READ, &commit);
    assert_true(writes(SYS_MMU_KERNEL, USER_PAGE));
}

static void test_implicit_accesses_are_the_supervisors(void **state)
{
    uint64_t value = 0;

    (void)state;
    set_mmu(SYS_MMU_USER);
    map(USER_PAGE, PAGE | P | W);
    *ram_at(PAGE) = 0x42;
    expect_fault(sys_mem_read(fx->cpu, USER_PAGE, &value, 1, SYS_READ), USER_PAGE,
                 SYS_PF_PRESENT | SYS_PF_USER);
    assert_true(sys_mem_read(fx->cpu, USER_PAGE, &value, 1, SYS_READ | SYS_IMPLICIT));
    assert_int_equal(value, 0x42);
    map(USER_PAGE, PAGE | ALL);
    fx->cpu->cr4 |= SYS_CR4_SMAP;
    sys_tlb_flush(fx->cpu);
    set_mmu(SYS_MMU_KERNEL_USER); /* AC does not help them */
    assert_true(sys_mem_read(fx->cpu, USER_PAGE, &value, 1, SYS_READ));
    expect_fault(sys_mem_write(fx->cpu, USER_PAGE, &value, 1, SYS_WRITE | SYS_IMPLICIT), USER_PAGE,
                 SYS_PF_PRESENT | SYS_PF_WRITE);
}

static void test_stores_to_pages_with_code_are_made_in_place_and_committed(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    begin(USER_PAGE, 8, SYS_WRITE, &commit);
    assert_true(writes(SYS_MMU_KERNEL, USER_PAGE));
    mmap_lock();
    sys_tlb_protect_ram(fx->ram.ram_addr + PAGE);
    mmap_unlock();
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE));
    assert_true(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_null(sys_mem_host(fx->cpu, USER_PAGE, 8, SYS_WRITE));
    assert_ptr_equal(begin(USER_PAGE, 8, SYS_READ | SYS_WRITE, &commit), ram_at(PAGE));
    assert_true(commit);
    assert_true(sys_access_commit(fx->cpu));
    memory_ram_set_code(fx->ram.ram_addr + PAGE, false);
    begin(USER_PAGE, 8, SYS_WRITE, &commit);
    assert_false(commit);
    assert_true(writes(SYS_MMU_KERNEL, USER_PAGE));
}

static void test_rom_is_read_in_place_and_not_written(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, 64 * MIB | ALL);
    memory_region_host(&fx->rom)[4] = 0x99;
    assert_ptr_equal(begin(USER_PAGE, 4, SYS_READ, &commit), memory_region_host(&fx->rom));
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE));
    uint8_t *data = begin(USER_PAGE + 4, 1, SYS_READ | SYS_WRITE, &commit);
    assert_true(commit);
    assert_int_equal(*data, 0x99);
    *data = 1;
    assert_true(sys_access_commit(fx->cpu));
    assert_int_equal(memory_region_host(&fx->rom)[4], 0x99);
}

static void test_devices_are_reached_through_the_bounce_buffer(void **state)
{
    uint64_t value = 5;
    bool commit;

    (void)state;
    map(USER_PAGE, DEVICE | ALL);
    uint8_t *data = begin(USER_PAGE + 0x10, 4, SYS_READ, &commit);
    assert_false(commit);
    assert_int_equal(data[0] | data[3] << 8, 0x4411);
    assert_int_equal(dev.reads, 1);
    assert_int_equal(dev.offset, 0x10);
    assert_int_equal(dev.size, 4);
    data = begin(USER_PAGE + 0x20, 2, SYS_WRITE, &commit);
    assert_true(commit);
    assert_int_equal(dev.writes, 0);
    data[0] = 0xcd;
    data[1] = 0xab;
    assert_true(sys_access_commit(fx->cpu));
    assert_int_equal(dev.writes, 1);
    assert_int_equal(dev.value, 0xabcd);
    assert_int_equal(dev.reads, 1);
    begin(USER_PAGE, 16, SYS_READ, &commit);
    assert_int_equal(dev.reads, 3); /* in pieces of 8 */
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_true(sys_mem_write(fx->cpu, USER_PAGE + 8, &value, 8, SYS_WRITE));
    assert_int_equal(dev.writes, 2);
    assert_null(sys_mem_host(fx->cpu, USER_PAGE, 1, SYS_READ));
    assert_int_equal(fx->cpu->exception.vector, SYS_NO_EXCEPTION);
}

static void test_neighbours_in_ram_are_accessed_as_one(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x1000) | ALL);
    assert_ptr_equal(begin(USER_PAGE + 0xffc, 8, SYS_READ, &commit), ram_at(PAGE + 0xffc));
    assert_false(commit);
    assert_ptr_equal(begin(USER_PAGE + 0xffc, 8, SYS_WRITE, &commit), ram_at(PAGE + 0xffc));
    assert_true(commit);
    assert_true(sys_access_commit(fx->cpu));
}

static void test_an_access_across_pages_is_put_together(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x5000) | ALL);
    memcpy(ram_at(PAGE + 0xffd), "abc", 3);
    memcpy(ram_at(PAGE + 0x5000), "defgh", 5);
    uint8_t *data = begin(USER_PAGE + 0xffd, 8, SYS_READ | SYS_WRITE, &commit);
    assert_true(commit);
    assert_memory_equal(data, "abcdefgh", 8);
    memcpy(data, "ABCDEFGH", 8);
    assert_true(sys_access_commit(fx->cpu));
    assert_memory_equal(ram_at(PAGE + 0xffd), "ABC", 3);
    assert_memory_equal(ram_at(PAGE + 0x5000), "DEFGH", 5);
    char buf[8];
    assert_true(sys_mem_read(fx->cpu, USER_PAGE + 0xffd, buf, 8, SYS_READ));
    assert_memory_equal(buf, "ABCDEFGH", 8);
}

static void test_a_fault_on_the_second_page_leaves_the_first_alone(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, 0);
    *ram_at(PAGE + 0xfff) = 7;
    expect_fault(sys_access_begin(fx->cpu, USER_PAGE + 0xfff, 2, SYS_WRITE, &commit),
                 USER_PAGE + 0x1000, SYS_PF_WRITE);
    uint16_t value = 0;
    expect_fault(sys_mem_write(fx->cpu, USER_PAGE + 0xfff, &value, 2, SYS_WRITE),
                 USER_PAGE + 0x1000, SYS_PF_WRITE);
    assert_int_equal(*ram_at(PAGE + 0xfff), 7);
}

#define SLOT 3

static const struct sys_tlb_recent *slot_of(enum sys_mmu mmu)
{
    return &fx->cpu->tlb.recent[mmu][SLOT];
}

/* Makes the access and fills the slot, as if so many misses had gone before. */
static void fill_slot(uint64_t linear, uint32_t access, int32_t misses_left)
{
    bool commit;

    begin(linear, 8, access, &commit);
    fx->cpu->tlb.recent[SYS_MMU_KERNEL][SLOT].misses = misses_left;
    sys_tlb_recent_fill(fx->cpu, linear, SLOT);
}

static void expect_limits(bool write, uint64_t of_8, uint64_t of_64, uint64_t of_256)
{
    const struct sys_tlb_recent *r = slot_of(SYS_MMU_KERNEL);

    assert_int_equal(atomic_load(&r->limit[write][0]), of_8);
    assert_int_equal(atomic_load(&r->limit[write][1]), of_64);
    assert_int_equal(atomic_load(&r->limit[write][2]), of_256);
}

static void expect_no_slot(void)
{
    expect_limits(false, 0, 0, 0);
    expect_limits(true, 0, 0, 0);
}

static void test_a_slot_lets_pass_what_its_page_does(void **state)
{
    (void)state;
    map(USER_PAGE, PAGE | ALL);
    fill_slot(USER_PAGE + 0x123, SYS_READ, 0);
    assert_int_equal(slot_of(SYS_MMU_KERNEL)->tag, USER_PAGE);
    assert_int_equal(slot_of(SYS_MMU_KERNEL)->host, (uintptr_t)ram_at(PAGE));
    expect_limits(false, 4089, 4033, 3841);
    expect_limits(true, 0, 0, 0); /* not dirty yet */
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    expect_limits(true, 4089, 4033, 3841);
    assert_int_equal(atomic_load(&slot_of(SYS_MMU_USER)->limit[0][0]), 0);
}

static void test_a_slot_of_a_page_with_code_is_for_reading(void **state)
{
    (void)state;
    map(USER_PAGE, PAGE | ALL);
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    mmap_lock();
    sys_tlb_protect_ram(fx->ram.ram_addr + PAGE);
    mmap_unlock();
    expect_limits(true, 0, 0, 0);
    fill_slot(USER_PAGE, SYS_READ, 0);
    expect_limits(true, 0, 0, 0);
    expect_limits(false, 4089, 4033, 3841);
    memory_ram_set_code(fx->ram.ram_addr + PAGE, false);
}

static void test_a_slot_changes_its_page_after_misses(void **state)
{
    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x1000) | ALL);
    fill_slot(USER_PAGE, SYS_READ, 0);
    fill_slot(USER_PAGE + 0x1000, SYS_READ, 0);
    assert_int_equal(slot_of(SYS_MMU_KERNEL)->tag, USER_PAGE);
    fx->cpu->tlb.recent[SYS_MMU_KERNEL][SLOT].since = INT64_MAX; /* the misses came at once */
    fill_slot(USER_PAGE + 0x1000, SYS_READ, -1);
    assert_int_equal(slot_of(SYS_MMU_KERNEL)->tag, USER_PAGE + 0x1000);
    assert_true(slot_of(SYS_MMU_KERNEL)->misses > 0);
    fx->cpu->tlb.recent[SYS_MMU_KERNEL][SLOT].since = 0; /* they took ages */
    fill_slot(USER_PAGE, SYS_READ, -1);
    assert_int_equal(slot_of(SYS_MMU_KERNEL)->tag, USER_PAGE + 0x1000);
}

static void test_each_flush_empties_the_slots(void **state)
{
    (void)state;
    map(USER_PAGE, PAGE | ALL | G);
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    sys_tlb_flush_page(fx->cpu, USER_PAGE + 0xabc);
    expect_no_slot();
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    sys_tlb_flush_non_global(fx->cpu);
    expect_no_slot();
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    sys_tlb_flush(fx->cpu);
    expect_no_slot();
    fill_slot(USER_PAGE, SYS_WRITE, 0);
    sys_tlb_switch(fx->cpu, true);
    expect_no_slot();
}

static void test_flushes_forget_what_they_should(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x1000) | ALL | G);
    map(USER_PAGE + 0x2000, (PAGE + 0x2000) | ALL);
    for (unsigned i = 0; i < 3; i++) {
        begin(USER_PAGE + 0x1000 * i, 1, SYS_WRITE, &commit);
    }
    sys_tlb_flush_page(fx->cpu, USER_PAGE + 0x2abc);
    assert_true(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE + 0x2000));
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE + 0x2000));
    sys_tlb_flush_non_global(fx->cpu);
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_true(reads(SYS_MMU_KERNEL, USER_PAGE + 0x1000));
    sys_tlb_flush(fx->cpu);
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE + 0x1000));
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE + 0x1000));
}

static void test_flushing_one_address_forgets_all_of_its_large_page(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    entry_put(entry_at(USER_PAGE, 2), PAGE | ALL | PS);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    begin(USER_PAGE + 0x5000, 1, SYS_WRITE, &commit);
    assert_true(reads(SYS_MMU_KERNEL, USER_PAGE));
    sys_tlb_flush_page(fx->cpu, USER_PAGE + 0x123456);
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_false(writes(SYS_MMU_KERNEL, USER_PAGE + 0x5000));
}

static void test_a_page_elsewhere_is_not_taken_for_one_of_a_large_page(void **state)
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    entry_put(entry_at(USER_PAGE, 2), PAGE | ALL | PS);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    uint64_t flushes = fx->cpu->counts[SYS_COUNT_JUMP_FLUSH];
    for (unsigned gib = 1; gib <= 128; gib++) {
        sys_tlb_flush_page(fx->cpu, USER_PAGE + ((uint64_t)gib << 30));
    }
    assert_int_equal(fx->cpu->counts[SYS_COUNT_JUMP_FLUSH], flushes);
}

/* Where the address leads now: RAM address of the page. */
static uint64_t leads_to(uint64_t linear)
{
    bool commit;

    return (uint64_t)(begin(linear & ~UINT64_C(0xfff), 1, SYS_READ, &commit) - ram_at(0));
}

/* Loads CR3 with another PCID, and the first one again. */
static void switch_away_and_back(uint64_t other, bool keep)
{
    fx->cpu->cr3 = TABLE(0) | other;
    sys_tlb_switch(fx->cpu, keep);
    fx->cpu->cr3 = TABLE(0) | 1;
    sys_tlb_switch(fx->cpu, keep);
}

static void test_an_address_space_is_remembered_by_its_pcid(void **state)
{
    (void)state;
    fx->cpu->cr4 |= SYS_CR4_PCIDE;
    fx->cpu->cr3 = TABLE(0) | 1;
    map(USER_PAGE, PAGE | ALL);
    assert_int_equal(leads_to(USER_PAGE), PAGE);
    map(USER_PAGE, (PAGE + 0x1000) | ALL); /* unknown to the TLB as long as it is not told */
    switch_away_and_back(2, true);
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
    assert_int_equal(leads_to(USER_PAGE), PAGE);
    fx->cpu->cr3 = TABLE(0) | 2;
    sys_tlb_switch(fx->cpu, true);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000); /* of another space nothing serves */
    switch_away_and_back(2, false);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
}

static void test_a_pcid_is_forgotten_from_elsewhere(void **state)
{
    (void)state;
    fx->cpu->cr4 |= SYS_CR4_PCIDE;
    fx->cpu->cr3 = TABLE(0) | 1;
    map(USER_PAGE, PAGE | ALL);
    assert_int_equal(leads_to(USER_PAGE), PAGE);
    fx->cpu->cr3 = TABLE(0) | 2;
    sys_tlb_switch(fx->cpu, true);
    sys_tlb_flush_pcid(fx->cpu, 1);
    map(USER_PAGE, (PAGE + 0x1000) | ALL);
    switch_away_and_back(2, true);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
    map(USER_PAGE, (PAGE + 0x2000) | ALL);
    sys_tlb_flush_pcid(fx->cpu, 1); /* the current one */
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x2000);
}

static void test_a_flushed_page_is_walked_again(void **state)
{
    (void)state;
    for (unsigned global = 0; global < 2; global++) {
        map(USER_PAGE, PAGE | ALL | (global ? G : 0));
        assert_int_equal(leads_to(USER_PAGE), PAGE);
        map(USER_PAGE, (PAGE + 0x1000) | ALL);
        sys_tlb_flush_page(fx->cpu, USER_PAGE);
        assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
        sys_tlb_flush_page(fx->cpu, USER_PAGE);
    }
}

static void test_global_pages_stay_over_all_switches(void **state)
{
    (void)state;
    fx->cpu->cr4 |= SYS_CR4_PCIDE;
    fx->cpu->cr3 = TABLE(0) | 1;
    map(USER_PAGE, PAGE | ALL | G);
    uint64_t other = USER_PAGE + UINT64_C(1024) * 4096; /* takes its place in the first table */
    entry_put(entry_at(other, 2), TABLE(6) | ALL);
    entry_put(TABLE(6) + (other >> 12 & 511) * 8, (PAGE + 0x7000) | ALL);
    assert_int_equal(leads_to(USER_PAGE), PAGE);
    assert_int_equal(leads_to(other), PAGE + 0x7000);
    map(USER_PAGE, (PAGE + 0x1000) | ALL);
    sys_tlb_flush_non_global(fx->cpu);
    switch_away_and_back(5, false);
    assert_int_equal(leads_to(USER_PAGE), PAGE);
    sys_tlb_flush(fx->cpu);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
}

static void test_rights_that_tables_have_gained_need_no_flush(void **state)
{
    bool commit;

    (void)state;
    set_mmu(SYS_MMU_USER);
    map(USER_PAGE, PAGE | P | U);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    map(USER_PAGE, PAGE | ALL);
    begin(USER_PAGE, 1, SYS_WRITE, &commit);
    assert_true(entry_get(entry_at(USER_PAGE, 3)) & D);
}

static void test_numbers_of_address_spaces_may_run_out(void **state)
{
    (void)state;
    fx->cpu->cr3 = TABLE(0);
    for (unsigned i = 0; i < 10000; i++) {
        map(USER_PAGE, (PAGE + i % 16 * 0x1000) | ALL);
        sys_tlb_switch(fx->cpu, false);
        assert_int_equal(leads_to(USER_PAGE), PAGE + i % 16 * 0x1000);
    }
    for (unsigned i = 0; i < 5000; i++) {
        map(USER_PAGE, (PAGE + i % 16 * 0x1000) | ALL | G);
        sys_tlb_flush(fx->cpu);
        assert_int_equal(leads_to(USER_PAGE), PAGE + i % 16 * 0x1000);
    }
}

/* More pages than all tables together hold, several times over. */
static void test_a_large_working_set_is_walked_rightly(void **state)
{
    (void)state;
    map(USER_PAGE, 0);
    for (unsigned i = 0; i < 512; i++) {
        entry_put(entry_at(USER_PAGE, 2) + 8 * i, TABLE(3) | ALL);
    }
    for (unsigned i = 0; i < 512; i++) {
        entry_put(TABLE(3) + 8 * i, (PAGE + i * 0x1000) | ALL);
    }
    for (unsigned round = 0; round < 3; round++) {
        for (uint64_t n = 0; n < 60000; n++) {
            assert_int_equal(leads_to(USER_PAGE + n * 4096), PAGE + n % 512 * 0x1000);
        }
    }
    assert_true(fx->cpu->tlb.walks.sets > 128);
}

/* A page with the same index as USER_PAGE, by the same page table entry. */
#define RIVAL (USER_PAGE + ((uint64_t)SYS_TLB_ENTRIES << 12))

/* USER_PAGE leads to PAGE for those who remember, and RIVAL has taken its entry. */
static void make_victim(uint64_t bits)
{
    bool commit;

    sys_tlb_flush(fx->cpu);
    map(USER_PAGE, PAGE | ALL | bits);
    begin(USER_PAGE, 8, SYS_WRITE, &commit);
    map(RIVAL, (PAGE + 0x1000) | ALL | bits);
    assert_ptr_equal(begin(RIVAL, 8, SYS_WRITE, &commit), ram_at(PAGE + 0x1000));
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
}

static uint64_t victim_write_tag(void)
{
    return atomic_load(&fx->cpu->tlb.e[SYS_MMU_KERNEL][sys_tlb_victim(USER_PAGE)].write);
}

static void test_a_page_that_loses_its_entry_stays_as_a_victim(void **state)
{
    (void)state;
    make_victim(0);
    assert_ptr_equal(sys_mem_host(fx->cpu, USER_PAGE + 8, 8, SYS_WRITE), ram_at(PAGE + 8));
    assert_ptr_equal(sys_mem_host(fx->cpu, RIVAL + 8, 8, SYS_WRITE), ram_at(PAGE + 0x1008));
    assert_int_equal(victim_write_tag(), USER_PAGE);
    mmap_lock();
    sys_tlb_protect_ram(fx->ram.ram_addr + PAGE);
    mmap_unlock();
    assert_int_not_equal(victim_write_tag(), USER_PAGE);
    memory_ram_set_code(fx->ram.ram_addr + PAGE, false);
}

static void test_victims_of_pages_with_code_are_for_reading(void **state)
{
    (void)state;
    map(USER_PAGE, PAGE | ALL);
    bool commit;
    begin(USER_PAGE, 8, SYS_WRITE, &commit);
    mmap_lock();
    sys_tlb_protect_ram(fx->ram.ram_addr + PAGE);
    mmap_unlock();
    map(RIVAL, (PAGE + 0x1000) | ALL);
    begin(RIVAL, 8, SYS_READ, &commit);
    assert_int_not_equal(victim_write_tag(), USER_PAGE);
    assert_ptr_equal(sys_mem_host(fx->cpu, USER_PAGE, 8, SYS_READ), ram_at(PAGE));
    memory_ram_set_code(fx->ram.ram_addr + PAGE, false);
}

static void test_victims_are_flushed_like_others(void **state)
{
    (void)state;
    make_victim(0);
    sys_tlb_flush_page(fx->cpu, USER_PAGE);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
    make_victim(G);
    sys_tlb_flush_non_global(fx->cpu);
    assert_int_equal(victim_write_tag(), USER_PAGE);
    sys_tlb_flush(fx->cpu);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
    make_victim(0);
    sys_tlb_flush_non_global(fx->cpu);
    assert_int_equal(leads_to(USER_PAGE), PAGE + 0x1000);
}

static void test_a_new_memory_map_is_seen_by_the_next_access(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    bool commit;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    begin(USER_PAGE, 1, SYS_READ, &commit);
    bql_lock();
    memory_region_set_address(&dev.mr, PAGE);
    memory_region_remove(&dev.mr);
    memory_region_add(&fx->root, PAGE, &dev.mr, 1);
    bql_unlock();
    uint64_t value;
    assert_true(sys_mem_read(fx->cpu, USER_PAGE, &value, 8, SYS_READ));
    assert_int_equal(dev.reads, 1);
    assert_false(reads(SYS_MMU_KERNEL, USER_PAGE));
    begin(USER_PAGE + 8, 1, SYS_READ, &commit);
    assert_int_equal(dev.reads, 2);
}

static void test_code_is_fetched_across_pages_as_far_as_it_goes(void **state)
{
    char buf[16];
    uint64_t ram = 0;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x3000) | ALL);
    map(USER_PAGE + 0x2000, (PAGE + 0x4000) | ALL | NX);
    memcpy(ram_at(PAGE + 0xffe), "ab", 2);
    memcpy(ram_at(PAGE + 0x3000), "cdef", 4);
    assert_int_equal(sys_fetch(fx->cpu, USER_PAGE + 0xffe, buf, 6, &ram), 6);
    assert_memory_equal(buf, "abcdef", 6);
    assert_int_equal(ram, fx->ram.ram_addr + PAGE + 0xffe);
    assert_int_equal(sys_fetch(fx->cpu, USER_PAGE + 0x1ffc, buf, 16, &ram), 4);
    assert_int_equal(fx->cpu->exception.vector, SYS_NO_EXCEPTION);
    expect_fault(sys_fetch(fx->cpu, USER_PAGE + 0x2000, buf, 16, &ram), USER_PAGE + 0x2000,
                 SYS_PF_PRESENT | SYS_PF_FETCH);
    expect_fault(sys_fetch_ram(fx->cpu, USER_PAGE + 0x2004, &ram), USER_PAGE + 0x2004,
                 SYS_PF_PRESENT | SYS_PF_FETCH);
    map(USER_PAGE + 0x3000, DEVICE | ALL);
    assert_int_equal(sys_fetch(fx->cpu, USER_PAGE + 0x3008, buf, 8, &ram), 0);
    assert_true(ram == SYS_NO_RAM);
    assert_int_equal(fx->cpu->exception.vector, SYS_NO_EXCEPTION);
    assert_int_equal(sys_fetch_device(fx->cpu, USER_PAGE + 0x3008, buf, 8), 8);
    assert_memory_equal(buf, "\x11\x22\x33\x44\x55\x66\x77\x88", 8);
}

static void test_physical_memory_is_ram_only(void **state)
{
    uint64_t value = 0x1122334455667788;

    (void)state;
    assert_true(sys_phys_write(fx->cpu, PAGE + 0xffc, &value, 8));
    value = 0;
    assert_true(sys_phys_read(fx->cpu, PAGE + 0xffc, &value, 8));
    assert_true(value == 0x1122334455667788);
    assert_false(sys_phys_read(fx->cpu, DEVICE, &value, 8));
    assert_false(sys_phys_write(fx->cpu, 64 * MIB, &value, 8));
    assert_int_equal(dev.reads, 0);
}

/* --- a page comes to hold code while another vCPU stores to it --- */

#define ROUNDS 300 /* one that lets a store slip by is caught within a few */
static atomic_bool stop_storing;
static atomic_uint stores, refused;

/* As generated code does it: check, then store, without a look at anything else. */
static void store_like_generated_code(struct sys_cpu *cpu)
{
    const struct sys_tlb_entry *e = &cpu->tlb.e[SYS_MMU_KERNEL][USER_PAGE >> 12 & 1023];
    _Atomic(uint64_t) *counter = (_Atomic(uint64_t) *)(void *)ram_at(PAGE);

    if (atomic_load_explicit(&e->write, memory_order_relaxed) == USER_PAGE) {
        for (volatile unsigned spin = 0; spin < 1000; spin++) {
        }
        atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                              memory_order_relaxed);
        atomic_fetch_add_explicit(&stores, 1, memory_order_relaxed);
        return;
    }
    bool commit;
    if (sys_access_begin(cpu, USER_PAGE, 8, SYS_WRITE, &commit) == 0) {
        abort();
    }
    if (commit) {
        atomic_fetch_add_explicit(&refused, 1, memory_order_relaxed);
        sys_access_commit(cpu);
    }
}

static void *run_stores(void *arg)
{
    struct sys_cpu *cpu = arg;

    cpu_register(&cpu->cpu);
    cpu_attach_thread(&cpu->cpu);
    while (!atomic_load(&stop_storing)) {
        cpu_exec_start(&cpu->cpu);
        sys_tlb_run_begin(cpu);
        while (!atomic_load_explicit(&cpu->cpu.exit_request, memory_order_relaxed) &&
               !atomic_load_explicit(&stop_storing, memory_order_relaxed)) {
            store_like_generated_code(cpu);
        }
        sys_tlb_run_end(cpu);
        cpu_exec_end(&cpu->cpu);
    }
    cpu_unregister(&cpu->cpu);
    return NULL;
}

static void protect_and_watch(void)
{
    uint64_t ram = fx->ram.ram_addr + PAGE;
    const _Atomic(uint64_t) *counter = (_Atomic(uint64_t) *)(void *)ram_at(PAGE);

    mmap_lock();
    sys_tlb_protect_ram(ram);
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    usleep(50); /* lets one run that was about to store */
    uint64_t after = atomic_load_explicit(counter, memory_order_relaxed);
    memory_ram_set_code(ram, false);
    mmap_unlock();
    assert_int_equal(before, after);
}

static void test_no_store_slips_by_while_a_page_is_protected(void **state)
{
    struct sys_cpu *other = aligned_alloc(64, (sizeof(*other) + 63) / 64 * 64);
    pthread_t thread;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    memcpy(other, fx->cpu, sizeof(*other));
    atomic_store(&stop_storing, false);
    atomic_store(&stores, 0);
    assert_int_equal(pthread_create(&thread, NULL, run_stores, other), 0);
    while (atomic_load(&stores) < 100) {
        sched_yield();
    }
    for (unsigned i = 0; i < ROUNDS; i++) {
        protect_and_watch();
        unsigned seen = atomic_load(&stores);
        for (unsigned spin = 0; spin < 1000 && atomic_load(&stores) == seen; spin++) {
        }
    }
    atomic_store(&stop_storing, true);
    pthread_join(thread, NULL);
    free(other);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_tlb, teardown_tlb)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_miss_enters_the_page_for_the_next_time),
        TEST(test_only_dirty_pages_let_writes_pass),
        TEST(test_read_only_pages_are_entered_for_reading),
        TEST(test_implicit_accesses_are_the_supervisors),
        TEST(test_stores_to_pages_with_code_are_made_in_place_and_committed),
        TEST(test_rom_is_read_in_place_and_not_written),
        TEST(test_devices_are_reached_through_the_bounce_buffer),
        TEST(test_neighbours_in_ram_are_accessed_as_one),
        TEST(test_an_access_across_pages_is_put_together),
        TEST(test_a_fault_on_the_second_page_leaves_the_first_alone),
        TEST(test_a_slot_lets_pass_what_its_page_does),
        TEST(test_a_slot_of_a_page_with_code_is_for_reading),
        TEST(test_a_slot_changes_its_page_after_misses),
        TEST(test_each_flush_empties_the_slots),
        TEST(test_flushes_forget_what_they_should),
        TEST(test_flushing_one_address_forgets_all_of_its_large_page),
        TEST(test_a_page_elsewhere_is_not_taken_for_one_of_a_large_page),
        TEST(test_an_address_space_is_remembered_by_its_pcid),
        TEST(test_a_pcid_is_forgotten_from_elsewhere),
        TEST(test_a_flushed_page_is_walked_again),
        TEST(test_global_pages_stay_over_all_switches),
        TEST(test_rights_that_tables_have_gained_need_no_flush),
        TEST(test_numbers_of_address_spaces_may_run_out),
        TEST(test_a_large_working_set_is_walked_rightly),
        TEST(test_a_page_that_loses_its_entry_stays_as_a_victim),
        TEST(test_victims_of_pages_with_code_are_for_reading),
        TEST(test_victims_are_flushed_like_others),
        TEST(test_a_new_memory_map_is_seen_by_the_next_access),
        TEST(test_code_is_fetched_across_pages_as_far_as_it_goes),
        TEST(test_physical_memory_is_ram_only),
        TEST(test_no_store_slips_by_while_a_page_is_protected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
