#include "link_test.h"

static const char queue_source[] =
    "struct mutex { int state; };\n"
    "struct part { struct mutex lock; };\n"
    "struct queue { struct mutex lock; struct part parts[4]; struct part *more;\n"
    "               struct mutex *shared; struct queue *next; };\n"
    "struct mutex big;\n"
    "struct mutex *big_pointer;\n"
    "static struct mutex table[8];\n"
    "void f(struct queue *q, struct queue object, int i) { (void)q; (void)object; (void)i;\n"
    "    (void)table; }\n"
    "void m(struct mutex *m) { (void)m; }\n";

static void assert_path(const struct program *program, const char *expression, const char *function,
                        const char *expected)
{
    char *text = link_test_path(program, expression, function);

    if (g_strcmp0(text, expected) != 0) {
        fail_msg("%s is %s, not %s", expression, text ? text : "(null)",
                 expected ? expected : "(null)");
    }
    g_free(text);
}

static guint count_steps(const struct program *program, const char *expression)
{
    struct ir_path *path =
        annotation_path(program, expression, link_test_function(program, "f")->ir, NULL, NULL);
    guint steps;

    assert_non_null(path);
    steps = path->steps->len;
    ir_path_free(path);
    return steps;
}

static void test_kind_and_arguments_are_split(void **state)
{
    struct annotation a;

    (void)state;
    assert_true(annotation_parse("lockcheck:requires:&a->lock, table[f(1, 2)] , b", &a));
    assert_int_equal(a.kind, ANNOTATION_REQUIRES);
    assert_int_equal(a.arguments->len, 3);
    assert_string_equal(a.arguments->pdata[0], "&a->lock");
    assert_string_equal(a.arguments->pdata[1], "table[f(1, 2)]");
    assert_string_equal(a.arguments->pdata[2], "b");
    annotation_clear(&a);
}

static void test_sentences_keep_their_commas(void **state)
{
    struct annotation a;

    (void)state;
    assert_true(annotation_parse("lockcheck:suppress:balance, it is held, for ever", &a));
    assert_int_equal(a.arguments->len, 2);
    assert_string_equal(a.arguments->pdata[1], "it is held, for ever");
    annotation_clear(&a);
    assert_true(annotation_parse("lockcheck:owned_by:who started it, or its heir", &a));
    assert_int_equal(a.arguments->len, 1);
    annotation_clear(&a);
}

static void test_kinds_without_arguments_and_unknown_ones(void **state)
{
    struct annotation a;

    (void)state;
    assert_true(annotation_parse("lockcheck:rcu", &a));
    assert_int_equal(a.kind, ANNOTATION_RCU);
    assert_int_equal(a.arguments->len, 0);
    annotation_clear(&a);
    assert_true(annotation_parse("lockcheck:rcu:", &a));
    assert_int_equal(a.arguments->len, 0);
    annotation_clear(&a);
    assert_true(annotation_parse("lockcheck:gaurded_by:x", &a));
    assert_int_equal(a.kind, ANNOTATION_UNKNOWN);
    annotation_clear(&a);
    assert_false(annotation_parse("somebody else's", &a));
}

static void test_first_of_a_kind_is_found(void **state)
{
    GPtrArray *strings = g_ptr_array_new();
    struct annotation a;

    (void)state;
    g_ptr_array_add(strings, (gpointer)(uintptr_t)"other");
    g_ptr_array_add(strings, (gpointer)(uintptr_t)"lockcheck:role:ui");
    g_ptr_array_add(strings, (gpointer)(uintptr_t)"lockcheck:role:worker");
    assert_true(annotation_find(strings, ANNOTATION_ROLE, &a));
    assert_string_equal(a.arguments->pdata[0], "ui");
    annotation_clear(&a);
    assert_false(annotation_has(strings, ANNOTATION_RCU));
    g_ptr_array_unref(strings);
}

static void test_a_lock_is_the_object_however_it_is_written(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);

    (void)state;
    assert_path(program, "q->lock", "f", "q->lock");
    assert_path(program, "&q->lock", "f", "q->lock");
    assert_path(program, "& q -> lock", "f", "q->lock");
    assert_path(program, "(&(q)->lock)", "f", "q->lock");
    assert_path(program, "(*q).lock", "f", "q->lock");
    assert_path(program, "q.lock", "f", "q->lock");
    assert_path(program, "object.lock", "f", "object.lock");
    assert_path(program, "big", "f", "big");
    assert_path(program, "&big", NULL, "big");
    assert_int_equal(count_steps(program, "&*q->shared"), count_steps(program, "q->shared"));
    assert_int_equal(count_steps(program, "*q->shared"), count_steps(program, "q->shared"));
    assert_int_equal(count_steps(program, "big_pointer"), 1);
    link_test_free(program);
}

static void test_a_parameter_that_points_to_a_lock_stands_for_it(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);
    struct ir_path *path =
        annotation_path(program, "m", link_test_function(program, "m")->ir, NULL, NULL);

    (void)state;
    assert_int_equal(path->root, IR_ROOT_PARAM);
    assert_int_equal(path->steps->len, 1);
    assert_int_equal(g_array_index(path->steps, struct ir_step, 0).kind, IR_STEP_DEREF);
    ir_path_free(path);
    path = annotation_path(program, "$0", link_test_function(program, "m")->ir, NULL, NULL);
    assert_int_equal(path->index, 0);
    assert_int_equal(path->steps->len, 1);
    ir_path_free(path);
    link_test_free(program);
}

static void test_arrays_are_indexed_and_pointers_followed(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);
    struct ir_path *path = annotation_path(program, "q->parts[i].lock",
                                           link_test_function(program, "f")->ir, NULL, NULL);
    const struct ir_step *index;

    (void)state;
    assert_non_null(path);
    assert_int_equal(path->steps->len, 4); /* deref, parts, [i], lock */
    index = &g_array_index(path->steps, struct ir_step, 2);
    assert_int_equal(index->kind, IR_STEP_INDEX);
    assert_string_equal(index->name, "i");
    assert_non_null(index->index);
    assert_int_equal(index->index->kind, IR_VALUE_LOAD);
    assert_non_null(g_array_index(path->steps, struct ir_step, 3).record);
    ir_path_free(path);
    assert_int_equal(count_steps(program, "q->more[3].lock"), 5);
    assert_int_equal(count_steps(program, "table[2]"), 1);
    link_test_free(program);
}

static void test_fields_stand_for_the_same_object_in_guarded_by(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);
    const struct ir_function *f = link_test_function(program, "f")->ir;
    struct ir_path *base = annotation_path(program, "*q", f, NULL, NULL);
    const struct ir_variable *q = f->params->pdata[0];
    const struct ir_record *record = program_record(program, q->type.record);
    struct ir_path *path = annotation_path(program, "&lock", NULL, record, base);
    char *text = ir_path_text(path, f);

    (void)state;
    assert_string_equal(text, "q->lock");
    g_free(text);
    ir_path_free(path);
    path = annotation_path(program, "lock", NULL, record, NULL);
    assert_int_equal(path->root, IR_ROOT_UNKNOWN);
    ir_path_free(path);
    ir_path_free(base);
    link_test_free(program);
}

static void test_an_unknown_name_is_an_abstract_capability(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);

    (void)state;
    assert_path(program, "vcpu", "f", "vcpu");
    assert_path(program, "\"vcpu\"", "f", "vcpu");
    link_test_free(program);
}

static void test_what_is_no_expression_gives_none(void **state)
{
    static const char *const bad[] = {
        "",       "!q->lock", "q->",   "q->lock)", "(q->lock", "q[",       "1 + 2", "f(q)", "a b",
        "->lock", "$",        "$9999", "\"open",   "&",        "q->lock;", "q[1]]", "*"};
    struct program *program = link_test_program(queue_source, NULL);

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        assert_path(program, bad[i], "f", NULL);
    }
    link_test_free(program);
}

static void test_deep_nesting_is_refused(void **state)
{
    struct program *program = link_test_program(queue_source, NULL);
    GString *deep = g_string_new(NULL);

    (void)state;
    for (guint i = 0; i < 100000; i++) {
        g_string_append_c(deep, i % 2 ? '(' : '*');
    }
    g_string_append(deep, "q");
    assert_path(program, deep->str, "f", NULL);
    g_string_free(deep, TRUE);
    link_test_free(program);
}

static void test_own_static_lock_comes_before_another_files(void **state)
{
    static const char file[] = "static int counter;\nstatic struct mutex { int s; } lock;\n"
                               "int get(void) { return counter + lock.s; }\n";
    static const char other[] = "static struct mutex { int s; } lock;\n"
                                "int get_other(void) { return lock.s; }\n";
    struct program *program = link_test_program(file, other, NULL);
    struct ir_path *first =
        annotation_path(program, "lock", link_test_function(program, "get")->ir, NULL, NULL);
    struct ir_path *second =
        annotation_path(program, "lock", link_test_function(program, "get_other")->ir, NULL, NULL);

    (void)state;
    assert_string_not_equal(first->symbol, second->symbol);
    assert_non_null(strstr(first->symbol, "0.c"));
    assert_non_null(strstr(second->symbol, "1.c"));
    ir_path_free(first);
    ir_path_free(second);
    link_test_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kind_and_arguments_are_split),
        cmocka_unit_test(test_sentences_keep_their_commas),
        cmocka_unit_test(test_kinds_without_arguments_and_unknown_ones),
        cmocka_unit_test(test_first_of_a_kind_is_found),
        cmocka_unit_test(test_a_lock_is_the_object_however_it_is_written),
        cmocka_unit_test(test_a_parameter_that_points_to_a_lock_stands_for_it),
        cmocka_unit_test(test_arrays_are_indexed_and_pointers_followed),
        cmocka_unit_test(test_fields_stand_for_the_same_object_in_guarded_by),
        cmocka_unit_test(test_an_unknown_name_is_an_abstract_capability),
        cmocka_unit_test(test_what_is_no_expression_gives_none),
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_own_static_lock_comes_before_another_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
