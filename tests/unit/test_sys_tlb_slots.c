/* What lies beside the TLB: slots of accesses that keep to a page, and victims, pages
 * that have lost their entry. */
#include "sys_tlb_fake.h"

#define SLOT 3

static const struct sys_tlb_recent *slot_of(enum sys_mmu mmu)
{
    return &fx->cpu->tlb.recent[mmu][SLOT];
}

/* Makes the access and fills the slot, as if so many misses had gone before. */
static void fill(unsigned slot, uint64_t linear, uint32_t access, int32_t misses_left)
{
    bool commit;

    begin(linear, 8, access, &commit);
    fx->cpu->tlb.recent[SYS_MMU_KERNEL][slot].misses = misses_left;
    sys_tlb_recent_fill(fx->cpu, linear, slot);
}

static void fill_slot(uint64_t linear, uint32_t access, int32_t misses_left)
{
    fill(SLOT, linear, access, misses_left);
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

static void test_a_good_page_is_asked_about_less_and_less(void **state)
{
    struct sys_tlb_recent *r = &fx->cpu->tlb.recent[SYS_MMU_KERNEL][SLOT];
    int32_t first = 0;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x1000) | ALL);
    fill_slot(USER_PAGE, SYS_READ, 0);
    for (unsigned i = 0; i < 20; i++) {
        r->since = 0; /* the misses took ages */
        fill_slot(USER_PAGE + 0x1000, SYS_READ, -1);
        assert_int_equal(r->tag, USER_PAGE);
        assert_true(i == 0 || r->misses >= first);
        first = i == 0 ? r->misses : first;
    }
    assert_true(r->misses > 10 * first);
    r->since = INT64_MAX; /* they came at once */
    fill_slot(USER_PAGE + 0x1000, SYS_READ, -1);
    assert_int_equal(r->tag, USER_PAGE + 0x1000);
    assert_true(r->misses <= first);
}

static void test_the_stacks_slot_moves_on_at_once(void **state)
{
    struct sys_tlb_recent *r = &fx->cpu->tlb.recent[SYS_MMU_KERNEL][SYS_RECENT_STACK];
    int32_t first;

    (void)state;
    map(USER_PAGE, PAGE | ALL);
    map(USER_PAGE + 0x1000, (PAGE + 0x1000) | ALL);
    fill(SYS_RECENT_STACK, USER_PAGE, SYS_READ, 0);
    r->since = 0;
    fill(SYS_RECENT_STACK, USER_PAGE + 0x1000, SYS_READ, -1);
    assert_int_equal(r->tag, USER_PAGE + 0x1000);
    first = r->misses;
    for (unsigned i = 0; i < 20; i++) { /* to and fro */
        r->since = INT64_MAX;
        fill(SYS_RECENT_STACK, USER_PAGE + (i & 1) * 0x1000UL, SYS_READ, -1);
        assert_int_equal(r->tag, USER_PAGE + (i & 1) * 0x1000UL);
    }
    assert_true(r->misses > 100 * first);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_slot_lets_pass_what_its_page_does),
        TEST(test_a_slot_of_a_page_with_code_is_for_reading),
        TEST(test_a_slot_changes_its_page_after_misses),
        TEST(test_a_good_page_is_asked_about_less_and_less),
        TEST(test_the_stacks_slot_moves_on_at_once),
        TEST(test_each_flush_empties_the_slots),
        TEST(test_a_page_that_loses_its_entry_stays_as_a_victim),
        TEST(test_victims_of_pages_with_code_are_for_reading),
        TEST(test_victims_are_flushed_like_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
