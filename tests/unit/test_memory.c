/* Guest-physical memory: what a tree of regions looks like from outside. */
#include "memory_fake.h"

static void test_higher_priority_covers_lower(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x3000, 0);
    add_device(f, 1, &probe_any_ops, 0x2000, 0x1000, 1);
    assert_int_equal(who(f, 0x1fff), 0);
    assert_int_equal(who(f, 0x2000), 1);
    assert_int_equal(who(f, 0x2fff), 1);
    assert_int_equal(who(f, 0x3000), 0);
    assert_int_equal(who(f, 0x4000), 9);
    /* Behind the one that covers it, offsets go on as if it were not there. */
    (void)load(f, 0x3004, 1);
    assert_int_equal(f->dev[0].offset, 0x2004);
}

static void test_of_equals_the_last_added_wins(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x1000, 0);
    add_device(f, 1, &probe_any_ops, 0x1800, 0x1000, 0);
    assert_int_equal(who(f, 0x17ff), 0);
    assert_int_equal(who(f, 0x1800), 1);
}

static void test_negative_priority_shows_only_through_holes(void **state)
{
    struct fixture *f = with_bql(state);

    memory_region_init(&f->box, "container", 0x4000);
    memory_region_add(&f->root, 0x10000, &f->box, 0);
    f->dev[0].name = 1;
    memory_region_init_io(&f->dev[0].mr, &probe_any_ops, &f->dev[0], "inside", 0x1000);
    memory_region_add(&f->box, 0x1000, &f->dev[0].mr, 0);
    add_device(f, 1, &probe_any_ops, 0, UINT64_MAX, -1);
    assert_int_equal(who(f, 0x10000), 1); /* a container covers nothing by itself */
    assert_int_equal(who(f, 0x11000), 0);
    assert_int_equal(who(f, 0x12000), 1);
    assert_int_equal(who(f, UINT64_MAX), 1);
    (void)load(f, UINT64_MAX, 1);
    assert_true(f->dev[1].offset == UINT64_MAX);
    memory_region_remove(&f->dev[0].mr);
}

static void test_children_are_cut_to_their_container(void **state)
{
    struct fixture *f = with_bql(state);

    memory_region_init(&f->box, "container", 0x1000);
    memory_region_add(&f->root, 0x8000, &f->box, 0);
    memory_region_init_io(&f->dev[0].mr, &probe_any_ops, &f->dev[0], "long", 0x10000);
    memory_region_add(&f->box, 0x800, &f->dev[0].mr, 0);
    assert_int_equal(who(f, 0x8800), 0);
    assert_int_equal(who(f, 0x8fff), 0);
    assert_int_equal(who(f, 0x9000), 9);
    memory_region_set_size(&f->box, 0x2000);
    assert_int_equal(who(f, 0x9000), 0);
    memory_region_set_enabled(&f->box, false);
    assert_int_equal(who(f, 0x8800), 9);
    memory_region_remove(&f->dev[0].mr);
}

static void test_alias_of_an_alias_shows_the_right_bytes(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    for (unsigned i = 0; i < 64 * KIB; i++) {
        memory_region_host(&f->ram)[i] = (uint8_t)(i >> 8);
    }
    memory_region_init_alias(&f->alias, "first", &f->ram, 0x2000, 0x8000);
    memory_region_init_alias(&f->alias2, "second", &f->alias, 0x1000, 0x4000);
    memory_region_add(&f->root, MIB, &f->alias2, 0);
    assert_int_equal(load(f, MIB, 1), 0x30);
    assert_int_equal(load(f, MIB + 0x3fff, 1), 0x6f);
    assert_int_equal(load(f, MIB + 0x4000, 1), 0xff);
    memory_region_set_alias_offset(&f->alias2, 0x2000);
    assert_int_equal(load(f, MIB, 1), 0x40);
    /* Past the end of what an alias shows there is nothing. */
    memory_region_set_alias_offset(&f->alias2, 0x6000);
    assert_int_equal(load(f, MIB + 0x1fff, 1), 0x9f);
    assert_int_equal(load(f, MIB + 0x2000, 1), 0xff);
    memory_region_set_alias_offset(&f->alias2, UINT64_MAX - 1);
    assert_int_equal(load(f, MIB, 1), 0xff);
    memory_region_remove(&f->alias2);
    memory_region_destroy(&f->ram);
}

static void test_ram_has_one_name_whatever_leads_to_it(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    memory_region_init_alias(&f->alias, "alias", &f->ram, 0x4000, 0x4000);
    memory_region_add(&f->root, MIB, &f->alias, 0);
    rcu_read_lock();
    struct memory_page direct = address_space_page(f->as, 0x5123);
    struct memory_page aliased = address_space_page(f->as, MIB + 0x1fff);
    struct memory_page none = address_space_page(f->as, 2 * MIB);
    rcu_read_unlock();
    assert_ptr_equal(direct.host, aliased.host);
    assert_int_equal(direct.ram_addr, aliased.ram_addr);
    assert_int_equal(direct.ram_addr % 4096, 0);
    assert_ptr_equal(memory_ram_host(direct.ram_addr), direct.host);
    assert_true(direct.writable);
    assert_null(none.host);
    memory_region_remove(&f->alias);
    memory_region_destroy(&f->ram);
}

static void test_page_that_is_only_partly_ram_is_none(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 16 * KIB);
    add_device(f, 0, &probe_any_ops, 0x1800, 4, 1);
    rcu_read_lock();
    assert_non_null(address_space_page(f->as, 0).host);
    assert_null(address_space_page(f->as, 0x1000).host);
    assert_non_null(address_space_page(f->as, 0x2000).host);
    rcu_read_unlock();
    memory_region_remove(&f->ram);
    memory_region_add(&f->root, 0x800, &f->ram, 0);
    rcu_read_lock();
    assert_null(address_space_page(f->as, 0x2000).host); /* RAM, but its pages lie across */
    rcu_read_unlock();
    memory_region_destroy(&f->ram);
}

static void test_writes_to_rom_are_dropped(void **state)
{
    struct fixture *f = with_bql(state);
    struct error err = {0};

    expect_ok(memory_region_init_rom(&f->ram, "rom", 4 * KIB, &err), &err);
    memory_region_add(&f->root, 0, &f->ram, 0);
    memory_region_host(&f->ram)[0] = 0x55;
    assert_int_equal(cpu_store(f->as, 0, 4, 0), MEMORY_OK);
    assert_int_equal(load(f, 0, 1), 0x55);
    rcu_read_lock();
    assert_false(address_space_page(f->as, 0).writable);
    rcu_read_unlock();
    assert_true(address_space_valid(f->as, 0, 4 * KIB, false));
    assert_false(address_space_valid(f->as, 0, 4 * KIB, true));
    memory_region_destroy(&f->ram);
}

static void test_read_only_alias_protects_ram_below(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, MIB, 8 * KIB);
    memory_region_init_alias(&f->alias, "shadow", &f->ram, 0, 4 * KIB);
    memory_region_add(&f->root, 0, &f->alias, 0);
    assert_int_equal(cpu_store(f->as, 8, 1, 1), MEMORY_OK);
    memory_region_set_readonly(&f->alias, true);
    assert_int_equal(cpu_store(f->as, 8, 1, 2), MEMORY_OK);
    assert_int_equal(load(f, 8, 1), 1);
    assert_int_equal(cpu_store(f->as, MIB + 8, 1, 3), MEMORY_OK);
    assert_int_equal(load(f, 8, 1), 3);
    memory_region_remove(&f->alias);
    memory_region_destroy(&f->ram);
}

static void test_rom_device_reads_memory_or_its_callbacks(void **state)
{
    struct fixture *f = with_bql(state);
    struct error err = {0};

    expect_ok(
        memory_region_init_rom_device(&f->ram, &probe_any_ops, &f->dev[0], "flash", 4 * KIB, &err),
        &err);
    memory_region_add(&f->root, 0, &f->ram, 0);
    memory_region_host(&f->ram)[1] = 0x77;
    f->dev[0].name = 0x20;
    assert_int_equal(load(f, 1, 1), 0x77);
    assert_int_equal(f->dev[0].accesses, 0);
    assert_int_equal(cpu_store(f->as, 1, 1, 0x90), MEMORY_OK);
    assert_int_equal(f->dev[0].value, 0x90);
    memory_region_set_romd(&f->ram, false);
    assert_int_equal(load(f, 1, 1), 0x21);
    rcu_read_lock();
    assert_null(address_space_page(f->as, 0).host);
    rcu_read_unlock();
    memory_region_destroy(&f->ram);
}

static void test_transaction_takes_effect_at_its_end(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x1000, 0);
    unsigned before = f->changes;
    memory_transaction_begin();
    memory_region_set_address(&f->dev[0].mr, 0x5000);
    memory_transaction_begin();
    add_device(f, 1, &probe_any_ops, 0x1000, 0x1000, 0);
    memory_transaction_commit();
    assert_int_equal(who(f, 0x1000), 0);
    assert_int_equal(who(f, 0x5000), 9);
    assert_int_equal(f->changes, before);
    memory_transaction_commit();
    assert_int_equal(who(f, 0x1000), 1);
    assert_int_equal(who(f, 0x5000), 0);
    assert_int_equal(f->changes, before + 1);
}

static void test_listener_is_not_called_for_what_cannot_be_seen(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &probe_any_ops, 0x1000, 0x1000, 1);
    unsigned before = f->changes;
    add_device(f, 1, &probe_any_ops, 0x1000, 0x1000, 0); /* covered entirely */
    memory_transaction_begin();
    memory_region_set_enabled(&f->dev[0].mr, false);
    memory_region_set_enabled(&f->dev[0].mr, true);
    memory_transaction_commit();
    assert_int_equal(f->changes, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_higher_priority_covers_lower),
        TEST(test_of_equals_the_last_added_wins),
        TEST(test_negative_priority_shows_only_through_holes),
        TEST(test_children_are_cut_to_their_container),
        TEST(test_alias_of_an_alias_shows_the_right_bytes),
        TEST(test_ram_has_one_name_whatever_leads_to_it),
        TEST(test_page_that_is_only_partly_ram_is_none),
        TEST(test_writes_to_rom_are_dropped),
        TEST(test_read_only_alias_protects_ram_below),
        TEST(test_rom_device_reads_memory_or_its_callbacks),
        TEST(test_transaction_takes_effect_at_its_end),
        TEST(test_listener_is_not_called_for_what_cannot_be_seen),
    };

    fake_cache_init(1 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
