/* Litmus tests of x86's memory order, as a static program that is init of a guest or
 * runs on a host:
 *
 *     litmus [RUNS] [NAME]
 *
 * Threads, each on a CPU of its own, run a test's few instructions on one cell after
 * the other of an array, side by side, RUNS times in all; how often each outcome came
 * is printed. What the architecture forbids
 * (Intel SDM 3A, 9.2.3) must never come, and store buffering must be seen if RUNS are
 * many and the CPUs two, side by side: a machine that is stricter than that pays for
 * it with every store. Variables lie in one cache
 * line, in two, or in two pages. */
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "litmus_asm.h"

#define THREADS_MAX 4
#define REGISTERS   4
#define OUTCOMES    (1u << REGISTERS)
#define ROUNDS      30
#define CELLS       16384u
#define CELL_SIZE   128u

struct litmus {
    const char *name;
    unsigned threads;
    void (*step)(unsigned thread, uint32_t *x, uint32_t *y, uint32_t *r);
    int forbidden; /* outcome: bit i is register i; -1: none */
    int seen;      /* an outcome that must come somewhere; -1: none */
};

/* Each thread spins until all have come; the generation says for which run. */
struct barrier {
    alignas(64) atomic_uint come;
    alignas(64) atomic_uint generation;
};

struct run {
    const struct litmus *litmus;
    uint8_t *memory; /* CELLS of them, and as much again */
    unsigned distance;
    uint32_t r[CELLS][REGISTERS];
    struct barrier start, end;
    unsigned long batches;
    unsigned long histogram[OUTCOMES]; /* thread 0's */
};

struct thread {
    pthread_t id;
    unsigned number;
    struct run *run;
};

static unsigned cpus;

/* Threads that share a CPU must let each other run. */
static void meet(struct barrier *b, unsigned threads)
{
    unsigned generation = atomic_load_explicit(&b->generation, memory_order_relaxed);

    /* Release and acquire: everything before is seen by everybody after. */
    if (atomic_fetch_add_explicit(&b->come, 1, memory_order_acq_rel) + 1 == threads) {
        atomic_store_explicit(&b->come, 0, memory_order_relaxed);
        atomic_store_explicit(&b->generation, generation + 1, memory_order_release);
        return;
    }
    for (unsigned spins = 0;
         atomic_load_explicit(&b->generation, memory_order_acquire) == generation; spins++) {
        if (cpus < threads || spins > 20000) {
            (void)sched_yield();
        }
    }
}

static void step_sb(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    r[t] = t == 0 ? litmus_store_load(x, y) : litmus_store_load(y, x);
}

static void step_sb_mfence(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    r[t] = t == 0 ? litmus_store_mfence_load(x, y) : litmus_store_mfence_load(y, x);
}

static void step_sb_lock(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    r[t] = t == 0 ? litmus_store_lock_load(x, y) : litmus_store_lock_load(y, x);
}

static void step_sb_xchg(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    r[t] = t == 0 ? litmus_xchg_load(x, y) : litmus_xchg_load(y, x);
}

static void step_mp(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    if (t == 0) {
        litmus_store_store(x, y);
    } else {
        litmus_load_load(y, x, &r[0], &r[1]);
    }
}

static void step_lb(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    r[t] = t == 0 ? litmus_load_store(x, y) : litmus_load_store(y, x);
}

static void step_iriw(unsigned t, uint32_t *x, uint32_t *y, uint32_t *r)
{
    switch (t) {
    case 0:
        litmus_store(x);
        break;
    case 1:
        litmus_store(y);
        break;
    case 2:
        litmus_load_load(x, y, &r[0], &r[1]);
        break;
    default:
        litmus_load_load(y, x, &r[2], &r[3]);
        break;
    }
}

static const struct litmus tests[] = {
    {"SB", 2, step_sb, -1, 0},           {"SB+mfence", 2, step_sb_mfence, 0, -1},
    {"SB+lock", 2, step_sb_lock, 0, -1}, {"SB+xchg", 2, step_sb_xchg, 0, -1},
    {"MP", 2, step_mp, 1, -1},           {"LB", 2, step_lb, 3, -1},
    {"IRIW", 4, step_iriw, 1 | 4, -1},
};

static void pin(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu % cpus, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static uint32_t *cell(const struct run *run, unsigned n, unsigned offset)
{
    return (uint32_t *)(void *)(run->memory + (size_t)n * CELL_SIZE + offset);
}

static void count_outcomes(struct run *run)
{
    for (unsigned n = 0; n < CELLS; n++) {
        unsigned outcome = 0;

        for (unsigned i = 0; i < REGISTERS; i++) {
            outcome |= (run->r[n][i] & 1) << i;
        }
        run->histogram[outcome]++;
        *cell(run, n, 0) = *cell(run, n, run->distance) = 0;
    }
}

static void *run_thread(void *opaque)
{
    struct thread *t = opaque;
    struct run *run = t->run;
    unsigned threads = run->litmus->threads;

    pin(t->number);
    for (unsigned long batch = 0; batch < run->batches; batch++) {
        meet(&run->start, threads);
        /* Who leaves the barrier first would always be ahead: each waits a little. */
        for (unsigned long i = (batch >> (t->number * 2)) & 3; i; i--) {
            litmus_pause();
        }
        for (unsigned n = 0; n < CELLS; n++) {
            run->litmus->step(t->number, cell(run, n, 0), cell(run, n, run->distance), run->r[n]);
        }
        meet(&run->end, threads);
        if (t->number == 0) {
            count_outcomes(run);
        }
    }
    return NULL;
}

static void start_threads(struct thread *all, unsigned count, void *(*fn)(void *))
{
    for (unsigned i = 0; i < count; i++) {
        if (pthread_create(&all[i].id, NULL, fn, &all[i])) {
            (void)fprintf(stderr, "litmus: no thread\n");
            exit(2);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(all[i].id, NULL);
    }
}

/* Whether only what may come came. *relaxed grows by how often what must come did. */
static bool run_litmus(const struct litmus *l, unsigned long runs, uint8_t *memory,
                       unsigned distance, unsigned long *relaxed)
{
    static struct run run;
    struct thread threads[THREADS_MAX];
    unsigned long forbidden = 0;

    memset(&run, 0, sizeof(run));
    run.litmus = l;
    run.batches = runs / CELLS + 1;
    run.memory = memory;
    run.distance = distance;
    for (unsigned i = 0; i < l->threads; i++) {
        threads[i] = (struct thread){.number = i, .run = &run};
    }
    start_threads(threads, l->threads, run_thread);
    (void)printf("%s distance %u:", l->name, distance);
    for (unsigned i = 0; i < OUTCOMES; i++) {
        if (run.histogram[i]) {
            (void)printf(" %x=%lu", i, run.histogram[i]);
        }
    }
    if (l->forbidden >= 0) {
        forbidden = run.histogram[l->forbidden];
    }
    if (l->seen >= 0) {
        *relaxed += run.histogram[l->seen];
    }
    (void)printf("%s\n", forbidden ? " FORBIDDEN" : "");
    return !forbidden;
}

/* Locked additions by all threads to one place, which may lie across two lines or two
 * pages, with readers of the whole: none is lost and none is seen in half. */
struct counter {
    uint8_t *place;
    unsigned long runs;
    atomic_bool torn;
};

struct adder {
    pthread_t id;
    unsigned number;
    struct counter *counter;
};

static void *add_thread(void *opaque)
{
    struct adder *a = opaque;
    struct counter *c = a->counter;

    pin(a->number);
    for (unsigned long n = 0; n < c->runs; n++) {
        /* Both halves count alike: a torn value shows. */
        uint64_t before = litmus_lock_xadd(c->place, UINT64_C(0x100000001));

        if (before >> 32 != (before & UINT32_MAX)) {
            atomic_store_explicit(&c->torn, true, memory_order_relaxed);
        }
    }
    return NULL;
}

static bool run_counter(unsigned long runs, uint8_t *place, unsigned count, const char *name)
{
    struct counter c = {.place = place, .runs = runs};
    struct adder all[THREADS_MAX];
    uint64_t value, expected = (uint64_t)count * runs;
    bool good;

    memset(place, 0, sizeof(value));
    for (unsigned i = 0; i < count; i++) {
        all[i] = (struct adder){.number = i, .counter = &c};
        if (pthread_create(&all[i].id, NULL, add_thread, &all[i])) {
            exit(2);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        (void)pthread_join(all[i].id, NULL);
    }
    memcpy(&value, place, sizeof(value));
    good = value == (expected << 32 | expected) &&
           !atomic_load_explicit(&c.torn, memory_order_relaxed);
    (void)printf("LOCK %s: %u threads, %lu additions each%s\n", name, count, runs,
                 good ? "" : " LOST OR TORN");
    return good;
}

static bool is_wanted(const struct litmus *l)
{
    return l->seen >= 0 && cpus == l->threads;
}

int main(int argc, char **argv)
{
    static const unsigned distances[] = {8, 64, CELLS * CELL_SIZE};
    unsigned long runs = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    const char *only = argc > 2 ? argv[2] : NULL;
    long page = sysconf(_SC_PAGESIZE);
    uint8_t *memory = mmap(NULL, (size_t)CELLS * CELL_SIZE * 2, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool good = true;

    cpus = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    if (memory == MAP_FAILED || !runs) {
        return 2;
    }
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        unsigned long relaxed = 0;

        if (only && strcmp(only, tests[i].name) != 0) {
            continue;
        }
        /* On a busy host two CPUs are seldom at it at the same time: then more often. */
        for (unsigned round = 0; round == 0 || (is_wanted(&tests[i]) && !relaxed && round < ROUNDS);
             round++) {
            for (size_t d = 0; d < sizeof(distances) / sizeof(distances[0]); d++) {
                good &= run_litmus(&tests[i], runs, memory, distances[d], &relaxed);
            }
        }
        if (is_wanted(&tests[i]) && !relaxed) {
            (void)printf("%s: never relaxed\n", tests[i].name);
            good = false;
        }
    }
    if (!only || strcmp(only, "LOCK") == 0) {
        unsigned threads = cpus < THREADS_MAX ? cpus : THREADS_MAX;

        good &= run_counter(runs, memory + 8, threads, "within a line");
        good &= run_counter(runs / 10 + 1, memory + 64 - 4, threads, "across lines");
        good &= run_counter(runs / 10 + 1, memory + page - 4, threads, "across pages");
    }
    (void)printf("litmus: %s\n", good ? "as the architecture says" : "FAILED");
    return good ? 0 : 1;
}
