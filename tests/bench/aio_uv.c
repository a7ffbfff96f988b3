/* libuv, doing what aio_mortise.c and aio_work.c do. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "aio_subjects.h"

#define TIMERS 10000u

static unsigned timer_runs;

static void on_timer(uv_timer_t *t)
{
    (void)t;
    timer_runs++;
}

static double timers(unsigned n, bool run)
{
    uv_timer_t *t = calloc(TIMERS, sizeof(*t));
    unsigned seed = 1;
    uv_loop_t loop;
    double begun;

    if (!t || uv_loop_init(&loop) != 0) {
        abort();
    }
    for (unsigned i = 0; i < TIMERS; i++) {
        uv_timer_init(&loop, &t[i]);
    }
    timer_runs = 0;
    begun = now_ns(OWN_TIME);
    for (unsigned done = 0; done < n; done += TIMERS) {
        uv_update_time(&loop);
        for (unsigned i = 0; i < TIMERS; i++) {
            uv_timer_start(&t[i], on_timer, (run ? 0u : 1000u) + (unsigned)rand_r(&seed) % 8, 0);
        }
        if (run) {
            uv_run(&loop, UV_RUN_DEFAULT);
        } else {
            for (unsigned i = 0; i < TIMERS; i++) {
                uv_timer_stop(&t[i]);
            }
        }
    }
    begun = (now_ns(OWN_TIME) - begun) / n;
    for (unsigned i = 0; i < TIMERS; i++) {
        uv_close((uv_handle_t *)&t[i], NULL);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    free(t);
    return begun;
}

static double run_timer_delete(unsigned n)
{
    return timers(n, false);
}

static double run_timer_run(unsigned n)
{
    return timers(n, true);
}

struct side {
    uv_loop_t loop;
    uv_async_t async;
    struct side *other;
    unsigned catches, n;
};

static void caught(uv_async_t *async)
{
    struct side *s = async->data;

    if (s->catches++ < s->n) {
        uv_async_send(&s->other->async);
    }
    if (s->catches >= s->n) {
        uv_stop(&s->loop);
    }
}

static void *side_main(void *opaque)
{
    struct side *s = opaque;

    uv_run(&s->loop, UV_RUN_DEFAULT);
    return NULL;
}

static double run_async(unsigned n)
{
    static struct side sides[2];
    pthread_t thread;
    double begun;

    for (int i = 0; i < 2; i++) {
        sides[i] = (struct side){.other = &sides[1 - i], .n = n};
        if (uv_loop_init(&sides[i].loop) != 0 ||
            uv_async_init(&sides[i].loop, &sides[i].async, caught) != 0) {
            abort();
        }
        sides[i].async.data = &sides[i];
    }
    if (pthread_create(&thread, NULL, side_main, &sides[1]) != 0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    uv_async_send(&sides[1].async);
    side_main(&sides[0]);
    pthread_join(thread, NULL);
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / n;
    for (int i = 0; i < 2; i++) {
        uv_close((uv_handle_t *)&sides[i].async, NULL);
        uv_run(&sides[i].loop, UV_RUN_DEFAULT);
        uv_loop_close(&sides[i].loop);
    }
    return begun;
}

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer)
{
    static char memory[4096];

    (void)handle, (void)wanted;
    *buffer = uv_buf_init(memory, sizeof(memory));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    if (n < 0) {
        uv_close((uv_handle_t *)stream, NULL);
    } else if (n > 0) {
        uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)n);

        if (uv_try_write(stream, &answer, 1) != (int)n) {
            abort();
        }
    }
}

static void *echo_main(void *opaque)
{
    uv_loop_t *loop = opaque;

    uv_run(loop, UV_RUN_DEFAULT);
    return NULL;
}

static double run_echo(unsigned n)
{
    int fds[2];
    uv_loop_t loop;
    uv_pipe_t pipe_handle;
    char buffer[64] = "";
    pthread_t thread;
    double begun;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || uv_loop_init(&loop) != 0 ||
        uv_pipe_init(&loop, &pipe_handle, 0) != 0 || uv_pipe_open(&pipe_handle, fds[1]) != 0 ||
        uv_read_start((uv_stream_t *)&pipe_handle, give_buffer, on_read) != 0 ||
        pthread_create(&thread, NULL, echo_main, &loop) != 0) {
        abort();
    }
    begun = now_ns(CLOCK_MONOTONIC);
    for (unsigned i = 0; i < n; i++) {
        if (write(fds[0], buffer, sizeof(buffer)) != sizeof(buffer) ||
            read(fds[0], buffer, sizeof(buffer)) != sizeof(buffer)) {
            abort();
        }
    }
    begun = (now_ns(CLOCK_MONOTONIC) - begun) / n;
    close(fds[0]);
    pthread_join(thread, NULL);
    uv_loop_close(&loop);
    return begun;
}

const struct subject uv_timer_delete = {"libuv", run_timer_delete};
const struct subject uv_timer_run_all = {"libuv", run_timer_run};
const struct subject uv_async_trip = {"libuv", run_async};
const struct subject uv_echo = {"libuv", run_echo};
