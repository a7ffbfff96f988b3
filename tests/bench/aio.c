/* bench_aio [--rounds N] [GROUP-NUMBER...]: Mortise's event loops against bare
 * ones, glib, libuv and ucontext. All subjects of a group take their turns
 * within a round. What a thread does alone is in its processor time, the figures
 * are medians over the rounds, the ratios, of the first subject to each other,
 * medians of the ratios within a round. Two threads are measured by the clock,
 * and the figures are of the fastest round: what disturbs only slows down. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio_subjects.h"

#define MAX_SUBJECTS 6
#define MAX_ROUNDS   51

struct group {
    const char *name;
    bool fastest; /* two threads */
    unsigned n;   /* operations per turn, sized for some ten milliseconds */
    const struct subject *subjects[MAX_SUBJECTS + 1];
};

static const struct group groups[] = {
    {"bottom half, schedule+run", false, 1000000, {&mortise_bh}},
    {"bottom half, schedule+run, one a round", false, 100000, {&mortise_bh_alone}},
    {"event round trip of two threads, io_uring",
     true,
     200,
     {&mortise_trip_io_uring, &bare_trip_io_uring}},
    {"event round trip of two threads, epoll", true, 200, {&mortise_trip_epoll, &bare_trip_epoll}},
    {"event round trip of two threads, poll", true, 200, {&mortise_trip_poll, &bare_trip_epoll}},
    {"event among 10,000 idle or 10, epoll",
     false,
     20000,
     {&mortise_idle_epoll_10000, &mortise_idle_epoll_10}},
    {"event among 10,000 idle or 10, io_uring",
     false,
     20000,
     {&mortise_idle_io_uring_10000, &mortise_idle_io_uring_10}},
    {"event among 10,000 idle or 10, poll",
     false,
     50,
     {&mortise_idle_poll_10000, &mortise_idle_poll_10}},
    {"coroutine switch", false, 200000, {&mortise_coroutine, &swapcontext_switch}},
    {"thread pool, submit+complete", true, 5000, {&mortise_pool, &glib_pool}},
#ifdef HAVE_UV
    {"timer, arm+delete, 10,000 at once", false, 50000, {&mortise_timer_delete, &uv_timer_delete}},
    {"timer, arm+run, 10,000 at once", false, 50000, {&mortise_timer_run, &uv_timer_run_all}},
    {"async wake-up, round trip",
     true,
     200,
     {&mortise_async, &mortise_async_io_uring, &uv_async_trip}},
    {"pipe echo, 64 bytes", true, 200, {&mortise_echo, &mortise_echo_io_uring, &uv_echo}},
#else
    {"timer, arm+delete, 10,000 at once", false, 50000, {&mortise_timer_delete}},
    {"timer, arm+run, 10,000 at once", false, 50000, {&mortise_timer_run}},
    {"async wake-up, round trip", true, 200, {&mortise_async, &mortise_async_io_uring}},
    {"pipe echo, 64 bytes", true, 200, {&mortise_echo, &mortise_echo_io_uring}},
#endif
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The middle one, or the least. */
static double pick(const double *values, unsigned count, bool least)
{
    double sorted[MAX_ROUNDS];

    memcpy(sorted, values, count * sizeof(values[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare);
    return sorted[least ? 0 : count / 2];
}

static void run_group(const struct group *g, unsigned rounds)
{
    double ns[MAX_SUBJECTS][MAX_ROUNDS], ratios[MAX_ROUNDS];
    unsigned count = 0;

    while (g->subjects[count]) {
        count++;
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < count; i++) {
            ns[i][round] = g->subjects[i]->run(g->n);
        }
    }
    printf("%s\n", g->name);
    for (unsigned i = 0; i < count; i++) {
        double figure = pick(ns[i], rounds, g->fastest), ratio;

        for (unsigned round = 0; round < rounds; round++) {
            ratios[round] = ns[0][round] / ns[i][round];
        }
        ratio = g->fastest ? pick(ns[0], rounds, true) / figure : pick(ratios, rounds, false);
        printf("    %-20s %10.1f ns", g->subjects[i]->name, figure);
        if (i > 0) {
            printf("   %s/%s %.3f", g->subjects[0]->name, g->subjects[i]->name, ratio);
        }
        printf("\n");
    }
    fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned rounds = 21;
    bool chosen[GROUPS] = {false}, all = true;

    for (int i = 1; i < argc; i++) {
        unsigned long number;

        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            number = strtoul(argv[++i], NULL, 10);
            rounds = number < 1 ? 1 : number > MAX_ROUNDS ? MAX_ROUNDS : (unsigned)number;
            continue;
        }
        number = strtoul(argv[i], NULL, 10);
        if (number < 1 || number > GROUPS) {
            fprintf(stderr, "usage: bench_aio [--rounds N] [GROUP...]; groups:\n");
            for (unsigned g = 0; g < GROUPS; g++) {
                fprintf(stderr, "%3u  %s\n", g + 1, groups[g].name);
            }
            return 2;
        }
        chosen[number - 1] = true;
        all = false;
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        if (all || chosen[i]) {
            run_group(&groups[i], rounds);
        }
    }
    return 0;
}
