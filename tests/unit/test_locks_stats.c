/* The contention statistics count what happens, and nothing before they are
 * switched on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "locks/event.h"
#include "locks/mutex.h"
#include "locks/rwlock.h"
#include "locks/spinlock.h"
#include "locks/stats.h"
#include "locks/thread.h"

LOCK_CLASS_DEFINE(quiet_class, RANK_LEAF);
LOCK_CLASS_DEFINE(busy_class, RANK_LEAF);
LOCK_CLASS_DEFINE(twist_class, RANK_LEAF);
LOCK_CLASS_DEFINE(table_class, RANK_LEAF);
LOCK_CLASS_DEFINE(unused_class, RANK_LEAF);

static struct mutex quiet = MUTEX_INIT(&quiet_class);
static struct mutex busy = MUTEX_INIT(&busy_class);
static struct spinlock twist = SPINLOCK_INIT(&twist_class);
static struct rwlock table = RWLOCK_INIT(&table_class);

static struct lock_stats stats_of(const struct lock_class *lc)
{
    struct lock_stats stats;

    lock_stats_get(lc, &stats);
    return stats;
}

static void test_nothing_is_counted_when_off(void **unused)
{
    (void)unused;
    mutex_lock(&quiet);
    mutex_unlock(&quiet);
    assert_int_equal(stats_of(&quiet_class).acquired, 0);
}

static void test_a_lock_held_while_they_come_on_is_not_timed(void **unused)
{
    (void)unused;
    mutex_lock(&quiet);
    lock_stats_enable();
    mutex_unlock(&quiet);
    assert_int_equal(stats_of(&quiet_class).hold_ns, 0);
}

static void test_acquisitions_are_exact(void **unused)
{
    struct lock_stats stats;

    (void)unused;
    for (int i = 0; i < 1000; i++) {
        mutex_lock(&quiet);
        mutex_unlock(&quiet);
        spinlock_lock(&twist);
        spinlock_unlock(&twist);
        rwlock_read_lock(&table);
        rwlock_read_unlock(&table);
        rwlock_write_lock(&table);
        rwlock_write_unlock(&table);
    }
    if (mutex_trylock(&quiet)) {
        mutex_unlock(&quiet);
    }
    stats = stats_of(&quiet_class);
    assert_int_equal(stats.acquired, 1001);
    assert_int_equal(stats.contended, 0);
    assert_int_equal(stats.wait_ns, 0);
    assert_true(stats.hold_ns > 0);
    assert_true(stats.hold_max_ns > 0 && stats.hold_max_ns <= stats.hold_ns);
    assert_int_equal(stats_of(&twist_class).acquired, 1000);
    assert_int_equal(stats_of(&table_class).acquired, 2000);
}

static void *hold_busy(void *held)
{
    mutex_lock(&busy);
    event_set(held);
    usleep(20000);
    mutex_unlock(&busy);
    return NULL;
}

static void test_waiting_and_holding_are_timed(void **unused)
{
    struct event held = EVENT_INIT;
    struct thread t;
    struct lock_stats stats;

    (void)unused;
    assert_int_equal(thread_create(&t, "holder", hold_busy, &held, NULL), 0);
    event_wait(&held);
    mutex_lock(&busy);
    mutex_unlock(&busy);
    thread_join(&t);
    stats = stats_of(&busy_class);
    assert_int_equal(stats.acquired, 2);
    assert_int_equal(stats.contended, 1);
    assert_true(stats.wait_ns > 1000000 && stats.wait_max_ns == stats.wait_ns);
    assert_true(stats.hold_ns >= 20000000 && stats.hold_max_ns >= 20000000);
}

static void test_the_table_has_the_most_waited_for_first(void **unused)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    (void)unused;
    assert_non_null(out);
    lock_stats_print(out);
    assert_int_equal(fclose(out), 0);
    char *line = strchr(text, '\n') + 1;
    assert_true(strncmp(text, "lock class", 10) == 0);
    assert_true(strncmp(line, "busy ", 5) == 0);
    assert_non_null(strstr(line, "\nquiet "));
    assert_non_null(strstr(line, "\ntable "));
    assert_null(strstr(line, "unused"));
    assert_int_equal(unused_class.acquired, 0);
    assert_non_null(strstr(line, " leaf "));
    if (getenv("MORTISE_SHOW")) {
        fputs(text, stdout);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_counted_when_off),
        cmocka_unit_test(test_a_lock_held_while_they_come_on_is_not_timed),
        cmocka_unit_test(test_acquisitions_are_exact),
        cmocka_unit_test(test_waiting_and_holding_are_timed),
        cmocka_unit_test(test_the_table_has_the_most_waited_for_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
