/* The loops to compare with: an eventfd each for two threads, and nothing else. */
#include <liburing.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "aio_subjects.h"

struct side {
    int own, other;
    unsigned n;
};

static void set(int fd)
{
    uint64_t one = 1;

    if (write(fd, &one, sizeof(one)) != sizeof(one)) {
        abort();
    }
}

static void *io_uring_side(void *opaque)
{
    struct side *s = opaque;
    struct io_uring ring;
    struct io_uring_cqe *cqe;
    uint64_t value;

    if (io_uring_queue_init(8, &ring, 0) < 0) {
        abort();
    }
    for (unsigned i = 0; i < s->n; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

        io_uring_prep_read(sqe, s->own, &value, sizeof(value), 0);
        io_uring_submit_and_wait(&ring, 1);
        while (io_uring_peek_cqe(&ring, &cqe) != 0) {
            io_uring_submit_and_wait(&ring, 1);
        }
        io_uring_cqe_seen(&ring, cqe);
        set(s->other);
    }
    io_uring_queue_exit(&ring);
    return NULL;
}

static void *epoll_side(void *opaque)
{
    struct side *s = opaque;
    struct epoll_event event = {.events = EPOLLIN};
    int fd = epoll_create1(0);
    uint64_t value;

    if (epoll_ctl(fd, EPOLL_CTL_ADD, s->own, &event) < 0) {
        abort();
    }
    for (unsigned i = 0; i < s->n; i++) {
        while (epoll_wait(fd, &event, 1, -1) != 1) {
        }
        if (read(s->own, &value, sizeof(value)) != sizeof(value)) {
            abort();
        }
        set(s->other);
    }
    close(fd);
    return NULL;
}

static double trip(unsigned n, void *(*side)(void *))
{
    int a = eventfd(0, EFD_CLOEXEC), b = eventfd(0, EFD_CLOEXEC);
    struct side here = {a, b, n}, there = {b, a, n};
    pthread_t thread;
    double begun;

    if (pthread_create(&thread, NULL, side, &there) != 0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    set(b);
    side(&here);
    pthread_join(thread, NULL);
    begun = now_ns(CLOCK_MONOTONIC) - begun;
    close(a);
    close(b);
    return begun / n;
}

static double run_io_uring(unsigned n)
{
    return trip(n, io_uring_side);
}

static double run_epoll(unsigned n)
{
    return trip(n, epoll_side);
}

const struct subject bare_trip_io_uring = {"bare liburing", run_io_uring};
const struct subject bare_trip_epoll = {"bare epoll", run_epoll};
