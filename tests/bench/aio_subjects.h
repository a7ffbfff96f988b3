/* What bench_aio measures: each subject runs n operations and returns the ns that
 * one took. Setting up is not measured. */
#ifndef TESTS_BENCH_AIO_SUBJECTS_H
#define TESTS_BENCH_AIO_SUBJECTS_H

#include <time.h>

struct subject {
    const char *name;
    double (*run)(unsigned n);
};

static inline double now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* What one thread does alone is measured in its processor time. */
#define OWN_TIME CLOCK_THREAD_CPUTIME_ID

/* aio_mortise.c */
extern const struct subject mortise_bh, mortise_bh_alone;
extern const struct subject mortise_trip_io_uring, mortise_trip_epoll, mortise_trip_poll;
extern const struct subject mortise_async, mortise_echo;
extern const struct subject mortise_echo_io_uring, mortise_async_io_uring;
extern const struct subject mortise_idle_epoll_10, mortise_idle_epoll_10000;
extern const struct subject mortise_idle_io_uring_10, mortise_idle_io_uring_10000;
extern const struct subject mortise_idle_poll_10, mortise_idle_poll_10000;

/* aio_work.c */
extern const struct subject mortise_timer_delete, mortise_timer_run;
extern const struct subject mortise_coroutine, swapcontext_switch;
extern const struct subject mortise_pool, glib_pool;

/* aio_bare.c */
extern const struct subject bare_trip_io_uring, bare_trip_epoll;

/* aio_uv.c */
extern const struct subject uv_timer_delete, uv_timer_run_all, uv_async_trip, uv_echo;

#endif
