/* Page walks that are remembered over switches of address spaces. */
#include "sys_tlb_fake.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_address_space_is_remembered_by_its_pcid),
        TEST(test_a_pcid_is_forgotten_from_elsewhere),
        TEST(test_a_flushed_page_is_walked_again),
        TEST(test_global_pages_stay_over_all_switches),
        TEST(test_rights_that_tables_have_gained_need_no_flush),
        TEST(test_numbers_of_address_spaces_may_run_out),
        TEST(test_a_large_working_set_is_walked_rightly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
