/* Sets of numbers, as conditions tell them. */
#include "flow_test.h"

#include "flow_state.h"

static struct range only(int64_t lo, int64_t hi)
{
    return (struct range){.lo = lo, .hi = hi};
}

static void test_not_equal_then_equal_is_empty(void **state)
{
    struct range range = range_any;

    (void)state;
    range_restrict(&range, IR_NE, 5);
    assert_false(range_has(&range, 5));
    assert_true(range_has(&range, 6));
    range_restrict(&range, IR_EQ, 5);
    assert_true(range_is_empty(&range));
}

static void test_excluded_ends_are_cut_off(void **state)
{
    struct range range = only(0, 3);

    (void)state;
    range_restrict(&range, IR_NE, 1);
    range_restrict(&range, IR_NE, 0);
    assert_int_equal(range.lo, 2);
    range_restrict(&range, IR_LT, 3);
    assert_int_equal(range.hi, 2);
    range_restrict(&range, IR_NE, 2);
    assert_true(range_is_empty(&range));
}

static void test_limits_do_not_overflow(void **state)
{
    struct range low = range_any, high = range_any;

    (void)state;
    range_restrict(&low, IR_LT, INT64_MIN);
    assert_true(range_is_empty(&low));
    range_restrict(&high, IR_GT, INT64_MAX);
    assert_true(range_is_empty(&high));
    low = only(INT64_MIN, INT64_MIN);
    range_restrict(&low, IR_NE, INT64_MIN);
    assert_true(range_is_empty(&low));
    high = only(INT64_MAX, INT64_MAX);
    range_restrict(&high, IR_NE, INT64_MAX);
    assert_true(range_is_empty(&high));
}

static void test_join_remembers_that_neither_is_zero(void **state)
{
    struct range range = only(-22, -1), other = only(1, 7);

    (void)state;
    range_join(&range, &other);
    assert_false(range_has(&range, 0));
    assert_true(range_has(&range, -1));
    assert_true(range_has(&range, 7));
    assert_false(range_has(&range, 8));
}

static void test_zero_is_excluded_even_when_full(void **state)
{
    struct range range = range_any;

    (void)state;
    for (int64_t n = 1; n < 10; n++) {
        range_restrict(&range, IR_NE, n);
    }
    range_restrict(&range, IR_NE, 0);
    assert_false(range_has(&range, 0));
}

static void test_disjoint(void **state)
{
    struct range zero = only(0, 0), nonzero = range_any, negative = range_any;

    (void)state;
    range_restrict(&nonzero, IR_NE, 0);
    range_restrict(&negative, IR_LT, 0);
    assert_true(range_disjoint(&zero, &nonzero));
    assert_true(range_disjoint(&negative, &zero));
    assert_false(range_disjoint(&negative, &nonzero));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_equal_then_equal_is_empty),
        cmocka_unit_test(test_excluded_ends_are_cut_off),
        cmocka_unit_test(test_limits_do_not_overflow),
        cmocka_unit_test(test_join_remembers_that_neither_is_zero),
        cmocka_unit_test(test_zero_is_excluded_even_when_full),
        cmocka_unit_test(test_disjoint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
