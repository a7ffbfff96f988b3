#include "link_test.h"

#define FUNCTIONS "static void one(void) { }\nstatic void two(void) { }\n"

/* The call through a pointer is the only one in `run`. */
static void assert_runs(const char *source, const char *first, const char *second)
{
    struct program *program = link_test_program(source, NULL);

    link_test_assert_targets(link_test_call(program, "run", 0), first, second, NULL);
    link_test_free(program);
}

static void test_fields_hold_what_initialisers_and_assignments_store(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "struct ops { void (*go)(void); void (*stop)(void); };\n"
                          "static const struct ops table = {.go = one};\n"
                          "void set(struct ops *o) { o->go = two; o->stop = one; }\n"
                          "void run(const struct ops *o) { o->go(); }\n"
                          "const struct ops *get(void) { return &table; }\n",
                "one", "two");
}

static void test_fields_of_other_structs_are_other_places(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "struct a { void (*go)(void); };\nstruct b { void (*go)(void); };\n"
                          "void set(struct a *a, struct b *b) { a->go = one; b->go = two; }\n"
                          "void run(struct a *a) { a->go(); }\n",
                "one", NULL);
}

static void test_arrays_are_one_place(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "static void (*const table[])(void) = {one, two};\n"
                          "void run(int i) { table[i](); }\n",
                "one", "two");
}

static void test_arguments_come_from_all_call_sites(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "void run(void (*fn)(void)) { fn(); }\n"
                          "void a(void) { run(one); }\nvoid b(void) { run(&two); }\n",
                "one", "two");
}

static void test_results_and_locals_are_followed(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "typedef void fn(void);\n"
                          "static fn *pick(int i) { fn *f = i ? one : two; return f; }\n"
                          "void hold(int i, fn **out) { *out = pick(i); }\n"
                          "struct s { fn *f; };\n"
                          "void set(struct s *s, int i) { s->f = pick(i); }\n"
                          "void run(struct s *s) { s->f(); }\n",
                "one", "two");
}

static void test_void_pointers_are_followed(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "struct job { void *what; };\n"
                          "void put(struct job *j, void *what) { j->what = what; }\n"
                          "void a(struct job *j) { put(j, (void *)one); }\n"
                          "void run(struct job *j) { ((void (*)(void))j->what)(); }\n",
                "one", NULL);
}

static void test_struct_copies_carry_functions(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "struct item { void (*work)(void); };\n"
                          "struct box { struct item items[8]; };\n"
                          "void put(struct box *b, struct item i) { b->items[0] = i; }\n"
                          "void a(struct box *b) { put(b, (struct item){one}); }\n"
                          "void run(struct box *b) { b->items[3].work(); }\n",
                "one", NULL);
}

static void test_a_pointer_to_a_function_pointer_reaches_it(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "static void (*hook)(void);\n"
                          "static void set(void (**at)(void)) { *at = two; }\n"
                          "void a(void) { set(&hook); }\n"
                          "void run(void) { hook(); }\n",
                "two", NULL);
}

static void test_a_call_through_what_a_call_brings_is_resolved(void **state)
{
    (void)state;
    assert_runs(FUNCTIONS "typedef void done(void);\ntypedef void start(done *then);\n"
                          "static void begin(done *then) { extern done *kept; kept = then; }\n"
                          "done *kept;\nstatic start *starter;\n"
                          "void init(void) { starter = begin; }\n"
                          "void a(void) { starter(one); }\n"
                          "void run(void) { kept(); }\n",
                "one", NULL);
}

static void test_a_pointer_that_nothing_is_stored_in_is_unresolved(void **state)
{
    struct program *program = link_test_program(
        "struct s { void (*f)(void); };\nvoid run(struct s *s) { s->f(); }\n", NULL);
    const struct pcall *call = link_test_call(program, "run", 0);

    (void)state;
    assert_true(call->unresolved);
    assert_non_null(call->slot);
    assert_string_equal(call->slot->name, "struct s.f");
    link_test_free(program);
}

static void test_what_comes_from_outside_escapes(void **state)
{
    struct program *program = link_test_program(
        FUNCTIONS
        "typedef void fn(void);\nfn *from_outside(void);\nstatic fn *f;\n"
        "void a(int i) { f = one; if (i) f = from_outside(); }\nvoid run(void) { f(); }\n",
        NULL);
    const struct pcall *call = link_test_call(program, "run", 0);

    (void)state;
    link_test_assert_targets(call, "one", NULL);
    assert_true(call->slot->escapes);
    link_test_free(program);
}

static void test_contracts_of_pointers_are_kept_apart_from_their_guards(void **state)
{
    struct program *program =
        link_test_program("struct s { void (*f)(int x) " NOTE("role:ui") " " NOTE(
                              "immutable:") "; };\n"
                                            "static void on_ui(int x) { (void)x; }\n"
                                            "void set(struct s *s) { s->f = on_ui; }\nvoid "
                                            "run(struct s *s) { s->f(1); }\n",
                          NULL);
    const struct pcall *call = link_test_call(program, "run", 0);

    (void)state;
    assert_int_equal(call->slot->annotations->len, 1);
    assert_true(annotation_has(call->slot->annotations, ANNOTATION_ROLE));
    assert_int_equal(call->slot->functions->len, 1);
    assert_int_equal(g_array_index(call->slot->origins, struct ir_loc, 0).line, 3);
    assert_int_equal(link_test_function(program, "on_ui")->stored->len, 1);
    link_test_free(program);
}

static void test_callbacks_of_library_functions_are_called_by_them(void **state)
{
    struct program *program =
        link_test_program("#include <stdlib.h>\n"
                          "static int order(const void *a, const void *b) { return a < b; }\n"
                          "void run(int *v) { qsort(v, 4, sizeof(*v), order); }\n",
                          NULL);
    const struct pcall *call = link_test_call(program, "run", 0);

    (void)state;
    assert_non_null(call->callbacks);
    assert_int_equal(call->callbacks->len, 1);
    assert_int_equal(link_test_function(program, "order")->callers->len, 1);
    link_test_free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_hold_what_initialisers_and_assignments_store),
        cmocka_unit_test(test_fields_of_other_structs_are_other_places),
        cmocka_unit_test(test_arrays_are_one_place),
        cmocka_unit_test(test_arguments_come_from_all_call_sites),
        cmocka_unit_test(test_results_and_locals_are_followed),
        cmocka_unit_test(test_void_pointers_are_followed),
        cmocka_unit_test(test_struct_copies_carry_functions),
        cmocka_unit_test(test_a_pointer_to_a_function_pointer_reaches_it),
        cmocka_unit_test(test_a_call_through_what_a_call_brings_is_resolved),
        cmocka_unit_test(test_a_pointer_that_nothing_is_stored_in_is_unresolved),
        cmocka_unit_test(test_what_comes_from_outside_escapes),
        cmocka_unit_test(test_contracts_of_pointers_are_kept_apart_from_their_guards),
        cmocka_unit_test(test_callbacks_of_library_functions_are_called_by_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
