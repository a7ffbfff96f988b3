/* bench_locks: Mortise's locks and RCU against glibc's, Concurrency Kit's and
 * liburcu's. All subjects of all groups take their turns within a round; the
 * figures are medians over the rounds, the ratios medians of the ratios
 * within a round, so that a machine that changes speed does not show.
 *
 * What one thread does alone is measured in its own processor time, the rest by
 * the clock. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "locks_subjects.h"

#define MAX_SUBJECTS 4
#define MAX_ROUNDS   101

enum threads { ALONE, BESIDE_READER, TWO };

struct group {
    const char *name;
    enum threads threads;
    unsigned n; /* operations per turn, sized for milliseconds */
    const struct subject *subjects[MAX_SUBJECTS + 1];
    double ns[MAX_SUBJECTS][MAX_ROUNDS];
};

static struct group groups[] = {
    {"mutex, lock+unlock", ALONE, 400000, {&mortise_mutex, &c11_mtx, &pthread_mutex}, {{0}}},
    {"rwlock, read lock+unlock",
     ALONE,
     400000,
     {&mortise_rwlock_read, &pthread_rwlock_read},
     {{0}}},
    {"rwlock, write lock+unlock",
     ALONE,
     400000,
     {&mortise_rwlock_write, &pthread_rwlock_write},
     {{0}}},
    {"spinlock, lock+unlock", ALONE, 400000, {&mortise_spinlock, &ck_spin, &pthread_spin}, {{0}}},
    {"RCU, read lock+unlock",
     ALONE,
     2000000,
     {&mortise_rcu_read, &urcu_read, &ck_epoch_read},
     {{0}}},
    {"RCU, nested read lock+unlock",
     ALONE,
     2000000,
     {&mortise_rcu_nested, &urcu_nested, &ck_epoch_nested},
     {{0}}},
    {"grace period, no reader",
     ALONE,
     1000,
     {&mortise_rcu_synchronize, &urcu_synchronize, &ck_epoch_wait},
     {{0}}},
    {"grace period, one busy reader",
     BESIDE_READER,
     1000,
     {&mortise_rcu_synchronize, &urcu_synchronize, &ck_epoch_wait},
     {{0}}},
    {"deferred free, one busy reader",
     BESIDE_READER,
     50000,
     {&mortise_rcu_call, &urcu_call, &ck_epoch_defer},
     {{0}}},
    {"mutex, two threads", TWO, 200000, {&mortise_mutex, &c11_mtx, &pthread_mutex}, {{0}}},
    {"rwlock, two readers", TWO, 200000, {&mortise_rwlock_read, &pthread_rwlock_read}, {{0}}},
    {"spinlock, two threads", TWO, 200000, {&mortise_spinlock, &ck_spin, &pthread_spin}, {{0}}},
    {"RCU, two readers", TWO, 2000000, {&mortise_rcu_read, &urcu_read, &ck_epoch_read}, {{0}}},
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static double now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A second thread: runs `run` n times at a time until told to stop, or once. */
struct companion {
    const struct subject *subject;
    void (*run)(unsigned n);
    unsigned n;
    bool once;
    atomic_bool running, stop;
};

static void *companion_main(void *opaque)
{
    struct companion *companion = opaque;

    if (companion->subject->thread_enter) {
        companion->subject->thread_enter();
    }
    atomic_store(&companion->running, true);
    do {
        companion->run(companion->n);
    } while (!companion->once && !atomic_load(&companion->stop));
    if (companion->subject->thread_leave) {
        companion->subject->thread_leave();
    }
    return NULL;
}

/* ns per operation. */
static double measure(const struct subject *subject, enum threads threads, unsigned n)
{
    struct companion companion = {.subject = subject, .run = subject->run, .n = n, .once = true};
    clockid_t clock = threads == ALONE ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    pthread_t thread;
    double start;

    if (threads == BESIDE_READER) {
        companion.run = subject->read_side;
        companion.n = 1000;
        companion.once = false;
    }
    if (subject->thread_enter) {
        subject->thread_enter();
    }
    if (threads != ALONE) {
        if (pthread_create(&thread, NULL, companion_main, &companion) != 0) {
            fprintf(stderr, "bench_locks: cannot start a thread\n");
            exit(1);
        }
        while (!atomic_load(&companion.running)) {
        }
    }
    start = now_ns(clock);
    subject->run(n);
    if (threads == TWO) {
        pthread_join(thread, NULL);
    }
    start = now_ns(clock) - start;
    if (threads == BESIDE_READER) {
        atomic_store(&companion.stop, true);
        pthread_join(thread, NULL);
    }
    if (subject->thread_leave) {
        subject->thread_leave();
    }
    return start / n / (threads == TWO ? 2 : 1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const double *values, unsigned count)
{
    double sorted[MAX_ROUNDS];

    memcpy(sorted, values, count * sizeof(*values));
    qsort(sorted, count, sizeof(*sorted), compare);
    return count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
}

/* How many times Mortise's time the subject takes. */
static double ratio(const struct group *group, unsigned subject, unsigned rounds)
{
    double ratios[MAX_ROUNDS];

    for (unsigned i = 0; i < rounds; i++) {
        ratios[i] = group->ns[subject][i] / group->ns[0][i];
    }
    return median(ratios, rounds);
}

static void print_table(unsigned rounds)
{
    printf("%-31s %-29s %10s %9s\n", "", "", "ns", "x Mortise");
    for (size_t g = 0; g < GROUPS; g++) {
        for (unsigned s = 0; groups[g].subjects[s]; s++) {
            printf("%-31s %-29s %10.2f %9.2f\n", s ? "" : groups[g].name,
                   groups[g].subjects[s]->name, median(groups[g].ns[s], rounds),
                   ratio(&groups[g], s, rounds));
        }
    }
}

static int write_json(const char *path, unsigned rounds)
{
    FILE *out = fopen(path, "w");

    if (!out) {
        fprintf(stderr, "bench_locks: %s: %s\n", path, strerror(errno));
        return 1;
    }
    fprintf(out, "{\n  \"rounds\": %u,\n  \"groups\": [", rounds);
    for (size_t g = 0; g < GROUPS; g++) {
        fprintf(out, "%s\n    {\"name\": \"%s\", \"subjects\": [", g ? "," : "", groups[g].name);
        for (unsigned s = 0; groups[g].subjects[s]; s++) {
            fprintf(out, "%s\n      {\"name\": \"%s\", \"ns\": %.3f, \"ratio\": %.3f}",
                    s ? "," : "", groups[g].subjects[s]->name, median(groups[g].ns[s], rounds),
                    ratio(&groups[g], s, rounds));
        }
        fprintf(out, "]}");
    }
    fprintf(out, "\n  ]\n}\n");
    if (fclose(out) != 0) {
        fprintf(stderr, "bench_locks: %s: %s\n", path, strerror(errno));
        return 1;
    }
    return 0;
}

static void run_round(unsigned round)
{
    for (size_t g = 0; g < GROUPS; g++) {
        for (unsigned s = 0; groups[g].subjects[s]; s++) {
            groups[g].ns[s][round] = measure(groups[g].subjects[s], groups[g].threads, groups[g].n);
        }
    }
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_locks [--rounds N] [--json FILE]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *json = NULL;
    unsigned rounds = 9;

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) {
            return usage();
        }
        if (strcmp(argv[i], "--json") == 0) {
            json = argv[i + 1];
        } else if (strcmp(argv[i], "--rounds") == 0) {
            rounds = (unsigned)strtoul(argv[i + 1], NULL, 10);
        } else {
            return usage();
        }
    }
    if (rounds < 1 || rounds > MAX_ROUNDS) {
        return usage();
    }
    run_round(0); /* warms up; measured again below */
    for (unsigned i = 0; i < rounds; i++) {
        run_round(i);
    }
    print_table(rounds);
    return json ? write_json(json, rounds) : 0;
}
