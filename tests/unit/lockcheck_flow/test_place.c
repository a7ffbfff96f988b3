/* Interned places and terms, and lists of locks that are gone. */
#include "flow_test.h"

#include "flow_place.h"
#include "flow_state.h"

struct tables {
    struct place_table *shared, *walk;
};

static int setup(void **state)
{
    struct tables *t = g_new0(struct tables, 1);

    t->shared = place_table_new(NULL);
    t->walk = place_table_new(t->shared);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct tables *t = *state;

    place_table_free(t->walk);
    place_table_free(t->shared);
    g_free(t);
    return 0;
}

static const struct place *field_of(struct tables *t, enum place_root root, uint32_t number,
                                    const char *name)
{
    const struct place *object = place_deref(t->walk, place_root(t->walk, root, number, NULL));

    return place_field(t->walk, object, "R", g_intern_string(name));
}

static void test_equal_places_are_one(void **state)
{
    struct tables *t = *state;

    assert_ptr_equal(field_of(t, PLACE_PARAM, 0, "x"), field_of(t, PLACE_PARAM, 0, "x"));
    assert_ptr_not_equal(field_of(t, PLACE_PARAM, 0, "x"), field_of(t, PLACE_PARAM, 1, "x"));
    assert_ptr_not_equal(field_of(t, PLACE_PARAM, 0, "x"), field_of(t, PLACE_PARAM, 0, "y"));
    assert_ptr_not_equal(field_of(t, PLACE_PARAM, 0, "x"), field_of(t, PLACE_LOCAL, 0, "x"));
}

static void test_what_callers_know_outlives_the_walk(void **state)
{
    struct tables *t = *state;
    const struct place *param = field_of(t, PLACE_PARAM, 0, "x");

    assert_false(param->private);
    assert_true(field_of(t, PLACE_LOCAL, 0, "x")->private);
    place_table_free(t->walk);
    t->walk = place_table_new(t->shared);
    assert_ptr_equal(param, field_of(t, PLACE_PARAM, 0, "x"));
}

static void test_address_and_dereference_cancel(void **state)
{
    struct tables *t = *state;
    const struct place *x = field_of(t, PLACE_PARAM, 0, "x");

    assert_ptr_equal(term_deref(t->walk, term_address(t->walk, x)), x);
    assert_ptr_equal(term_address(t->walk, place_deref(t->walk, x)), term_value(t->walk, x));
}

static void test_depth_is_bounded(void **state)
{
    struct tables *t = *state;
    const struct place *place = place_root(t->walk, PLACE_PARAM, 0, NULL);
    const struct term *term = term_value(t->walk, place);
    unsigned depth = 0;

    for (; place; depth++) {
        place = place_deref(t->walk, place);
    }
    assert_in_range(depth, 2, PLACE_MAX_DEPTH + 1);
    for (depth = 0; term; depth++) {
        term = term_offset(t->walk, term, "p + 1");
    }
    assert_in_range(depth, 2, TERM_MAX_DEPTH + 1);
}

static void test_a_list_that_is_walked_along_is_noticed(void **state)
{
    struct tables *t = *state;
    const struct place *next = field_of(t, PLACE_PARAM, 0, "next");

    assert_false(next->repeats);
    next = place_field(t->walk, place_deref(t->walk, next), "R", g_intern_string("next"));
    assert_true(next->repeats);
}

static void test_ageing_renames_the_present_round_only(void **state)
{
    struct tables *t = *state;
    const struct place *now = place_deref(t->walk, place_opaque(t->walk, 8, false, -1));
    const struct place *other = place_deref(t->walk, place_opaque(t->walk, 9, false, -1));
    const struct place *old = place_age(t->walk, now, 8);

    assert_ptr_not_equal(old, now);
    assert_true(place_root_of(old)->old);
    assert_ptr_equal(place_age(t->walk, old, 8), old);
    assert_ptr_equal(place_age(t->walk, other, 8), other);
    assert_true(place_mentions(now, 8, false));
    assert_false(place_mentions(old, 8, false));
    assert_true(place_mentions(old, 8, true));
}

static void test_comparisons_have_one_form(void **state)
{
    struct tables *t = *state;
    const struct term *x = term_value(t->walk, place_root(t->walk, PLACE_PARAM, 0, NULL));
    const struct term *y = term_value(t->walk, place_root(t->walk, PLACE_PARAM, 1, NULL));

    assert_ptr_equal(term_compare(t->walk, IR_EQ, x, y), term_compare(t->walk, IR_EQ, y, x));
    assert_ptr_equal(term_compare(t->walk, IR_GT, x, y), term_compare(t->walk, IR_LT, y, x));
    assert_ptr_equal(term_compare(t->walk, IR_GE, x, y),
                     term_not(t->walk, term_compare(t->walk, IR_LT, x, y)));
    assert_int_equal(term_compare(t->walk, IR_EQ, x, x)->number, 1);
}

static void test_locks_that_are_gone_leave_in_the_order_they_came(void **state)
{
    struct tables *t = *state;
    GArray *list = NULL;

    /* The list holds eight. */
    for (uint32_t i = 0; i < 8; i++) {
        gone_remember(&list, &(struct gone){.place = field_of(t, PLACE_OPAQUE, i, "lock")});
    }
    assert_true(gone_forget(list, 2));
    assert_false(gone_forget(list, 2));
    for (uint32_t i = 8; i < 12; i++) {
        gone_remember(&list, &(struct gone){.place = field_of(t, PLACE_OPAQUE, i, "lock")});
    }
    for (uint32_t i = 0; i < 12; i++) {
        bool there = gone_find(list, field_of(t, PLACE_OPAQUE, i, "lock")) != NULL;
        assert_int_equal(there, i > 3);
    }
    g_array_unref(list);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_equal_places_are_one),
        CASE(test_what_callers_know_outlives_the_walk),
        CASE(test_address_and_dereference_cancel),
        CASE(test_depth_is_bounded),
        CASE(test_a_list_that_is_walked_along_is_noticed),
        CASE(test_ageing_renames_the_present_round_only),
        CASE(test_comparisons_have_one_form),
        CASE(test_locks_that_are_gone_leave_in_the_order_they_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
