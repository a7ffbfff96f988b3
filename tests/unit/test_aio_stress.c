/* Four threads send a million events - bottom halves, timers, notifiers and
 * descriptors - to two I/O threads, while handlers come and go. Each event
 * carries a number and is counted where it arrives: each must once. */
#include "aio_test.h"

#include <pthread.h>

#include "aio/iothread.h"
#include "aio/timer.h"

#define EVENTS 84000u /* 4 senders, 3 monitors: more than a million */

#define SENDERS 4
#define LOOPS   2
#define REUSED  64 /* bottom halves and timers of a sender, used again and again */

static struct iothread *loops[LOOPS];

/* One that is sent again only when it has arrived: so each sending is an event
 * of its own. */
struct letter {
    struct aio_bh *bh;
    struct aio_timer timer;
    atomic_uint sent, arrived;
};

struct sender {
    struct aio_context *ctx;
    struct letter bhs[REUSED], timers[REUSED];
    atomic_uint oneshots;
    int fds[2];
    atomic_ullong bytes;
    struct event_notifier notifier;
    atomic_uint notified;
    unsigned sent_oneshots, sent_bytes;
};

static struct sender senders[SENDERS];

static void letter_arrives(void *opaque)
{
    struct letter *l = opaque;

    atomic_fetch_add_explicit(&l->arrived, 1, memory_order_release);
}

static void oneshot_arrives(void *opaque)
{
    atomic_fetch_add_explicit(&((struct sender *)opaque)->oneshots, 1, memory_order_relaxed);
}

static void bytes_arrive(void *opaque)
{
    struct sender *s = opaque;
    char bytes[256];
    ssize_t n = read(s->fds[0], bytes, sizeof(bytes));

    if (n > 0) {
        atomic_fetch_add_explicit(&s->bytes, (unsigned)n, memory_order_relaxed);
    }
}

static void notifier_fires(struct event_notifier *e)
{
    struct sender *s = AIO_CONTAINER(e, struct sender, notifier);

    atomic_fetch_add_explicit(&s->notified, 1, memory_order_relaxed);
}

static void nothing(void *opaque)
{
    (void)opaque;
}

static bool letter_home(struct letter *l)
{
    return atomic_load_explicit(&l->arrived, memory_order_acquire) ==
           atomic_load_explicit(&l->sent, memory_order_relaxed);
}

static void send_letter(struct letter *l, bool timer)
{
    while (!letter_home(l)) {
        sched_yield();
    }
    atomic_fetch_add_explicit(&l->sent, 1, memory_order_relaxed);
    if (timer) {
        aio_timer_mod(&l->timer, aio_clock_get_ns(AIO_CLOCK_HOST));
    } else {
        aio_bh_schedule(l->bh);
    }
}

static void send_byte(struct sender *s)
{
    while (write(s->fds[1], "x", 1) != 1) {
        sched_yield();
    }
    s->sent_bytes++;
}

/* A handler that is ready, for a moment. */
static void churn(struct sender *s)
{
    static const struct aio_fd_ops ops = {.io_write = nothing};
    int fds[2];

    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0) {
        if (aio_set_fd_handler(s->ctx, fds[1], 0, &ops, NULL, NULL) == 0) {
            aio_clear_fd_handler(s->ctx, fds[1]);
        }
        close(fds[0]);
        close(fds[1]);
    }
}

static void *sender_main(void *opaque)
{
    struct sender *s = opaque;
    unsigned seed = (unsigned)(s - senders) + 1;

    for (unsigned i = 0; i < EVENTS; i++) {
        unsigned which = (unsigned)rand_r(&seed);

        switch (which % 8) {
        case 0:
            aio_bh_schedule_oneshot(s->ctx, oneshot_arrives, s);
            s->sent_oneshots++;
            break;
        case 1:
            send_byte(s);
            break;
        case 2:
            event_notifier_set(&s->notifier);
            break;
        case 3:
        case 4:
            send_letter(&s->timers[which / 8 % REUSED], true);
            break;
        default:
            send_letter(&s->bhs[which / 8 % REUSED], false);
        }
        if (i % 256 == 0) {
            churn(s);
        }
    }
    return NULL;
}

static void sender_start(struct sender *s, struct aio_context *ctx)
{
    static const struct aio_fd_ops ops = {.io_read = bytes_arrive};
    static const struct event_notifier_ops notifier_ops = {.handler = notifier_fires};

    memset(s, 0, sizeof(*s));
    s->ctx = ctx;
    for (int i = 0; i < REUSED; i++) {
        s->bhs[i].bh = aio_bh_new(ctx, letter_arrives, &s->bhs[i]);
        aio_timer_init(&s->timers[i].timer, ctx, AIO_CLOCK_HOST, letter_arrives, &s->timers[i]);
    }
    assert_int_equal(pipe2(s->fds, O_NONBLOCK | O_CLOEXEC), 0);
    assert_int_equal(event_notifier_init(&s->notifier, false, NULL), 0);
    assert_int_equal(aio_set_fd_handler(ctx, s->fds[0], 0, &ops, s, NULL), 0);
    assert_int_equal(aio_set_event_notifier(ctx, &s->notifier, 0, &notifier_ops, NULL), 0);
}

static void wait_until_all_arrived(struct sender *s)
{
    /* Set once more and alone, so that its report cannot be of an earlier one. */
    unsigned before;

    while (atomic_load(&s->bytes) < s->sent_bytes || atomic_load(&s->oneshots) < s->sent_oneshots) {
        sched_yield();
    }
    for (int i = 0; i < REUSED; i++) {
        while (!letter_home(&s->bhs[i]) || !letter_home(&s->timers[i])) {
            sched_yield();
        }
    }
    before = atomic_load(&s->notified);
    event_notifier_set(&s->notifier);
    while (atomic_load(&s->notified) == before) {
        sched_yield();
    }
}

static void sender_check(struct sender *s)
{
    assert_int_equal(atomic_load(&s->bytes), s->sent_bytes);
    assert_int_equal(atomic_load(&s->oneshots), s->sent_oneshots);
    for (int i = 0; i < REUSED; i++) {
        assert_int_equal(atomic_load(&s->bhs[i].arrived), atomic_load(&s->bhs[i].sent));
        assert_int_equal(atomic_load(&s->timers[i].arrived), atomic_load(&s->timers[i].sent));
    }
}

static void sender_stop(struct sender *s)
{
    aio_clear_fd_handler(s->ctx, s->fds[0]);
    aio_clear_event_notifier(s->ctx, &s->notifier);
    for (int i = 0; i < REUSED; i++) {
        aio_bh_delete(s->bhs[i].bh);
    }
}

static void test_every_event_arrives_once(void **state)
{
    pthread_t threads[SENDERS];

    (void)state;
    for (int i = 0; i < LOOPS; i++) {
        assert_int_equal(iothread_new("loop", test_monitor, &loops[i], NULL), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        sender_start(&senders[i], iothread_get_aio_context(loops[i % LOOPS]));
    }
    for (int i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, sender_main, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        wait_until_all_arrived(&senders[i]);
    }
    for (int i = 0; i < SENDERS; i++) {
        sender_stop(&senders[i]);
    }
    for (int i = 0; i < LOOPS; i++) {
        iothread_free(loops[i]);
    }
    /* After the loops' end: one that came twice would have by now. */
    for (int i = 0; i < SENDERS; i++) {
        sender_check(&senders[i]);
        close(senders[i].fds[0]);
        close(senders[i].fds[1]);
        event_notifier_cleanup(&senders[i].notifier);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_arrives_once),
    };

    return test_each_monitor(tests, sizeof(tests) / sizeof(tests[0]));
}
