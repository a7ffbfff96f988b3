/* TBs: finding them, jumps between them, and getting rid of them, alone and
 * with other threads doing the opposite at the same time. */
#include "exec_fake.h"

#ifdef MORTISE_SANITIZE
#define RACE_FLUSHES 2
#else
#define RACE_FLUSHES 4
#endif

static struct fake_cpu *f;

static int setup(void **state)
{
    (void)state;
    tb_flush_exclusive();
    f = fake_cpu_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_cpu_free(f);
    return 0;
}

static bool page_has_code(uint64_t addr)
{
    mmap_lock();
    bool has = tb_page_has_code(addr);
    mmap_unlock();
    return has;
}

static void test_lookup_finds_by_pc_and_flags(void **state)
{
    struct tb *plain = fake_tb(&f->cpu, 0x401000, 8, 0);

    (void)state;
    mmap_lock();
    struct tb *other = fake_tb_make(&f->cpu, 0x401000, 8, 0, 0);
    other->flags = 1;
    tb_insert(other);
    mmap_unlock();

    assert_ptr_equal(tb_lookup(0x401000, 0), plain);
    assert_ptr_equal(tb_lookup(0x401000, 1), other);
    assert_null(tb_lookup(0x401000, 2));
    assert_null(tb_lookup(0x401001, 0));
}

static void test_a_tb_is_found_only_once_inserted(void **state)
{
    (void)state;
    mmap_lock();
    struct tb *tb = fake_tb_make(&f->cpu, 0x402000, 8, 0, 0);
    assert_null(tb_lookup(0x402000, 0));
    assert_false(tb_page_has_code(0x402000));
    tb_insert(tb);
    mmap_unlock();
    assert_ptr_equal(tb_lookup(0x402000, 0), tb);
    assert_true(page_has_code(0x402fff));
}

static void test_thousands_of_tbs_are_all_found(void **state)
{
    enum { COUNT = 1500 };
    struct tb **tbs = calloc(COUNT, sizeof(struct tb *));

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        tbs[i] = fake_tb(&f->cpu, 0x7f0000000000 + i * UINT64_C(0x1003), 5, 0);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        assert_ptr_equal(tb_lookup(tbs[i]->pc, 0), tbs[i]);
    }
    assert_int_equal(fake_invalidate(0x7f0000000000, 0x7fffffffffff), COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        assert_null(tb_lookup(0x7f0000000000 + i * UINT64_C(0x1003), 0));
    }
    free(tbs);
}

static void test_invalidation_hits_what_covers_a_byte_of_the_range(void **state)
{
    static const struct {
        uint64_t start, end;
        size_t hit;
    } cases[] = {
        {0x1000, 0x1100, 0}, {0x1000, 0x1101, 1}, {0x1103, 0x1104, 1}, {0x1104, 0x2000, 0},
        {0x1101, 0x1102, 1}, {0x1100, 0x1100, 0}, {0x1200, 0x1100, 0}, {0, UINT64_MAX, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_tb(&f->cpu, 0x1100, 4, 0);
        assert_int_equal(fake_invalidate(cases[i].start, cases[i].end), cases[i].hit);
        assert_true((tb_lookup(0x1100, 0) != NULL) == !cases[i].hit);
        fake_invalidate(0x1000, 0x2000);
    }
}

static void test_a_tb_across_two_pages_goes_with_either(void **state)
{
    (void)state;
    for (unsigned part = 0; part < 2; part++) {
        fake_tb(&f->cpu, 0x10ff0, 8, 0);
        fake_tb(&f->cpu, 0x11020, 8, 0);
        fake_tb(&f->cpu, 0x10ffa, 12, 0);
        assert_true(page_has_code(0x10000));
        assert_true(page_has_code(0x11000));
        assert_int_equal(fake_invalidate(part ? 0x11000 : 0x10ffe, part ? 0x11001 : 0x10fff), 1);
        assert_null(tb_lookup(0x10ffa, 0));
        assert_non_null(tb_lookup(0x10ff0, 0));
        assert_non_null(tb_lookup(0x11020, 0));
        assert_int_equal(fake_invalidate(0x10000, 0x12000), 2);
        assert_false(page_has_code(0x10000));
        assert_false(page_has_code(0x11000));
    }
}

static void test_any_48_bit_address_can_hold_code(void **state)
{
    static const uint64_t pcs[] = {0, 0x7fffffffffff, UINT64_C(0xffffffffff600000),
                                   UINT64_C(0xfffffffffffffff0)};

    (void)state;
    for (size_t i = 0; i < sizeof(pcs) / sizeof(pcs[0]); i++) {
        struct tb *tb = fake_tb(&f->cpu, pcs[i], 1, 0);
        assert_ptr_equal(tb_lookup(pcs[i], 0), tb);
        assert_true(page_has_code(pcs[i]));
        assert_int_equal(fake_invalidate(pcs[i], pcs[i] + 1), 1);
        assert_false(page_has_code(pcs[i]));
    }
}

static void test_an_invalidated_tb_is_still_known_by_its_host_address(void **state)
{
    struct tb *tb = fake_tb(&f->cpu, 0x1000, 4, 1);
    uint64_t before = fake_stats().invalidations;

    (void)state;
    assert_int_equal(fake_invalidate(0x1000, 0x1001), 1);
    assert_ptr_equal(tb_from_host(tb->host), tb);
    assert_true(atomic_load(&tb->invalid));
    assert_int_equal(fake_stats().invalidations, before + 1);
    struct tb *again = fake_tb(&f->cpu, 0x1000, 4, 1);
    assert_ptr_not_equal(again, tb);
    assert_ptr_equal(tb_lookup(0x1000, 0), again);
}

static void test_chaining_makes_the_jump_lead_to_the_target(void **state)
{
    struct tb *from = fake_tb(&f->cpu, 0x1000, 4, 3), *to = fake_tb(&f->cpu, 0x2000, 4, 0);
    struct tb *late = fake_tb(&f->cpu, 0x3000, 4, 0);
    uint8_t before = *code_rw(from->exits[1].field - 1), after = *code_rw(from->exits[1].field + 4);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_exit_target(&from->exits[i]), from->exits[i].stub);
    }
    tb_chain(&from->exits[1], to);
    assert_int_equal(fake_exit_target(&from->exits[0]), from->exits[0].stub);
    assert_int_equal(fake_exit_target(&from->exits[1]), to->host);
    assert_int_equal(fake_exit_target(&from->exits[2]), from->exits[2].stub);
    assert_int_equal(*code_rw(from->exits[1].field - 1), before);
    assert_int_equal(*code_rw(from->exits[1].field + 4), after);
    tb_chain(&from->exits[1], late); /* it leads somewhere already */
    assert_int_equal(fake_exit_target(&from->exits[1]), to->host);
}

static void test_jumps_onward_may_enter_further_on(void **state)
{
    struct tb *low = fake_tb(&f->cpu, 0x1000, 4, 1), *to = fake_tb(&f->cpu, 0x1010, 4, 2);
    struct tb *high = fake_tb(&f->cpu, 0x1020, 4, 1);

    (void)state;
    to->onward[0] = 5;
    tb_chain(&low->exits[0], to);
    tb_chain(&high->exits[0], to);
    tb_chain(&to->exits[0], to);
    assert_int_equal(fake_exit_target(&low->exits[0]), to->host + 5);
    assert_int_equal(fake_exit_target(&high->exits[0]), to->host);
    assert_int_equal(fake_exit_target(&to->exits[0]), to->host);
}

static void test_invalidating_the_target_resets_all_jumps_to_it(void **state)
{
    struct tb *a = fake_tb(&f->cpu, 0x1000, 4, 2), *b = fake_tb(&f->cpu, 0x2000, 4, 2);
    struct tb *to = fake_tb(&f->cpu, 0x3000, 4, 1);

    (void)state;
    tb_chain(&a->exits[0], to);
    tb_chain(&a->exits[1], b);
    tb_chain(&b->exits[0], to);
    tb_chain(&b->exits[1], b);
    tb_chain(&to->exits[0], to);
    assert_int_equal(fake_exit_target(&to->exits[0]), to->host);
    fake_invalidate(0x3000, 0x3001);
    assert_int_equal(fake_exit_target(&a->exits[0]), a->exits[0].stub);
    assert_int_equal(fake_exit_target(&a->exits[1]), b->host);
    assert_int_equal(fake_exit_target(&b->exits[0]), b->exits[0].stub);
    assert_int_equal(fake_exit_target(&b->exits[1]), b->host);
    assert_int_equal(fake_exit_target(&to->exits[0]), to->exits[0].stub);

    to = fake_tb(&f->cpu, 0x3000, 4, 1);
    tb_chain(&a->exits[0], to);
    assert_int_equal(fake_exit_target(&a->exits[0]), to->host);
}

static void test_invalidating_the_source_takes_it_off_its_targets(void **state)
{
    struct tb *a = fake_tb(&f->cpu, 0x1000, 4, 1), *b = fake_tb(&f->cpu, 0x2000, 4, 1);
    struct tb *c = fake_tb(&f->cpu, 0x3000, 4, 1), *to = fake_tb(&f->cpu, 0x4000, 4, 0);

    (void)state;
    tb_chain(&a->exits[0], to);
    tb_chain(&b->exits[0], to);
    tb_chain(&c->exits[0], to);
    fake_invalidate(0x2000, 0x2001); /* the middle of the list */
    assert_int_equal(fake_exit_target(&b->exits[0]), b->exits[0].stub);
    fake_invalidate(0x3000, 0x3001); /* its head */
    assert_int_equal(fake_exit_target(&a->exits[0]), to->host);
    fake_invalidate(0x4000, 0x4001);
    assert_int_equal(fake_exit_target(&a->exits[0]), a->exits[0].stub);
}

static void test_invalid_tbs_are_not_chained(void **state)
{
    struct tb *from = fake_tb(&f->cpu, 0x1000, 4, 1), *to = fake_tb(&f->cpu, 0x2000, 4, 1);

    (void)state;
    fake_invalidate(0x2000, 0x2001);
    tb_chain(&from->exits[0], to);
    assert_int_equal(fake_exit_target(&from->exits[0]), from->exits[0].stub);
    tb_chain(&to->exits[0], from);
    assert_int_equal(fake_exit_target(&to->exits[0]), to->exits[0].stub);
}

static void test_invalidation_opens_loops_inside_a_tb(void **state)
{
    (void)state;
    mmap_lock();
    struct tb *tb = fake_tb_make(&f->cpu, 0x1000, 40, 1, 2);
    tb_insert(tb);
    mmap_unlock();
    tb_chain(&tb->exits[1], tb); /* an inside exit is not for chaining */
    assert_int_equal(fake_exit_target(&tb->exits[1]), tb->host);
    fake_invalidate(0x1000, 0x1001);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fake_exit_target(&tb->exits[i]), tb->exits[i].stub);
    }
}

static uintptr_t cached(struct fake_cpu *cpu, uint64_t pc)
{
    return atomic_load(&cpu->cpu.jump_cache[pc % CPU_JUMP_CACHE_ENTRIES]);
}

static void test_invalidation_clears_jump_caches_of_all_vcpus(void **state)
{
    struct fake_cpu *g = fake_cpu_new();
    struct tb *a = fake_tb(&f->cpu, 0x401000, 4, 0), *b = fake_tb(&f->cpu, 0x402000, 4, 0);

    (void)state;
    tb_jump_cache_set(&f->cpu, a);
    tb_jump_cache_set(&g->cpu, a);
    tb_jump_cache_set(&g->cpu, b);
    assert_int_equal(cached(f, a->pc), a->checked);
    fake_invalidate(0x401000, 0x401001);
    assert_int_equal(cached(f, a->pc), FAKE_MISS);
    assert_int_equal(cached(g, a->pc), FAKE_MISS);
    assert_int_equal(cached(g, b->pc), b->checked);
    tb_jump_cache_set(&f->cpu, a);
    assert_int_equal(cached(f, a->pc), FAKE_MISS);
    fake_cpu_free(g);
}

static void test_a_jump_cache_entry_for_another_tb_is_left_alone(void **state)
{
    struct tb *a = fake_tb(&f->cpu, 0x401000, 4, 0);
    struct tb *b = fake_tb(&f->cpu, 0x401000 + CPU_JUMP_CACHE_ENTRIES, 4, 0);

    (void)state;
    tb_jump_cache_set(&f->cpu, a);
    tb_jump_cache_set(&f->cpu, b);
    assert_int_equal(cached(f, a->pc), b->checked);
    fake_invalidate(0x401000, 0x401001);
    assert_int_equal(cached(f, a->pc), b->checked);
}

static void test_a_flush_leaves_nothing(void **state)
{
    struct tb *tb = fake_tb(&f->cpu, 0x401000, 4, 1);
    uint64_t flushes = tb_flush_count();
    uintptr_t host = tb->host;

    (void)state;
    fake_tb(&f->cpu, 0x10ffa, 12, 0);
    for (uint64_t pc = 0; pc < CPU_JUMP_CACHE_ENTRIES; pc += 1021) {
        tb->pc = pc;
        tb_jump_cache_set(&f->cpu, tb);
    }
    tb->pc = 0x401000;
    tb_flush_exclusive();
    assert_int_equal(tb_flush_count(), flushes + 1);
    assert_null(tb_lookup(0x401000, 0));
    assert_null(tb_from_host(host));
    assert_false(page_has_code(0x401000));
    assert_false(page_has_code(0x10000));
    assert_false(page_has_code(0x11000));
    assert_int_equal(fake_invalidate(0, UINT64_MAX), 0);
    for (uint64_t pc = 0; pc < CPU_JUMP_CACHE_ENTRIES; pc++) {
        assert_int_equal(cached(f, pc), FAKE_MISS);
    }
}

static void test_vcpus_that_find_the_same_cache_full_flush_it_once(void **state)
{
    struct fake_cpu *g = fake_cpu_new();
    uint64_t flushes = tb_flush_count();

    (void)state;
    while (fake_tb(&f->cpu, 0x1000, 4, 2)) {
    }
    assert_null(fake_tb(&g->cpu, 0x1000, 4, 2));
    tb_request_flush(&f->cpu);
    tb_request_flush(&g->cpu);
    assert_int_equal(tb_flush_count(), flushes);
    cpu_process_work(&f->cpu);
    assert_int_equal(tb_flush_count(), flushes + 1);
    assert_non_null(fake_tb(&f->cpu, 0x1000, 4, 2));
    cpu_process_work(&g->cpu);
    assert_int_equal(tb_flush_count(), flushes + 1);
    fake_cpu_free(g);
}

/* What follows runs vCPUs' threads against one that invalidates. */

#define RACE_VCPUS 3
#define RACE_PAGES 4
#define RACE_TBS   8 /* per page */

static uint64_t race_pc(unsigned n)
{
    return 0x500000 + n / RACE_TBS % RACE_PAGES * GUEST_PAGE_SIZE + n % RACE_TBS * 64;
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 16;
}

/* The TB at pc, translated if need be; NULL after asking for a flush. */
static struct tb *race_tb(struct cpu *cpu, uint64_t pc)
{
    struct tb *tb = tb_lookup(pc, 0);

    if (!tb) {
        mmap_lock();
        tb = tb_lookup(pc, 0);
        if (!tb) {
            tb = fake_tb_make(cpu, pc, 64, 2, 1);
            if (tb) {
                tb_insert(tb);
            } else {
                tb_request_flush(cpu);
            }
        }
        mmap_unlock();
    }
    return tb;
}

/* Hops from TB to TB as guest code would, chaining and caching jumps. */
static void race_stint(struct cpu *cpu, unsigned *seed)
{
    struct tb *tb = NULL;

    cpu_exec_start(cpu);
    for (unsigned i = 0; i < 20 && !fake_asked_to_leave(cpu); i++) {
        struct tb *to = race_tb(cpu, race_pc(next_random(seed)));
        if (!to) {
            break;
        }
        if (tb) {
            tb_chain(&tb->exits[i % 2], to);
        }
        tb_jump_cache_set(cpu, to);
        CHECK(tb_from_host(to->host) == to);
        tb = to;
    }
    cpu_exec_end(cpu);
}

static atomic_bool race_over;

static void *race_vcpu(void *arg)
{
    struct fake_cpu *me = arg;
    unsigned seed = me->cpu.index + 1;

    cpu_attach_thread(&me->cpu);
    while (!atomic_load(&race_over)) {
        race_stint(&me->cpu, &seed);
        cpu_process_work(&me->cpu);
    }
    fake_cpu_free(me);
    return NULL;
}

/* Nobody is inside: an exit leads to its stub or to a valid TB, an invalid
 * TB's exits to their stubs, and no jump cache to an invalid TB. */
static void check_cpu(struct cpu *cpu, void *unused)
{
    (void)unused;
    for (size_t i = 0; i < CPU_JUMP_CACHE_ENTRIES; i++) {
        uintptr_t entry = atomic_load(&cpu->jump_cache[i]);
        CHECK(entry == FAKE_MISS || !atomic_load(&tb_from_host(entry)->invalid));
    }
}

static void check_exits(const struct tb *tb)
{
    for (unsigned i = 0; i < tb->exit_count; i++) {
        uintptr_t target = fake_exit_target(&tb->exits[i]);
        struct tb *to = tb_from_host(target);

        if (atomic_load(&tb->invalid)) {
            CHECK(target == tb->exits[i].stub);
        } else if (target != tb->exits[i].stub) {
            CHECK(to && to->host == target && !atomic_load(&to->invalid));
        }
    }
}

static void check_everything(void)
{
    start_exclusive();
    mmap_lock();
    cpu_for_each(check_cpu, NULL);
    for (uintptr_t rx = code_cache_rx_start(); rx < code_cache_rx_start() + code_cache_size();
         rx += 16) {
        struct tb *tb = tb_from_host(rx);
        if (tb && tb->code_start == rx) {
            check_exits(tb);
        }
    }
    mmap_unlock();
    end_exclusive();
}

static void test_no_jump_to_an_invalid_tb_survives(void **state)
{
    pthread_t threads[RACE_VCPUS];
    unsigned seed = 12345;
    uint64_t flushes = tb_flush_count();
    size_t invalidated = 0;

    (void)state;
    atomic_store(&race_over, false);
    for (unsigned i = 0; i < RACE_VCPUS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, race_vcpu, fake_cpu_new()), 0);
    }
    /* What is invalidated is translated again, so the cache fills up. */
    for (unsigned i = 0; tb_flush_count() < flushes + RACE_FLUSHES; i++) {
        uint64_t pc = race_pc(next_random(&seed));

        invalidated += fake_invalidate(pc, pc + next_random(&seed) % 128);
        if (i % 1000 == 0) {
            check_everything();
        }
    }
    check_everything();
    atomic_store(&race_over, true);
    for (unsigned i = 0; i < RACE_VCPUS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(invalidated > 0);
}

int main(void)
{
#define TB_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TB_TEST(test_lookup_finds_by_pc_and_flags),
        TB_TEST(test_a_tb_is_found_only_once_inserted),
        TB_TEST(test_thousands_of_tbs_are_all_found),
        TB_TEST(test_invalidation_hits_what_covers_a_byte_of_the_range),
        TB_TEST(test_a_tb_across_two_pages_goes_with_either),
        TB_TEST(test_any_48_bit_address_can_hold_code),
        TB_TEST(test_an_invalidated_tb_is_still_known_by_its_host_address),
        TB_TEST(test_chaining_makes_the_jump_lead_to_the_target),
        TB_TEST(test_jumps_onward_may_enter_further_on),
        TB_TEST(test_invalidating_the_target_resets_all_jumps_to_it),
        TB_TEST(test_invalidating_the_source_takes_it_off_its_targets),
        TB_TEST(test_invalid_tbs_are_not_chained),
        TB_TEST(test_invalidation_opens_loops_inside_a_tb),
        TB_TEST(test_invalidation_clears_jump_caches_of_all_vcpus),
        TB_TEST(test_a_jump_cache_entry_for_another_tb_is_left_alone),
        TB_TEST(test_a_flush_leaves_nothing),
        TB_TEST(test_vcpus_that_find_the_same_cache_full_flush_it_once),
        TB_TEST(test_no_jump_to_an_invalid_tb_survives),
    };

    fake_cache_init(512UL << 10);
    return cmocka_run_group_tests_name("tb cache", tests, NULL, NULL);
}
