/* Contexts: making, holding and freeing them, and who their home is. All
 * contexts are in one list, for those who have news for each of them. */
#include "aio/aio.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aio/context.h"
#include "aio/coroutine_impl.h"
#include "aio/stack.h"
#include "aio/trace.h"
#include "base/log.h"
#include "locks/fork.h"

LOCK_CLASS_DEFINE(aio_contexts_class, RANK_LEAF);
LOCK_CLASS_DEFINE(aio_handlers_class, RANK_LEAF);
static struct mutex contexts_lock = MUTEX_INIT(&aio_contexts_class);
static struct aio_link contexts GUARDED_BY(&contexts_lock) = {&contexts, &contexts};

/* Its address is the thread's mark. */
static _Thread_local struct aio_context *current __attribute__((tls_model("initial-exec")));

void aio_bug(const char *fmt, ...)
{
    char text[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    log_printf("mortise: %s\n", text);
    abort();
}

void *aio_alloc(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory) {
        aio_bug("out of memory");
    }
    return memory;
}

/* Nobody else knows ctx. */
static void init_fields(struct aio_context *ctx PRIVATE_OBJECT,
                        const char *name) NO_THREAD_SAFETY_ANALYSIS
{
    atomic_init(&ctx->refs, 1);
    (void)snprintf(ctx->name, sizeof(ctx->name), "%s", name);
    ck_stack_init(&ctx->bhs);
    ck_stack_init(&ctx->coroutines);
    for (int i = 0; i < AIO_CLOCK_COUNT; i++) {
        aio_timer_list_init(&ctx->timers[i]);
    }
    mutex_init(&ctx->handlers_lock, &aio_handlers_class);
    aio_link_init(&ctx->handlers);
    aio_link_init(&ctx->dead);
    aio_link_init(&ctx->changes);
    aio_link_init(&ctx->ready);
    ctx->poll_version = UINT32_MAX;
    aio_co_start(ctx);
}

int aio_context_new(const char *name, enum aio_monitor monitor, struct aio_context **out,
                    struct error *err)
{
    struct aio_context *ctx = calloc(1, sizeof(*ctx));
    int ret;

    if (!ctx) {
        return error_set(err, ENOMEM, "cannot make event loop %s: out of memory", name);
    }
    init_fields(ctx, name);
    ret = event_notifier_init(&ctx->notifier, false, err);
    if (ret == 0) {
        ret = aio_handlers_start(ctx, monitor, err);
        if (ret < 0) {
            event_notifier_cleanup(&ctx->notifier);
        }
    }
    if (ret < 0) {
        error_prefix(err, "cannot make event loop %s", name);
        aio_bh_delete(ctx->co_bh);
        aio_bhs_free_all(ctx);
        free(ctx);
        return ret;
    }
    mutex_lock(&contexts_lock);
    aio_list_append(&contexts, &ctx->all);
    mutex_unlock(&contexts_lock);
    *out = ctx;
    return 0;
}

void aio_context_ref(struct aio_context *ctx)
{
    atomic_fetch_add_explicit(&ctx->refs, 1, memory_order_relaxed);
}

static void context_free(struct aio_context *ctx PRIVATE_OBJECT)
{
    if (atomic_load_explicit(&ctx->home, memory_order_relaxed)) {
        aio_bug("event loop %s is freed while a thread is in it", ctx->name);
    }
    if (!aio_stack_empty(&ctx->coroutines)) {
        aio_bug("event loop %s is freed with a coroutine scheduled", ctx->name);
    }
    aio_thread_pool_stop(ctx);
    mutex_lock(&contexts_lock);
    aio_link_remove(&ctx->all);
    mutex_unlock(&contexts_lock);
    aio_bh_delete(ctx->co_bh);
    aio_bhs_free_all(ctx);
    aio_handlers_stop(ctx);
    event_notifier_cleanup(&ctx->notifier);
    free(ctx->pollers);
    free(ctx);
}

void aio_context_unref(struct aio_context *ctx)
{
    /* Each release pairs with the acquire of the last: it sees all uses. */
    if (atomic_fetch_sub_explicit(&ctx->refs, 1, memory_order_acq_rel) == 1) {
        context_free(ctx);
    }
}

const char *aio_context_name(const struct aio_context *ctx)
{
    return ctx->name;
}

/* enter and leave are what makes the home's capability change hands, by the
 * exchange and the store of ctx->home, which clang does not see as such; enter
 * touches nothing that the home owns, leave does so after the assertion. */
void aio_context_enter(struct aio_context *ctx) NO_THREAD_SAFETY_ANALYSIS
{
    const void *nobody = NULL;

    /* acquire pairs with the release in leave: the home's data change hands. */
    if (!atomic_compare_exchange_strong_explicit(&ctx->home, &nobody, &current,
                                                 memory_order_acquire, memory_order_relaxed)) {
        aio_bug("event loop %s has a home already", ctx->name);
    }
    if (!current) {
        current = ctx;
    }
}

void aio_context_leave(struct aio_context *ctx) NO_THREAD_SAFETY_ANALYSIS
{
    aio_context_assert_home(ctx);
    if (ctx->depth > 0) {
        aio_bug("event loop %s is left from within", ctx->name);
    }
    if (current == ctx) {
        current = NULL;
    }
    atomic_store_explicit(&ctx->home, NULL, memory_order_release);
}

bool aio_context_is_home(const struct aio_context *ctx)
{
    return atomic_load_explicit(&ctx->home, memory_order_relaxed) == &current;
}

void aio_context_assert_home(struct aio_context *ctx)
{
    if (!aio_context_is_home(ctx)) {
        aio_bug("event loop %s is used by a thread that is not its home", ctx->name);
    }
}

struct aio_context *aio_context_current(void)
{
    return current;
}

void aio_context_set_wait_lock(struct aio_context *ctx, struct mutex *lock)
{
    ctx->wait_lock = lock;
}

void aio_hold_locks_across_fork(void)
{
    locks_fork_add_mutex(&contexts_lock);
    aio_clock_hold_lock_across_fork();
    aio_trace_hold_lock_across_fork();
    coroutine_hold_lock_across_fork();
}

void aio_notify_all(void)
{
    mutex_lock(&contexts_lock);
    for (struct aio_link *link = contexts.next; link != &contexts; link = link->next) {
        aio_notify(AIO_CONTAINER(link, struct aio_context, all));
    }
    mutex_unlock(&contexts_lock);
}
