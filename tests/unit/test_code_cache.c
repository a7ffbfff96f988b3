/* The code cache: its two mappings, its regions, and finding the TB that a
 * host address belongs to. */
#include "exec_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define CACHE_SIZE (2UL << 20)

/* Empties the cache: every test begins with none but the vCPU it makes. */
static int setup(void **state)
{
    (void)state;
    tb_flush_exclusive();
    return 0;
}

static void test_code_written_to_one_mapping_runs_in_the_other(void **state)
{
    static const uint8_t code[] = {0xb8, 42, 0, 0, 0, 0xc3}; /* mov eax, 42; ret */
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    mmap_lock();
    uint8_t *rw = code_region_reserve(&f->cpu, sizeof(code), 0);
    assert_non_null(rw);
    memcpy(rw, code, sizeof(code));
    code_region_commit(&f->cpu, sizeof(code));
    mmap_unlock();

    uintptr_t rx = code_rx(rw);
    assert_ptr_equal(code_rw(rx), rw);
    assert_true(code_cache_contains(rx));
    int (*fn)(void);
    memcpy(&fn, &rx, sizeof(fn));
    assert_int_equal(fn(), 42);
    fake_cpu_free(f);
}

static void test_bounds_are_those_of_the_executable_mapping(void **state)
{
    uintptr_t start = code_cache_rx_start();

    (void)state;
    assert_false(code_cache_contains(start - 1));
    assert_true(code_cache_contains(start));
    assert_true(code_cache_contains(start + code_cache_size() - 1));
    assert_false(code_cache_contains(start + code_cache_size()));
    assert_true(code_cache_size() >= CACHE_SIZE);
}

/* The permissions of the mapping at addr, as /proc/self/maps has them. */
static void mapping_permissions(uintptr_t addr, char perms[8])
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned long start, end;

    assert_non_null(maps);
    perms[0] = 0;
    while (fgets(line, sizeof(line), maps)) {
        char p[8];
        if (sscanf(line, "%lx-%lx %7s", &start, &end, p) == 3 && start <= addr && addr < end) {
            memcpy(perms, p, sizeof(p));
        }
    }
    fclose(maps);
}

static void test_no_mapping_is_both_writable_and_executable(void **state)
{
    char perms[8];

    (void)state;
    mapping_permissions(code_cache_rx_start(), perms);
    assert_string_equal(perms, "r-xs");
    mapping_permissions(code_cache_rw_start(), perms);
    assert_string_equal(perms, "rw-s");
    assert_int_equal(mprotect((void *)code_cache_rx_start(), 4096, PROT_READ | PROT_WRITE), -1);
}

static void test_no_descriptor_is_left_open(void **state)
{
    (void)state;
    for (int fd = 0; fd < 256; fd++) {
        char path[32], target[256] = "";
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        (void)!readlink(path, target, sizeof(target) - 1);
        assert_null(strstr(target, "mortise-code"));
    }
}

static size_t wanted_size, wanted_regions, wanted_region_size;

static void child_init_with_size(void)
{
    const struct code_cache_config cfg = {.size = wanted_size, .stub_size = 5000};
    struct error err;

    CHECK(code_cache_init(&cfg, &err) == 0);
    CHECK(fake_stats().regions == wanted_regions);
    CHECK(fake_stats().region_size == wanted_region_size);
    CHECK(code_cache_size() >= wanted_size + 5000);
}

static void test_region_size_follows_cache_size(void **state)
{
    static const size_t cases[][3] = {
        {256UL << 10, 8, 32UL << 10},       {2UL << 20, 16, 128UL << 10},
        {64UL << 20, 64, 1UL << 20},        {1UL << 30, 1024, 1UL << 20},
        {(2UL << 20) + 1, 17, 128UL << 10}, {(16UL << 20) - 1, 32, 512UL << 10},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        wanted_size = cases[i][0];
        wanted_regions = cases[i][1];
        wanted_region_size = cases[i][2];
        fake_run_in_child(child_init_with_size, NULL);
    }
}

static void child_init_at_hint(void)
{
    struct code_cache_config cfg = {.size = CACHE_SIZE};
    struct error err;

    void *taken = mmap(NULL, 2 * CACHE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(taken != MAP_FAILED);
    cfg.rx_hint = (uintptr_t)taken;
    CHECK(code_cache_init(&cfg, &err) == -EEXIST);
    CHECK(strstr(err.text, "code cache"));
    munmap(taken, 2 * CACHE_SIZE);
    CHECK(code_cache_init(&cfg, &err) == 0);
    CHECK(code_cache_rx_start() == cfg.rx_hint);
    cfg.size = 1000;
    CHECK(code_cache_init(&cfg, &err) == -EINVAL);
    cfg.size = 2UL << 30;
    CHECK(code_cache_init(&cfg, &err) == -EINVAL);
}

static void test_the_hint_is_kept_or_refused(void **state)
{
    (void)state;
    fake_run_in_child(child_init_at_hint, NULL);
}

static void test_code_grows_up_and_metadata_down_in_units_of_16(void **state)
{
    struct fake_cpu *f = fake_cpu_new();

    (void)state;
    mmap_lock();
    uint8_t *first = code_region_reserve(&f->cpu, 100, 100);
    uint8_t *meta1 = code_region_meta(&f->cpu, 33);
    uint8_t *meta2 = code_region_meta(&f->cpu, 1);
    code_region_commit(&f->cpu, 17);
    uint8_t *second = code_region_reserve(&f->cpu, 100, 100);
    mmap_unlock();

    assert_int_equal((uintptr_t)first % 16, 0);
    assert_int_equal((uintptr_t)meta1 % 16, 0);
    assert_ptr_equal(meta1 - 16, meta2);
    assert_ptr_equal(first + 32, second);
    assert_true(meta2 > second);
    fake_cpu_free(f);
}

static void test_vcpus_translate_into_regions_of_their_own(void **state)
{
    struct fake_cpu *a = fake_cpu_new(), *b = fake_cpu_new();
    struct tb *ta = fake_tb(&a->cpu, 0x1000, 4, 1), *tb = fake_tb(&b->cpu, 0x2000, 4, 1);

    (void)state;
    assert_ptr_not_equal(a->cpu.region, b->cpu.region);
    assert_int_equal(fake_stats().regions_used, 2);
    assert_int_not_equal(ta->code_start, tb->code_start);
    fake_cpu_free(a);
    fake_cpu_free(b);
}

/* Translates until the cache is full; returns how many TBs that made. */
static size_t fill(struct cpu *cpu)
{
    size_t n = 0;

    while (fake_tb(cpu, 0x400000 + 16 * n, 4, 2)) {
        n++;
    }
    return n;
}

static void test_a_full_cache_says_so_and_is_empty_after_a_flush(void **state)
{
    struct fake_cpu *f = fake_cpu_new();
    uint64_t flushes = fake_stats().flushes;

    (void)state;
    size_t n = fill(&f->cpu);
    assert_int_equal(fake_stats().regions_used, fake_stats().regions);
    assert_null(fake_tb(&f->cpu, 0x1000, 4, 2));
    tb_flush_exclusive();
    assert_int_equal(fake_stats().regions_used, 0);
    assert_int_equal(fake_stats().code_bytes, 0);
    assert_int_equal(fake_stats().flushes, flushes + 1);
    assert_null(f->cpu.region);
    assert_int_equal(fill(&f->cpu), n);
    fake_cpu_free(f);
}

static void test_many_vcpus_share_regions_until_all_are_full(void **state)
{
    enum { VCPUS = 300 };
    struct fake_cpu *f[VCPUS];
    size_t alone, together = 0;

    (void)state;
    for (unsigned i = 0; i < VCPUS; i++) {
        f[i] = fake_cpu_new();
    }
    alone = fill(&f[0]->cpu);
    tb_flush_exclusive();
    for (bool room = true; room;) {
        room = false;
        for (unsigned i = 0; i < VCPUS; i++) {
            bool made = fake_tb(&f[i]->cpu, 0x400000 + 16 * together, 4, 2);
            room |= made;
            together += made;
        }
    }
    assert_int_equal(together, alone);
    for (unsigned i = 0; i < VCPUS; i++) {
        fake_cpu_free(f[i]);
    }
}

static void test_a_region_left_behind_is_filled_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        struct fake_cpu *f = fake_cpu_new();
        assert_non_null(fake_tb(&f->cpu, 0x1000 * i, 4, 1));
        fake_cpu_free(f);
    }
    assert_int_equal(fake_stats().regions_used, 1);
}

static void test_every_host_byte_leads_to_its_tb(void **state)
{
    struct fake_cpu *f = fake_cpu_new();
    struct tb *tbs[50];

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        mmap_lock();
        tbs[i] = fake_tb_make(&f->cpu, 0x1000, 4, i % 5, 0); /* need not be inserted */
        tbs[i]->host_size -= i % 5 ? 3 : 0;
        mmap_unlock();
    }
    for (unsigned i = 0; i < 50; i++) {
        struct tb *tb = tbs[i];
        assert_ptr_equal(tb_from_host(tb->code_start), tb);
        assert_ptr_equal(tb_from_host(tb->host), tb);
        assert_ptr_equal(tb_from_host(tb->code_start + tb->host_size - 1), tb);
        assert_ptr_not_equal(tb_from_host(tb->code_start + tb->host_size), tb);
    }
    assert_null(tb_from_host(code_cache_rx_start())); /* the stubs */
    assert_null(tb_from_host(code_cache_rx_start() - 1));
    assert_null(tb_from_host(tbs[49]->code_start + tbs[49]->host_size));
    assert_null(tb_from_host(code_cache_rx_start() + code_cache_size() - 1));
    assert_null(tb_from_host(code_cache_rx_start() + code_cache_size()));
    assert_null(tb_from_host((uintptr_t)&f));
    fake_cpu_free(f);
}

static _Atomic(struct tb *) newest;
static atomic_bool stop;

static void *look_up_newest(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        struct tb *tb = atomic_load(&newest);

        CHECK(!tb || tb_from_host(tb->host + 1) == tb);
        CHECK(!tb || tb_from_host(tb->code_start) == tb);
    }
    return NULL;
}

static void test_lookups_go_on_while_regions_grow(void **state)
{
    struct fake_cpu *f = fake_cpu_new();
    pthread_t thread;
    struct tb *tb;

    (void)state;
    atomic_store(&newest, NULL);
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, look_up_newest, NULL), 0);
    do {
        mmap_lock();
        tb = fake_tb_make(&f->cpu, 0x1000, 4, 0, 0);
        mmap_unlock();
        if (tb) {
            atomic_store(&newest, tb);
        }
    } while (tb);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    fake_cpu_free(f);
}

static struct fake_cpu *forker;
static struct tb *parents_tb;
static uint8_t *parents_code;

static void child_after_fork(void)
{
    uintptr_t rx = code_cache_rx_start();

    CHECK(!code_cache_after_fork_child());
    CHECK(code_cache_rx_start() == rx);
    CHECK(!tb_lookup(0x5000, 0));
    CHECK(!tb_from_host(parents_tb->host));
    CHECK(*parents_code == 0);
    CHECK(fake_stats().regions_used == 0);
    CHECK(!forker->cpu.region);
    CHECK(fake_invalidate(0, UINT64_MAX) == 0);
    CHECK(forker->cpu.jump_cache[0x5000] == FAKE_MISS);

    struct tb *tb = fake_tb(&forker->cpu, 0x6000, 4, 1);
    CHECK(tb && tb_lookup(0x6000, 0) == tb);
    *parents_code = 0x90;
    CHECK(*(volatile const uint8_t *)code_rx(parents_code) == 0x90);
}

static void child_with_copy(void)
{
    CHECK(code_cache_after_fork_child());
    CHECK(tb_lookup(0x5000, 0) == parents_tb);
    CHECK(tb_from_host(parents_tb->host) == parents_tb);
    CHECK(*parents_code == 0xcc);
    CHECK(forker->cpu.jump_cache[0x5000] == parents_tb->checked);
    CHECK(fake_stats().regions_used == 1);

    struct tb *tb = fake_tb(&forker->cpu, 0x6000, 4, 1);
    CHECK(tb && tb_lookup(0x6000, 0) == tb);
    tb_chain(&tb->exits[0], parents_tb);
    CHECK(fake_exit_target(&tb->exits[0]) == parents_tb->host);
    *parents_code = 0x90;
    CHECK(*(volatile const uint8_t *)code_rx(parents_code) == 0x90);
    CHECK(fake_invalidate(0x5000, 0x5001) == 1);
    CHECK(fake_exit_target(&tb->exits[0]) == tb->exits[0].stub);
}

static void test_a_forked_child_keeps_a_copy_that_was_made_for_it(void **state)
{
    (void)state;
    forker = fake_cpu_new();
    parents_tb = fake_tb(&forker->cpu, 0x5000, 4, 1);
    parents_code = code_rw(parents_tb->code_start);
    tb_jump_cache_set(&forker->cpu, parents_tb);

    mmap_lock();
    code_cache_before_fork();
    mmap_unlock();
    fake_run_in_child(child_with_copy, &forker->cpu);
    mmap_lock();
    code_cache_after_fork_parent();
    mmap_unlock();

    assert_int_equal(*parents_code, 0xcc);
    assert_ptr_equal(tb_lookup(0x5000, 0), parents_tb);
    assert_null(tb_lookup(0x6000, 0));
    fake_cpu_free(forker);
}

static void test_a_forked_child_has_an_empty_cache_of_its_own(void **state)
{
    (void)state;
    forker = fake_cpu_new();
    parents_tb = fake_tb(&forker->cpu, 0x5000, 4, 1);
    parents_code = code_rw(parents_tb->code_start);
    tb_jump_cache_set(&forker->cpu, parents_tb);

    fake_run_in_child(child_after_fork, &forker->cpu);

    assert_int_equal(*parents_code, 0xcc);
    assert_ptr_equal(tb_lookup(0x5000, 0), parents_tb);
    assert_null(tb_lookup(0x6000, 0));
    fake_cpu_free(forker);
}

int main(void)
{
    const struct CMUnitTest before_init[] = {
        cmocka_unit_test(test_region_size_follows_cache_size),
        cmocka_unit_test(test_the_hint_is_kept_or_refused),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_written_to_one_mapping_runs_in_the_other),
        cmocka_unit_test(test_bounds_are_those_of_the_executable_mapping),
        cmocka_unit_test(test_no_mapping_is_both_writable_and_executable),
        cmocka_unit_test(test_no_descriptor_is_left_open),
        cmocka_unit_test_setup(test_code_grows_up_and_metadata_down_in_units_of_16, setup),
        cmocka_unit_test_setup(test_vcpus_translate_into_regions_of_their_own, setup),
        cmocka_unit_test_setup(test_a_full_cache_says_so_and_is_empty_after_a_flush, setup),
        cmocka_unit_test_setup(test_many_vcpus_share_regions_until_all_are_full, setup),
        cmocka_unit_test_setup(test_a_region_left_behind_is_filled_up, setup),
        cmocka_unit_test_setup(test_every_host_byte_leads_to_its_tb, setup),
        cmocka_unit_test_setup(test_lookups_go_on_while_regions_grow, setup),
        cmocka_unit_test_setup(test_a_forked_child_keeps_a_copy_that_was_made_for_it, setup),
        cmocka_unit_test_setup(test_a_forked_child_has_an_empty_cache_of_its_own, setup),
    };
    int failed = cmocka_run_group_tests_name("code cache, sizes", before_init, NULL, NULL);

    fake_cache_init(CACHE_SIZE);
    return failed + cmocka_run_group_tests_name("code cache", tests, NULL, NULL);
}
