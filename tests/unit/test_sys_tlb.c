/* The TLB of system mode and the accesses that go by it: what is entered, what a flush
 * forgets, what goes through the bounce buffer. */
#include "sys_tlb_fake.h"

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
        TEST(test_flushes_forget_what_they_should),
        TEST(test_flushing_one_address_forgets_all_of_its_large_page),
        TEST(test_a_page_elsewhere_is_not_taken_for_one_of_a_large_page),
        TEST(test_a_new_memory_map_is_seen_by_the_next_access),
        TEST(test_code_is_fetched_across_pages_as_far_as_it_goes),
        TEST(test_physical_memory_is_ram_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
