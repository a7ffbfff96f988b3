/* No store to a page slips by while it comes to hold code. */
#include "sys_tlb_fake.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "exec/exclusive.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_no_store_slips_by_while_a_page_is_protected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
