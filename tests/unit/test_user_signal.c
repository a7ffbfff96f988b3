/* The parts of signal handling that can be seen without a guest: the order in
 * which queued signals are taken, and the alternate stack's rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "user/signal.h"
#include "user/signal_frame.h"
#include "user/signal_internal.h"

#define AUTODISARM (1u << 31)

static struct thread_signals s;

static int reset(void **state)
{
    (void)state;
    memset(&s, 0, sizeof(s));
    return 0;
}

static void arrive(int sig, int value)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = value;
    signals_enqueue(&s, sig, &info);
}

/* Takes what comes next under the mask: its number, and its value. */
static int take(uint64_t mask, int *value)
{
    struct queued_signal *q = signals_next(&s, mask);
    if (!q) {
        return 0;
    }
    int sig = atomic_load(&q->sig);
    *value = q->info.si_value.sival_int;
    atomic_store(&q->sig, 0);
    return sig;
}

static void test_lowest_number_then_oldest_comes_first(void **state)
{
    (void)state;
    int value;
    arrive(40, 1);
    arrive(64, 2);
    arrive(40, 3);
    arrive(SIGSEGV, 4);
    arrive(40, 5);
    assert_int_equal(take(0, &value), SIGSEGV);
    for (int expected = 1; expected <= 5; expected += 2) {
        assert_int_equal(take(0, &value), 40);
        assert_int_equal(value, expected);
    }
    assert_int_equal(take(0, &value), 64);
    assert_int_equal(take(0, &value), 0);
}

static void test_standard_signals_do_not_queue(void **state)
{
    (void)state;
    int value;
    arrive(SIGFPE, 1);
    arrive(SIGFPE, 2);
    assert_int_equal(take(0, &value), SIGFPE);
    assert_int_equal(value, 1);
    assert_int_equal(take(0, &value), 0);
}

static void test_blocked_signals_stay(void **state)
{
    (void)state;
    int value;
    arrive(SIGTRAP, 1);
    arrive(SIGNAL_KICK, 2);
    assert_int_equal(take(~0ULL, &value), 0);
    assert_int_equal(take(signal_bit(SIGTRAP), &value), SIGNAL_KICK);
    assert_int_equal(take(0, &value), SIGTRAP);
}

static void test_a_flood_of_kicks_leaves_room_for_the_rest(void **state)
{
    (void)state;
    int value;
    for (int i = 0; i < 2 * SIGNAL_QUEUE; i++) {
        arrive(SIGNAL_KICK, i);
    }
    arrive(SIGUSR1, 1000);
    arrive(SIGSEGV, 1001);
    assert_int_equal(take(0, &value), SIGUSR1);
    assert_int_equal(take(0, &value), SIGSEGV);
    for (int i = 0; take(0, &value) == SIGNAL_KICK; i++) {
        assert_int_equal(value, i); /* the newest are lost */
    }
}

static void test_order_survives_the_counter_wrapping(void **state)
{
    (void)state;
    int value;
    s.next_seq = UINT32_MAX;
    arrive(50, 1);
    arrive(50, 2);
    assert_int_equal(take(0, &value), 50);
    assert_int_equal(value, 1);
}

static void test_alternate_stack_in_use_cannot_be_changed(void **state)
{
    (void)state;
    const struct guest_stack stack = {.sp = 0x10000, .size = 0x4000};
    struct guest_stack old;
    assert_int_equal(signal_stack_set(&s, &stack, 0x99999), 0);
    signal_stack_get(&s, &old, 0x99999);
    assert_int_equal(old.flags, 0);
    signal_stack_get(&s, &old, 0x12000);
    assert_int_equal(old.flags, SS_ONSTACK);
    assert_int_equal(signal_stack_set(&s, &stack, 0x12000), -EPERM);
    /* its end belongs to it, its start does not: the stack grows down */
    assert_int_equal(signal_stack_set(&s, &stack, 0x14000), -EPERM);
    assert_int_equal(signal_stack_set(&s, &stack, 0x10000), 0);
}

static void test_alternate_stack_is_checked(void **state)
{
    (void)state;
    const struct guest_stack small = {.sp = 0x10000, .size = 100};
    const struct guest_stack odd = {.sp = 0x10000, .size = 0x4000, .flags = 77};
    const struct guest_stack off = {.flags = SS_DISABLE, .size = 1};
    assert_int_equal(signal_stack_set(&s, &small, 0), -ENOMEM);
    assert_int_equal(signal_stack_set(&s, &odd, 0), -EINVAL);
    assert_int_equal(signal_stack_set(&s, &off, 0), 0);
    assert_int_equal(s.alt_size, 0);
}

static void test_autodisarm_forgets_the_stack(void **state)
{
    (void)state;
    const struct guest_stack stack = {.sp = 0x10000, .size = 0x4000, .flags = AUTODISARM};
    assert_int_equal(signal_stack_set(&s, &stack, 0), 0);
    assert_false(signal_stack_active(&s, 0x12000));
    signal_stack_disarm(&s);
    assert_int_equal(s.alt_size, 0);
    assert_int_equal(s.alt_flags, SS_DISABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_lowest_number_then_oldest_comes_first, reset),
        cmocka_unit_test_setup(test_standard_signals_do_not_queue, reset),
        cmocka_unit_test_setup(test_blocked_signals_stay, reset),
        cmocka_unit_test_setup(test_a_flood_of_kicks_leaves_room_for_the_rest, reset),
        cmocka_unit_test_setup(test_order_survives_the_counter_wrapping, reset),
        cmocka_unit_test_setup(test_alternate_stack_in_use_cannot_be_changed, reset),
        cmocka_unit_test_setup(test_alternate_stack_is_checked, reset),
        cmocka_unit_test_setup(test_autodisarm_forgets_the_stack, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
