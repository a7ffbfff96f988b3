/* Fake vCPUs and TBs for the tests of src/exec: a vCPU whose kick is counted
 * instead of sent, and TBs whose code is made of jumps to be inspected. */
#ifndef TESTS_UNIT_EXEC_FAKE_H
#define TESTS_UNIT_EXEC_FAKE_H

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/code_cache.h"
#include "exec/cpu.h"
#include "exec/exclusive.h"
#include "exec/guest_ops.h"
#include "exec/tb.h"
#include "rcu/rcu.h"

#define FAKE_MISS ((uintptr_t)0x1111)

struct fake_cpu {
    struct cpu cpu;
    atomic_uint kicks;
};

static inline void fake_kick(struct cpu *cpu)
{
    atomic_fetch_add(&((struct fake_cpu *)cpu)->kicks, 1);
}

static const struct guest_ops fake_guest_ops = {.kick = fake_kick};

/* A registered vCPU of no thread yet. */
static inline struct fake_cpu *fake_cpu_new(void)
{
    struct fake_cpu *f = calloc(1, sizeof(*f));

    guest_ops = &fake_guest_ops;
    f->cpu.jump_cache = calloc(CPU_JUMP_CACHE_ENTRIES, sizeof(*f->cpu.jump_cache));
    f->cpu.jump_cache_miss = FAKE_MISS;
    for (size_t i = 0; i < CPU_JUMP_CACHE_ENTRIES; i++) {
        atomic_init(&f->cpu.jump_cache[i], FAKE_MISS);
    }
    cpu_register(&f->cpu);
    return f;
}

static inline void fake_cpu_free(struct fake_cpu *f)
{
    cpu_unregister(&f->cpu);
    free(f->cpu.jump_cache);
    free(f);
}

/* Whether the vCPU has been asked to leave; what generated code finds out by
 * the signal. */
static inline bool fake_asked_to_leave(struct cpu *cpu)
{
    return atomic_load(&cpu->exit_request) != 0;
}

/* Layout of a fake TB's code: `checked`, then `host` 16 bytes on, then for
 * each exit 16 bytes with its jump, then 16 bytes for each exit's stub. */
#define FAKE_EXITS_AT 32

static inline size_t fake_code_size(unsigned exits)
{
    return FAKE_EXITS_AT + 32UL * exits;
}

static inline void fake_exit_init(struct tb *tb, unsigned i, bool inside)
{
    uintptr_t jump = tb->code_start + FAKE_EXITS_AT + 16UL * i + 3;
    uintptr_t stub = tb->code_start + FAKE_EXITS_AT + 16UL * tb->exit_count + 16UL * i;
    uintptr_t target = inside ? tb->host : stub;
    uint8_t *rw = code_rw(jump);
    int32_t rel = (int32_t)(target - (jump + 5));

    rw[0] = 0xe9;
    memcpy(rw + 1, &rel, 4);
    tb->exits[i] = (struct tb_exit){
        .field = jump + 1, .stub = stub, .inside = inside ? tb->host : 0, .from = tb};
}

/* A TB at pc that covers `size` guest bytes, not inserted; NULL if the cache
 * is full. Exits from `exits` on up to exits + loops are inside ones. */
static inline struct tb *fake_tb_make(struct cpu *cpu, uint64_t pc, uint32_t size, unsigned exits,
                                      unsigned loops) REQUIRES(mmap_lock_cap)
{
    unsigned all = exits + loops;
    size_t code = fake_code_size(all);
    uint8_t *rw = code_region_reserve(cpu, code, sizeof(struct tb) + all * sizeof(struct tb_exit));

    if (!rw) {
        return NULL;
    }
    struct tb *tb = code_region_meta(cpu, sizeof(*tb));
    struct tb_exit *table = code_region_meta(cpu, all * sizeof(*table));

    memset(rw, 0xcc, code);
    *tb = (struct tb){.pc = pc,
                      .size = size,
                      .checked = code_rx(rw),
                      .host = code_rx(rw) + 16,
                      .code_start = code_rx(rw),
                      .host_size = (uint32_t)code,
                      .exit_count = (uint16_t)all,
                      .exits = table};
    for (unsigned i = 0; i < all; i++) {
        fake_exit_init(tb, i, i >= exits);
    }
    code_region_commit(cpu, code);
    tb_register_host(tb);
    return tb;
}

static inline struct tb *fake_tb(struct cpu *cpu, uint64_t pc, uint32_t size, unsigned exits)
{
    mmap_lock();
    struct tb *tb = fake_tb_make(cpu, pc, size, exits, 0);
    if (tb) {
        tb_insert(tb);
    }
    mmap_unlock();
    return tb;
}

static inline size_t fake_invalidate(uint64_t start, uint64_t end)
{
    mmap_lock();
    size_t n = tb_invalidate_range(start, end);
    mmap_unlock();
    return n;
}

/* Where the exit's jump leads to, read from the executable mapping. */
static inline uintptr_t fake_exit_target(const struct tb_exit *exit)
{
    int32_t rel;

    memcpy(&rel, (const void *)exit->field, 4);
    return exit->field + 4 + (uintptr_t)(intptr_t)rel;
}

static inline struct code_cache_stats fake_stats(void)
{
    struct code_cache_stats stats;

    code_cache_get_stats(&stats);
    return stats;
}

static inline void fake_cache_init(size_t size)
{
    const struct code_cache_config cfg = {.size = size, .stub_size = 1000};
    struct error err;

    guest_ops = &fake_guest_ops;
    if (code_cache_init(&cfg, &err) < 0) {
        fail_msg("%s", err.text);
    }
}

/* Runs fn in a child of fork, in which a failed assert() ends it; the child
 * has the calling thread's vCPU, or none. */
static inline void fake_run_in_child(void (*fn)(void), struct cpu *self)
{
    fflush(NULL);
    rcu_before_fork();
    pid_t pid = fork();
    if (pid == 0) {
        rcu_after_fork_child();
        cpu_list_after_fork(self);
        fn();
        _exit(0);
    }
    rcu_after_fork_parent();
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* For what runs in such a child, and on other threads, where cmocka's own
 * asserts cannot. */
#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #cond);                     \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

#endif
