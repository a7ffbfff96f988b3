/* The ring. A writer takes a number by fetch-and-add and writes the slot of
 * that number: 0 to seq, the fields, the number + 1 to seq. Each field is an
 * atomic, so a reader that meets a writer reads nonsense but no race, and
 * knows: it takes the slot only if seq was the same, and right, before and
 * after. Two writers meet in one slot only when one was overtaken by a whole
 * ring; then the slot may mix two events, which a trace can bear. */
#include "aio/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "aio/aio.h"
#include "locks/fork.h"
#include "locks/mutex.h"

struct slot {
    _Atomic(uint64_t) seq;
    _Atomic(uint64_t) begun, ended;
    _Atomic(int64_t) value;
    _Atomic(const char *) name; /* of static storage */
    atomic_uint kind;
    atomic_int tid;
    _Atomic(uint64_t) context_name[2]; /* the context may be gone when it is read */
};

atomic_bool aio_trace_on;

LOCK_CLASS_DEFINE(aio_trace_class, RANK_LEAF);
static struct mutex trace_lock = MUTEX_INIT(&aio_trace_class); /* start, stop, export */
/* Never freed once made: a writer may be in it at any time. */
static _Atomic(struct slot *) ring WRITE_GUARDED_BY(&trace_lock);
static size_t ring_size IMMUTABLE_AFTER_INIT; /* a power of two; set before ring is */
static _Atomic(uint64_t) next;                /* number of the next event */
static _Atomic(uint64_t)
    oldest WRITE_GUARDED_BY(&trace_lock); /* numbers below were before the start */

void aio_trace_hold_lock_across_fork(void)
{
    locks_fork_add_mutex(&trace_lock);
}

uint64_t aio_trace_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int aio_trace_start(size_t events, struct error *err)
{
    size_t size = 64;
    int ret = 0;

    while (size < events && size < ((size_t)1 << 24)) {
        size *= 2;
    }
    mutex_lock(&trace_lock);
    if (!atomic_load_explicit(&ring, memory_order_relaxed)) {
        struct slot *slots = calloc(size, sizeof(*slots));

        if (slots) {
            ring_size = size;
            /* release pairs with the acquire in aio_trace_record. */
            atomic_store_explicit(&ring, slots, memory_order_release);
        } else {
            ret =
                error_set(err, ENOMEM, "cannot start tracing: out of memory for %zu events", size);
        }
    } else if (ring_size != size) {
        ret = error_set(err, EBUSY, "cannot trace %zu events: there is a ring of %zu", size,
                        ring_size);
    }
    if (ret == 0) {
        atomic_store_explicit(&oldest, atomic_load_explicit(&next, memory_order_relaxed),
                              memory_order_relaxed);
        atomic_store_explicit(&aio_trace_on, true, memory_order_relaxed);
    }
    mutex_unlock(&trace_lock);
    return ret;
}

void aio_trace_stop(void)
{
    atomic_store_explicit(&aio_trace_on, false, memory_order_relaxed);
}

uint64_t aio_trace_count(void)
{
    return atomic_load_explicit(&next, memory_order_relaxed) -
           atomic_load_explicit(&oldest, memory_order_relaxed);
}

void aio_trace_record(enum aio_trace_kind kind, const struct aio_context *ctx, const char *name,
                      int64_t value, uint64_t begun, uint64_t ended)
{
    static _Thread_local int tid;
    struct slot *slots = atomic_load_explicit(&ring, memory_order_acquire);
    uint64_t number, context[2] = {0, 0};
    struct slot *s;

    if (!slots) {
        return;
    }
    if (!tid) {
        tid = gettid();
    }
    memcpy(context, aio_context_name(ctx), strlen(aio_context_name(ctx)));
    number = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    s = &slots[number & (ring_size - 1)];
    atomic_store_explicit(&s->seq, 0, memory_order_relaxed);
    /* Pairs with the fence in read_slot: who sees a field sees the 0 above. */
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&s->begun, begun, memory_order_relaxed);
    atomic_store_explicit(&s->ended, ended, memory_order_relaxed);
    atomic_store_explicit(&s->value, value, memory_order_relaxed);
    atomic_store_explicit(&s->name, name, memory_order_relaxed);
    atomic_store_explicit(&s->kind, (unsigned)kind, memory_order_relaxed);
    atomic_store_explicit(&s->tid, tid, memory_order_relaxed);
    atomic_store_explicit(&s->context_name[0], context[0], memory_order_relaxed);
    atomic_store_explicit(&s->context_name[1], context[1], memory_order_relaxed);
    /* Pairs with the acquire in read_slot. */
    atomic_store_explicit(&s->seq, number + 1, memory_order_release);
}

struct event {
    uint64_t begun, ended;
    int64_t value;
    const char *name;
    unsigned kind;
    int tid;
    uint64_t context[2];
};

static bool read_slot(uint64_t number, struct event *e)
{
    struct slot *s = &atomic_load_explicit(&ring, memory_order_relaxed)[number & (ring_size - 1)];

    if (atomic_load_explicit(&s->seq, memory_order_acquire) != number + 1) {
        return false;
    }
    e->begun = atomic_load_explicit(&s->begun, memory_order_relaxed);
    e->ended = atomic_load_explicit(&s->ended, memory_order_relaxed);
    e->value = atomic_load_explicit(&s->value, memory_order_relaxed);
    e->name = atomic_load_explicit(&s->name, memory_order_relaxed);
    e->kind = atomic_load_explicit(&s->kind, memory_order_relaxed);
    e->tid = atomic_load_explicit(&s->tid, memory_order_relaxed);
    e->context[0] = atomic_load_explicit(&s->context_name[0], memory_order_relaxed);
    e->context[1] = atomic_load_explicit(&s->context_name[1], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&s->seq, memory_order_relaxed) == number + 1;
}

/* The text of a JSON string. */
static void write_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            fprintf(file, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
}

static void write_event(FILE *file, const struct event *e, bool first)
{
    static const struct {
        const char *category, *value;
        bool instant;
    } kinds[AIO_TRACE_KIND_COUNT] = {
        [AIO_TRACE_HANDLER] = {"handler", "fd", false},
        [AIO_TRACE_BH] = {"bh", NULL, false},
        [AIO_TRACE_TIMER] = {"timer", "late_ns", true},
        [AIO_TRACE_WAIT] = {"wait", NULL, false},
        [AIO_TRACE_POLL_HIT] = {"poll", NULL, false},
        [AIO_TRACE_POLL_MISS] = {"poll", NULL, false},
    };
    uint64_t duration = e->ended - e->begun;
    char context[sizeof(e->context) + 1] = "";

    memcpy(context, e->context, sizeof(e->context));
    fprintf(file, "%s\n{\"name\":\"", first ? "" : ",");
    write_text(file, e->name);
    fprintf(file, "\",\"cat\":\"%s\",\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,", kinds[e->kind].category,
            kinds[e->kind].instant ? "i" : "X", getpid(), e->tid);
    fprintf(file, "\"ts\":%" PRIu64 ".%03" PRIu64, e->begun / 1000, e->begun % 1000);
    if (kinds[e->kind].instant) {
        fprintf(file, ",\"s\":\"t\"");
    } else {
        fprintf(file, ",\"dur\":%" PRIu64 ".%03" PRIu64, duration / 1000, duration % 1000);
    }
    fprintf(file, ",\"args\":{\"context\":\"");
    write_text(file, context);
    fprintf(file, "\"");
    if (kinds[e->kind].value) {
        fprintf(file, ",\"%s\":%" PRId64, kinds[e->kind].value, e->value);
    }
    fprintf(file, "}}");
}

int aio_trace_write_json(FILE *file, struct error *err)
{
    uint64_t end, number;
    bool first = true;
    struct event e;

    mutex_lock(&trace_lock);
    end = atomic_load_explicit(&next, memory_order_relaxed);
    number = atomic_load_explicit(&oldest, memory_order_relaxed);
    if (end > ring_size && number < end - ring_size) {
        number = end - ring_size;
    }
    fprintf(file, "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[");
    for (; number < end; number++) {
        if (read_slot(number, &e)) {
            write_event(file, &e, first);
            first = false;
        }
    }
    fprintf(file, "\n]}\n");
    mutex_unlock(&trace_lock);
    if (fflush(file) != 0 || ferror(file)) {
        return error_set(err, EIO, "cannot write the trace: %s", error_text(errno));
    }
    return 0;
}
