#include "link_test.h"

static void test_statics_of_one_name_stay_apart(void **state)
{
    struct program *program = link_test_program(
        "static int helper(void) { return 1; }\nint a(void) { return helper(); }\n",
        "static int helper(void) { return 2; }\nint b(void) { return helper(); }\n", NULL);
    const struct pfunction *in_a = link_test_call(program, "a", 0)->targets->pdata[0];
    const struct pfunction *in_b = link_test_call(program, "b", 0)->targets->pdata[0];

    (void)state;
    assert_ptr_not_equal(in_a, in_b);
    assert_int_equal(in_a->callers->len, 1);
    assert_int_equal(in_b->callers->len, 1);
    link_test_free(program);
}

static void test_a_call_goes_to_the_definition_in_another_file(void **state)
{
    struct program *program =
        link_test_program("int far(void);\nint near(void) { return far(); }\n",
                          "int far(void) { return 3; }\n", NULL);
    const struct pfunction *far = link_test_call(program, "near", 0)->targets->pdata[0];

    (void)state;
    assert_non_null(far->ir->blocks);
    assert_ptr_equal(far, program_function(program, "far"));
    link_test_free(program);
}

static void test_annotations_of_all_declarations_count(void **state)
{
    struct program *program =
        link_test_program("void f(int x) " NOTE("may_block:") ";\nvoid g(void) { f(1); }\n",
                          "void f(int y) " NOTE("role:ui") ";\nvoid f(int z) { (void)z; }\n", NULL);
    const struct pfunction *f = link_test_function(program, "f");

    (void)state;
    assert_non_null(f->ir->blocks);
    assert_true(annotation_has(f->annotations, ANNOTATION_MAY_BLOCK));
    assert_true(annotation_has(f->annotations, ANNOTATION_ROLE));
    assert_true(program->annotated);
    link_test_free(program);
}

static void test_a_global_is_its_definition_with_all_annotations(void **state)
{
    struct program *program = link_test_program(
        "extern int limit " NOTE("immutable:") ";\nint a(void) { return limit; }\n",
        "int limit = 4;\nint b(void) { return limit; }\n", NULL);
    const struct ir_variable *limit = program_global(program, "limit");

    (void)state;
    assert_non_null(limit);
    assert_true(limit->definition);
    assert_true(annotation_has(limit->annotations, ANNOTATION_IMMUTABLE));
    link_test_free(program);
}

static void test_two_executables_in_one_build_keep_their_mains(void **state)
{
    struct program *program =
        link_test_program("void tool(void) { }\nint main(void) { tool(); return 0; }\n",
                          "void test(void) { }\nint main(void) { test(); return 0; }\n", NULL);
    guint mains = 0;

    (void)state;
    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *function = program->functions->pdata[i];

        mains += strcmp(function->ir->name, "main") == 0 && function->calls->len == 1;
    }
    assert_int_equal(mains, 2);
    assert_int_equal(link_test_function(program, "tool")->callers->len, 1);
    assert_int_equal(link_test_function(program, "test")->callers->len, 1);
    link_test_free(program);
}

static void test_a_conflicting_name_means_each_units_own(void **state)
{
    struct program *program =
        link_test_program("void hook(void) { }\nvoid a(void) { hook(); }\n",
                          "void hook(void) { }\nvoid b(void) { hook(); }\n", NULL);
    const struct pfunction *in_a = link_test_call(program, "a", 0)->targets->pdata[0];
    const struct pfunction *in_b = link_test_call(program, "b", 0)->targets->pdata[0];

    (void)state;
    assert_ptr_not_equal(in_a, in_b);
    link_test_free(program);
}

static guint place_of(const GPtrArray *components, const struct pfunction *function)
{
    for (guint c = 0; c < components->len; c++) {
        if (g_ptr_array_find(components->pdata[c], function, NULL)) {
            return c;
        }
    }
    fail_msg("%s is in no component", function->ir->name);
    return 0;
}

static void test_callees_come_before_callers(void **state)
{
    struct program *program =
        link_test_program("void c(void) { }\nvoid b(void) { c(); }\nvoid a(void) { b(); c(); }\n"
                          "void p(int n); void o(int n) { if (n) p(n - 1); c(); }\n"
                          "void p(int n) { o(n); }\nvoid r(void) { o(3); }\n",
                          NULL);
    const GPtrArray *components = program_components(program);

    (void)state;
    assert_true(place_of(components, link_test_function(program, "c")) <
                place_of(components, link_test_function(program, "b")));
    assert_true(place_of(components, link_test_function(program, "b")) <
                place_of(components, link_test_function(program, "a")));
    assert_int_equal(place_of(components, link_test_function(program, "o")),
                     place_of(components, link_test_function(program, "p")));
    assert_true(place_of(components, link_test_function(program, "o")) <
                place_of(components, link_test_function(program, "r")));
    link_test_free(program);
}

/* Built by hand, since no C file of that size is needed to see that the walk
 * does not recurse. */
static struct ir_function *chain_link(guint number, guint count)
{
    struct ir_function *f = ir_function_new();
    struct ir_block *block = ir_block_new();
    struct ir_event *call;
    char *name = g_strdup_printf("f%u", number);

    f->symbol = g_intern_string(name);
    f->name = f->symbol;
    g_free(name);
    f->blocks = ir_blocks_new();
    block->exit = IR_RETURN;
    if (number + 1 < count) {
        call = ir_event_new(IR_CALL, (struct ir_loc){"chain.c", number + 1, 1});
        name = g_strdup_printf("f%u", number + 1);
        call->callee = ir_value_new(IR_VALUE_FUNC);
        call->callee->text = g_intern_string(name);
        call->result = -1;
        g_free(name);
        g_ptr_array_add(block->events, call);
    }
    g_ptr_array_add(f->blocks, block);
    return f;
}

static void test_a_chain_of_100000_calls_is_walked_without_recursion(void **state)
{
    enum { COUNT = 100000 };
    GPtrArray *units = g_ptr_array_new();
    struct ir_unit *unit = ir_unit_new("chain.c");
    struct rules *rules = rules_new();
    struct program *program;

    (void)state;
    for (guint i = 0; i < COUNT; i++) {
        g_ptr_array_add(unit->functions, chain_link(i, COUNT));
    }
    g_ptr_array_add(units, unit);
    program = program_new(units, rules);
    assert_int_equal(program_components(program)->len, COUNT);
    program_free(program);
    rules_free(rules);
}

static void test_what_nobody_declares_can_be_called(void **state)
{
    GPtrArray *units = g_ptr_array_new();
    struct ir_unit *unit = ir_unit_new("chain.c");
    struct rules *rules = rules_new();
    struct program *program;

    (void)state;
    g_ptr_array_add(unit->functions, chain_link(0, 2)); /* calls f1, which is nowhere */
    g_ptr_array_add(units, unit);
    program = program_new(units, rules);
    link_test_assert_targets(link_test_call(program, "f0", 0), "f1", NULL);
    program_free(program);
    rules_free(rules);
}

static void test_parameters_are_replaced_by_arguments(void **state)
{
    struct program *program =
        link_test_program("struct q { int lock; struct q *next; };\n"
                          "void lock_it(struct q *x) { x->lock = 1; }\n"
                          "struct q global;\n"
                          "void f(struct q *mine) { lock_it(mine->next); lock_it(&global); }\n",
                          NULL);
    const struct pfunction *f = link_test_function(program, "f");
    struct ir_path *path =
        annotation_path(program, "x->lock", link_test_function(program, "lock_it")->ir, NULL, NULL);
    static const char *const expected[] = {"mine->next->lock", "global.lock"};

    (void)state;
    for (guint i = 0; i < 2; i++) {
        struct ir_path *bound =
            program_bind_path(path, link_test_call(program, "f", i)->event->args);
        char *text = ir_path_text(bound, f->ir);

        assert_string_equal(text, expected[i]);
        g_free(text);
        ir_path_free(bound);
    }
    ir_path_free(path);
    link_test_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statics_of_one_name_stay_apart),
        cmocka_unit_test(test_a_call_goes_to_the_definition_in_another_file),
        cmocka_unit_test(test_annotations_of_all_declarations_count),
        cmocka_unit_test(test_a_global_is_its_definition_with_all_annotations),
        cmocka_unit_test(test_two_executables_in_one_build_keep_their_mains),
        cmocka_unit_test(test_a_conflicting_name_means_each_units_own),
        cmocka_unit_test(test_callees_come_before_callers),
        cmocka_unit_test(test_a_chain_of_100000_calls_is_walked_without_recursion),
        cmocka_unit_test(test_what_nobody_declares_can_be_called),
        cmocka_unit_test(test_parameters_are_replaced_by_arguments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
