/* Guest-physical memory: what a tree of regions looks like from outside, and how
 * accesses reach devices. */
#include "exec_fake.h"

#include <sys/eventfd.h>

#include "exec/memory.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* A device that remembers what was done to it, and answers with its name and the
 * offset. */
struct probe {
    struct memory_region mr;
    uint64_t name;
    unsigned accesses;
    uint64_t offset, value;
    unsigned size;
    bool had_bql;
    struct address_space *dma; /* is entered again through it, at dma_addr */
    uint64_t dma_addr;
    enum memory_result dma_result;
};

static void note(struct probe *p, uint64_t offset, unsigned size)
{
    p->accesses++;
    p->offset = offset;
    p->size = size;
    p->had_bql = bql_locked();
}

static enum memory_result probe_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct probe *p = opaque;

    note(p, offset, size);
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value |= ((p->name + offset + i) & 0xff) << 8 * i;
    }
    if (p->dma) {
        uint64_t ignored;
        p->dma_result = address_space_read(p->dma, p->dma_addr, &ignored, 1);
    }
    return MEMORY_OK;
}

static enum memory_result probe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct probe *p = opaque;

    note(p, offset, size);
    p->value = value;
    return MEMORY_OK;
}

static const struct memory_ops any_ops = {.read = probe_read, .write = probe_write};
static const struct memory_ops unaligned_ops = {
    .read = probe_read, .write = probe_write, .unaligned = true};
static const struct memory_ops byte_ops = {
    .read = probe_read, .write = probe_write, .min_size = 1, .max_size = 1};
static const struct memory_ops dword_ops = {
    .read = probe_read, .write = probe_write, .min_size = 4, .max_size = 4};

/* What most tests have: a root, a space of it, a few devices. */
struct fixture {
    struct memory_region root, ram, other, alias, alias2, box;
    struct probe dev[3];
    struct address_space *as;
    unsigned changes; /* calls of the listener */
};

static void changed(void *opaque)
{
    struct fixture *f = opaque;

    f->changes++;
}

static void expect_ok(int ret, const struct error *err)
{
    if (ret < 0) {
        fail_msg("%s", err->text);
    }
}

static int setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err = {0};

    bql_lock();
    memory_region_init(&f->root, "root", UINT64_MAX);
    expect_ok(address_space_new(&f->as, "test", &f->root, &err), &err);
    address_space_set_listener(f->as, changed, f);
    *state = f;
    return 0;
}

static int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = *state;

    address_space_free(f->as);
    bql_unlock();
    rcu_barrier();
    free(f);
    return 0;
}

/* Tests run with the BQL, which setup has taken. */
static struct fixture *with_bql(void **state) ASSERT_CAPABILITY(bql)
{
    bql_assert_locked();
    return *state;
}

static void add_device(struct fixture *f, unsigned n, const struct memory_ops *ops, uint64_t addr,
                       uint64_t size, int priority) REQUIRES(bql)
{
    f->dev[n].name = 0x10 * (n + 1);
    memory_region_init_io(&f->dev[n].mr, ops, &f->dev[n], "device", size);
    memory_region_add(&f->root, addr, &f->dev[n].mr, priority);
}

static void add_ram(struct fixture *f, uint64_t addr, uint64_t size) REQUIRES(bql)
{
    struct error err = {0};

    expect_ok(memory_region_init_ram(&f->ram, "ram", size, &err), &err);
    memory_region_add(&f->root, addr, &f->ram, 0);
}

/* As a CPU, which has not got the BQL that the tests hold otherwise. */
static enum memory_result cpu_load(struct address_space *as, uint64_t addr, unsigned size,
                                   uint64_t *value) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    enum memory_result result = address_space_load(as, addr, size, value);
    bql_lock();
    return result;
}

static enum memory_result cpu_store(struct address_space *as, uint64_t addr, unsigned size,
                                    uint64_t value) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    enum memory_result result = address_space_store(as, addr, size, value);
    bql_lock();
    return result;
}

static uint64_t load(struct fixture *f, uint64_t addr, unsigned size)
{
    uint64_t value = 0;

    (void)cpu_load(f->as, addr, size, &value);
    return value;
}

/* Which device answers at addr: 0, 1, 2; 9: none. */
static unsigned who(struct fixture *f, uint64_t addr)
{
    uint64_t value;

    for (unsigned i = 0; i < 3; i++) {
        f->dev[i].accesses = 0;
    }
    (void)cpu_load(f->as, addr, 1, &value);
    for (unsigned i = 0; i < 3; i++) {
        if (f->dev[i].accesses) {
            return i;
        }
    }
    return 9;
}

static void test_higher_priority_covers_lower(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &any_ops, 0x1000, 0x3000, 0);
    add_device(f, 1, &any_ops, 0x2000, 0x1000, 1);
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

    add_device(f, 0, &any_ops, 0x1000, 0x1000, 0);
    add_device(f, 1, &any_ops, 0x1800, 0x1000, 0);
    assert_int_equal(who(f, 0x17ff), 0);
    assert_int_equal(who(f, 0x1800), 1);
}

static void test_negative_priority_shows_only_through_holes(void **state)
{
    struct fixture *f = with_bql(state);

    memory_region_init(&f->box, "container", 0x4000);
    memory_region_add(&f->root, 0x10000, &f->box, 0);
    f->dev[0].name = 1;
    memory_region_init_io(&f->dev[0].mr, &any_ops, &f->dev[0], "inside", 0x1000);
    memory_region_add(&f->box, 0x1000, &f->dev[0].mr, 0);
    add_device(f, 1, &any_ops, 0, UINT64_MAX, -1);
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
    memory_region_init_io(&f->dev[0].mr, &any_ops, &f->dev[0], "long", 0x10000);
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
    add_device(f, 0, &any_ops, 0x1800, 4, 1);
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

    expect_ok(memory_region_init_rom_device(&f->ram, &any_ops, &f->dev[0], "flash", 4 * KIB, &err),
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

static void test_unassigned_memory_reads_as_ones(void **state)
{
    struct fixture *f = with_bql(state);
    uint64_t value = 0;
    uint8_t buf[16] = {0};

    assert_int_equal(cpu_load(f->as, 0x1234, 4, &value), MEMORY_UNASSIGNED);
    assert_true(value == UINT32_MAX);
    assert_int_equal(cpu_store(f->as, 0x1234, 8, 0), MEMORY_UNASSIGNED);
    assert_int_equal(address_space_read(f->as, UINT64_MAX - 7, buf, 8), MEMORY_UNASSIGNED);
    assert_int_equal(buf[7], 0xff);
    assert_int_equal(buf[8], 0);
    assert_false(address_space_valid(f->as, 0, 1, false));
    assert_false(address_space_valid(f->as, UINT64_MAX, 2, false));
}

static void test_transaction_takes_effect_at_its_end(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &any_ops, 0x1000, 0x1000, 0);
    unsigned before = f->changes;
    memory_transaction_begin();
    memory_region_set_address(&f->dev[0].mr, 0x5000);
    memory_transaction_begin();
    add_device(f, 1, &any_ops, 0x1000, 0x1000, 0);
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

    add_device(f, 0, &any_ops, 0x1000, 0x1000, 1);
    unsigned before = f->changes;
    add_device(f, 1, &any_ops, 0x1000, 0x1000, 0); /* covered entirely */
    memory_transaction_begin();
    memory_region_set_enabled(&f->dev[0].mr, false);
    memory_region_set_enabled(&f->dev[0].mr, true);
    memory_transaction_commit();
    assert_int_equal(f->changes, before);
}

static void test_wide_access_is_split_for_a_narrow_device(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &byte_ops, 0x1000, 0x100, 0);
    assert_int_equal(load(f, 0x1004, 4), 0x17161514);
    assert_int_equal(f->dev[0].accesses, 4);
    assert_int_equal(f->dev[0].size, 1);
    assert_int_equal(cpu_store(f->as, 0x1004, 2, 0xabcd), MEMORY_OK);
    assert_int_equal(f->dev[0].offset, 5);
    assert_int_equal(f->dev[0].value, 0xab);
}

static void test_narrow_read_takes_a_part_and_narrow_write_is_refused(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &dword_ops, 0x1000, 0x100, 0);
    assert_int_equal(load(f, 0x1006, 1), 0x16);
    assert_int_equal(f->dev[0].offset, 4);
    assert_int_equal(f->dev[0].size, 4);
    assert_int_equal(load(f, 0x1006, 4), 0x19181716);
    unsigned accesses = f->dev[0].accesses;
    assert_int_equal(cpu_store(f->as, 0x1004, 2, 0), MEMORY_ERROR);
    assert_int_equal(f->dev[0].accesses, accesses);
    assert_true(load(f, 0x1000, 8) == UINT64_C(0x1716151413121110));
}

static void test_unaligned_access_is_split_unless_the_device_takes_it(void **state)
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &any_ops, 0x1000, 0x100, 0);
    add_device(f, 1, &unaligned_ops, 0x2000, 0x100, 0);
    assert_int_equal(load(f, 0x1001, 4), 0x14131211);
    assert_int_equal(f->dev[0].accesses, 3);
    assert_int_equal(load(f, 0x2001, 4), 0x24232221);
    assert_int_equal(f->dev[1].accesses, 1);
}

static void test_access_across_a_border_reaches_both_sides(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 4 * KIB);
    add_device(f, 0, &any_ops, 0x1000, 0x10, 0);
    memory_region_host(&f->ram)[0xfff] = 0x99;
    assert_int_equal(load(f, 0xfff, 2), 0x1099);
    assert_int_equal(cpu_store(f->as, 0xffe, 4, 0x44332211), MEMORY_OK);
    assert_int_equal(memory_region_host(&f->ram)[0xffe], 0x11);
    assert_int_equal(memory_region_host(&f->ram)[0xfff], 0x22);
    assert_int_equal(f->dev[0].value, 0x44);
    assert_int_equal(load(f, 0x100e, 4), 0xffff1f1e);
    memory_region_destroy(&f->ram);
}

static void test_buffer_is_written_to_ram_and_read_back(void **state)
{
    struct fixture *f = with_bql(state);
    uint8_t out[64], in[64];

    add_ram(f, 0, 8 * KIB);
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7);
    }
    assert_int_equal(address_space_write(f->as, 0xff1, out, sizeof(out)), MEMORY_OK);
    assert_int_equal(address_space_read(f->as, 0xff1, in, sizeof(in)), MEMORY_OK);
    assert_memory_equal(in, out, sizeof(in));
    add_device(f, 0, &any_ops, 0x2000, 0x1000, 0);
    memset(in, 0, sizeof(in));
    assert_int_equal(address_space_read(f->as, 0x1ffe, in, 8), MEMORY_ERROR);
    assert_int_equal(in[2], 0xff);
    assert_int_equal(in[7], 0xff);
    assert_int_equal(in[8], 0);
    memory_region_destroy(&f->ram);
}

static void test_dma_reaches_memory_and_no_device(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    add_device(f, 0, &any_ops, 0x20000, 0x100, 0);
    add_device(f, 1, &any_ops, 0x30000, 0x100, 0);
    f->dev[0].dma = f->as;
    f->dev[0].dma_addr = 0x20010;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].accesses, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_ERROR);
    f->dev[0].dma_addr = 0x30010;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_ERROR);
    assert_int_equal(f->dev[1].accesses, 0);
    f->dev[0].dma_addr = 0x1000;
    (void)load(f, 0x20000, 1);
    assert_int_equal(f->dev[0].dma_result, MEMORY_OK);
    memory_region_destroy(&f->ram);
}

static void test_bql_is_taken_only_for_devices_that_want_it(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = with_bql(state);

    add_device(f, 0, &any_ops, 0x1000, 0x100, 0);
    memory_region_init_io(&f->dev[1].mr, &any_ops, &f->dev[1], "lockless", 0x100);
    memory_region_set_lockless(&f->dev[1].mr);
    memory_region_add(&f->root, 0x2000, &f->dev[1].mr, 0);
    assert_int_equal(who(f, 0x1000), 0);
    assert_true(f->dev[0].had_bql);
    assert_int_equal(who(f, 0x2000), 1);
    assert_false(f->dev[1].had_bql);
}

static void test_notifier_takes_the_write_it_waits_for(void **state)
{
    struct fixture *f = with_bql(state);
    int fd = eventfd(0, EFD_NONBLOCK), other = eventfd(0, EFD_NONBLOCK);
    uint64_t count = 0;

    add_device(f, 0, &any_ops, 0x1000, 0x100, 0);
    assert_int_equal(memory_region_add_notifier(&f->dev[0].mr, 0x10, 2, true, 5, fd), 0);
    assert_int_equal(memory_region_add_notifier(&f->dev[0].mr, 0x20, 0, false, 0, other), 0);
    assert_int_equal(cpu_store(f->as, 0x1010, 2, 5), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 0);
    assert_int_equal(read(fd, &count, 8), 8);
    assert_int_equal(cpu_store(f->as, 0x1010, 2, 6), MEMORY_OK);
    assert_int_equal(cpu_store(f->as, 0x1010, 4, 5), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 2);
    assert_int_equal(read(fd, &count, 8), -1);
    assert_int_equal(cpu_store(f->as, 0x1020, 4, 77), MEMORY_OK);
    assert_int_equal(read(other, &count, 8), 8);
    memory_region_remove_notifier(&f->dev[0].mr, 0x20, other);
    assert_int_equal(cpu_store(f->as, 0x1020, 4, 77), MEMORY_OK);
    assert_int_equal(f->dev[0].accesses, 3);
    memory_region_destroy(&f->dev[0].mr);
    close(fd);
    close(other);
}

static void test_mapped_memory_outlives_its_region(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = with_bql(state);
    uint64_t len = MIB;

    add_ram(f, 0x4000, 64 * KIB);
    uint8_t *host = address_space_map(f->as, 0x5000, &len, true);
    assert_ptr_equal(host, memory_region_host(&f->ram) + 0x1000);
    assert_int_equal(len, 60 * KIB);
    memory_region_destroy(&f->ram);
    bql_unlock();
    rcu_barrier();
    bql_lock();
    memset(host, 1, len);
    address_space_unmap(f->as, host, len, true, len);
    len = 1;
    assert_null(address_space_map(f->as, 0x5000, &len, true));
}

static void test_stores_to_code_invalidate_translations(void **state)
{
    struct fixture *f = with_bql(state);

    add_ram(f, 0, 64 * KIB);
    uint64_t ram = f->ram.ram_addr + 0x3000;
    assert_false(memory_ram_has_code(ram));
    memory_ram_set_code(ram, true);
    assert_true(memory_ram_has_code(ram + 0xfff));
    assert_false(memory_ram_has_code(ram + 0x1000));
    assert_false(memory_ram_has_code(ram - 1));
    /* There is none to be found, but the way there is gone. */
    assert_false(memory_ram_written(f->ram.ram_addr, 64 * KIB));
    memory_ram_set_code(ram, false);
    assert_false(memory_ram_has_code(ram));
    memory_region_destroy(&f->ram);
}

/* --- readers while the map changes --- */

#ifdef MORTISE_SANITIZE
#define FLIPS 300
#else
#define FLIPS 3000
#endif
static atomic_bool stop_reading;

/* The two windows are swapped in one transaction, so a reader that looks at one of
 * them finds this or that, and never nothing. */
static void *read_on(void *arg)
{
    struct fixture *f = arg;

    while (!atomic_load(&stop_reading)) {
        uint64_t value = 0;
        CHECK(address_space_load(f->as, 0x10000, 1, &value) == MEMORY_OK);
        CHECK(value == 0xa1 || value == 0xb2);
        uint8_t both[2];
        CHECK(address_space_read(f->as, 0x20000, both, 2) == MEMORY_OK);
        CHECK(both[0] == 0xa1 || both[0] == 0xb2);
        rcu_read_lock();
        struct memory_page page = address_space_page(f->as, 0x10000);
        CHECK(page.host && (*page.host == 0xa1 || *page.host == 0xb2));
        rcu_read_unlock();
        uint64_t len = 1;
        uint8_t *host = address_space_map(f->as, 0x30000, &len, false);
        if (host) {
            CHECK(*host == 0xc3);
            address_space_unmap(f->as, host, len, false, 0);
        }
    }
    return NULL;
}

static void flip(struct fixture *f, bool swapped) REQUIRES(bql)
{
    struct error err = {0};

    memory_transaction_begin();
    memory_region_set_address(&f->ram, swapped ? 0x20000 : 0x10000);
    memory_region_set_address(&f->other, swapped ? 0x10000 : 0x20000);
    memory_transaction_commit();
    /* One that comes and goes while it is being mapped. */
    CHECK(memory_region_init_ram(&f->box, "passing", 4096, &err) == 0);
    memory_region_host(&f->box)[0] = 0xc3;
    memory_region_add(&f->root, 0x30000, &f->box, 0);
    bql_unlock();
    bql_lock();
    memory_region_destroy(&f->box);
}

static void test_readers_see_one_map_or_the_other(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = with_bql(state);
    struct error err = {0};
    pthread_t reader[2];

    add_ram(f, 0x10000, 4 * KIB);
    memset(memory_region_host(&f->ram), 0xa1, 4 * KIB);
    expect_ok(memory_region_init_ram(&f->other, "other", 4 * KIB, &err), &err);
    memset(memory_region_host(&f->other), 0xb2, 4 * KIB);
    memory_region_add(&f->root, 0x20000, &f->other, 0);
    atomic_store(&stop_reading, false);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&reader[i], NULL, read_on, f), 0);
    }
    for (unsigned i = 0; i < FLIPS; i++) {
        flip(f, i % 2 == 0);
    }
    atomic_store(&stop_reading, true);
    bql_unlock();
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(reader[i], NULL);
    }
    bql_lock();
    memory_region_destroy(&f->ram);
    memory_region_destroy(&f->other);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

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
        TEST(test_unassigned_memory_reads_as_ones),
        TEST(test_transaction_takes_effect_at_its_end),
        TEST(test_listener_is_not_called_for_what_cannot_be_seen),
        TEST(test_wide_access_is_split_for_a_narrow_device),
        TEST(test_narrow_read_takes_a_part_and_narrow_write_is_refused),
        TEST(test_unaligned_access_is_split_unless_the_device_takes_it),
        TEST(test_access_across_a_border_reaches_both_sides),
        TEST(test_buffer_is_written_to_ram_and_read_back),
        TEST(test_dma_reaches_memory_and_no_device),
        TEST(test_bql_is_taken_only_for_devices_that_want_it),
        TEST(test_notifier_takes_the_write_it_waits_for),
        TEST(test_mapped_memory_outlives_its_region),
        TEST(test_stores_to_code_invalidate_translations),
        TEST(test_readers_see_one_map_or_the_other),
    };

    fake_cache_init(1 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
