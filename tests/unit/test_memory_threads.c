/* Guest-physical memory that changes while other threads use it. */
#include "memory_fake.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mapped_memory_outlives_its_region),
        TEST(test_readers_see_one_map_or_the_other),
    };

    fake_cache_init(1 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
