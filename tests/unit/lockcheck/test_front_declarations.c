/* Declarations: names, types, records, annotations and initialisers. */
#include "front_test.h"

#include <string.h>

static void assert_annotations(const GPtrArray *annotations, const char *expected)
{
    char *text = front_test_annotations(annotations);
    assert_string_equal(text, expected);
    g_free(text);
}

static void assert_global(const struct ir_unit *unit, const char *name, const char *expected)
{
    const struct ir_variable *variable = front_test_global(unit, name);
    assert_non_null(variable);
    assert_annotations(variable->annotations, expected);
}

static const struct ir_variable *field(const struct ir_unit *unit, const char *record,
                                       const char *name)
{
    const struct ir_record *found = front_test_record(unit, record);
    assert_non_null(found);
    for (guint i = 0; i < found->fields->len; i++) {
        const struct ir_variable *variable = g_ptr_array_index(found->fields, i);
        if (strcmp(variable->name, name) == 0)
            return variable;
    }
    fail_msg("%s has no field %s", record, name);
    return NULL;
}

static void test_thread_safety_attributes_are_annotations(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit(
        "#define A(x) __attribute__((x))\n"
        "#define REQUIRES(...) A(requires_capability(__VA_ARGS__))\n"
        "struct A(capability(\"mutex\")) mutex { int v; };\n"
        "struct q { int n A(guarded_by(&lock)); int *p A(pt_guarded_by(lock));\n"
        "           struct mutex lock; };\n"
        "struct mutex late A(acquired_after(early)), early;\n"
        "#define THE_LOCK &q->lock\n"
        "int take(struct q *q, int n) REQUIRES(THE_LOCK, late) A(locks_excluded(early))\n"
        "    A(try_acquire_capability(1, q->lock));\n"
        "void body(void) A(no_thread_safety_analysis) A(release_capability(early));\n",
        NULL);
    assert_int_equal(unit->errors->len, 0);
    assert_annotations(front_test_record(unit, "struct mutex")->annotations,
                       "lockcheck:capability:mutex");
    assert_annotations(field(unit, "struct q", "n")->annotations, "lockcheck:guarded_by:&lock");
    assert_annotations(field(unit, "struct q", "p")->annotations, "lockcheck:pt_guarded_by:lock");
    assert_global(unit, "late", "lockcheck:acquired_after:early");
    assert_annotations(front_test_function(unit, "take")->annotations,
                       "lockcheck:requires:&q->lock, late; lockcheck:excludes:early; "
                       "lockcheck:try_acquire:1, q->lock");
    assert_annotations(front_test_function(unit, "body")->annotations,
                       "lockcheck:release:early; lockcheck:no_clang_analysis:");
    ir_unit_free(unit);
}

static void test_names_of_attributes_can_be_used_otherwise(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit("static int guarded_by(int x) { return x; }\n"
                                           "int m; int n __attribute__((guarded_by(m)));\n"
                                           "int f(void) { return guarded_by(1); }\n",
                                           NULL);
    assert_int_equal(unit->errors->len, 0);
    assert_non_null(front_test_function(unit, "guarded_by"));
    assert_global(unit, "n", "lockcheck:guarded_by:m");
    ir_unit_free(unit);
}

static void test_parameters_of_prototypes_become_numbers(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit(
        "#define NOTE(x) __attribute__((annotate(\"lockcheck:\" x)))\n"
        "struct q { int lock; };\n"
        "void f(struct q *theirs, struct q *q) NOTE(\"requires:&theirs->lock, q->theirs\");\n"
        "void f(struct q *mine, struct q *q) NOTE(\"excludes:mine->lock\") { mine->lock = 1; }\n"
        "typedef void run_fn(struct q *it) NOTE(\"acquire:it->lock\");\n"
        "struct ops { void (*run)(struct q *o) NOTE(\"requires:o->lock\"); run_fn *other; };\n"
        "void g(void (*cb)(struct q *x) NOTE(\"requires:x\"));\n",
        NULL);
    assert_int_equal(unit->errors->len, 0);
    assert_annotations(front_test_function(unit, "f")->annotations,
                       "lockcheck:requires:&$0->lock, q->theirs; lockcheck:excludes:mine->lock");
    assert_annotations(field(unit, "struct ops", "run")->annotations,
                       "lockcheck:requires:$0->lock");
    assert_annotations(field(unit, "struct ops", "other")->annotations,
                       "lockcheck:acquire:$0->lock");
    ir_unit_free(unit);
}

static void test_static_things_carry_their_file(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit("static int n; int m;\n"
                                           "static void f(void) { static int n; n = m; }\n"
                                           "void g(void) { f(); n = 1; }\n",
                                           NULL);
    const struct ir_function *f = front_test_function(unit, "f");
    assert_true(g_str_has_suffix(f->symbol, "/test.c:f"));
    assert_true(g_path_is_absolute(f->loc.file));
    assert_string_equal(front_test_function(unit, "g")->symbol, "g");
    assert_string_equal(front_test_global(unit, "m")->symbol, "m");
    guint locals = 0;
    for (guint i = 0; i < unit->globals->len; i++) {
        const struct ir_variable *variable = g_ptr_array_index(unit->globals, i);
        if (variable->function != NULL) {
            assert_ptr_equal(variable->function, f->symbol);
            assert_true(g_str_has_suffix(variable->symbol, "/test.c:f.n"));
            locals++;
        }
    }
    assert_int_equal(locals, 1);
    ir_unit_free(unit);
}

static void test_types_are_followed_to_their_name(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit(
        "typedef struct { int x; } lock_t; typedef lock_t mine_t;\n"
        "mine_t a[3]; lock_t *const *b; _Atomic int c; const char *d;\n"
        "void (*e)(int); volatile int g; struct q { int n; } h; _Thread_local int i;\n",
        NULL);
    struct ir_type type = front_test_global(unit, "a")->type;
    assert_string_equal(type.name, "lock_t");
    assert_true(type.array && type.pointers == 0 && type.record != NULL);
    type = front_test_global(unit, "b")->type;
    assert_string_equal(type.name, "lock_t");
    assert_true(!type.array && type.pointers == 2 && !type.is_const);
    assert_true(front_test_global(unit, "c")->type.atomic);
    type = front_test_global(unit, "d")->type;
    assert_string_equal(type.name, "char");
    assert_true(type.pointers == 1 && !type.is_const);
    type = front_test_global(unit, "e")->type;
    assert_true(type.function && type.pointers == 1);
    assert_true(front_test_global(unit, "g")->type.is_volatile);
    assert_string_equal(front_test_global(unit, "h")->type.name, "struct q");
    assert_true(front_test_global(unit, "i")->thread_local);
    ir_unit_free(unit);
}

static void test_parameters_are_never_arrays_or_functions(void **state)
{
    (void)state;
    struct ir_unit *unit =
        front_test_unit("void f(const int a[3], void cb(int)) { cb(a[0]); }\n", NULL);
    const struct ir_function *f = front_test_function(unit, "f");
    const struct ir_variable *a = g_ptr_array_index(f->params, 0);
    const struct ir_variable *cb = g_ptr_array_index(f->params, 1);
    assert_true(!a->type.array && a->type.pointers == 1 && !a->type.is_const);
    assert_true(cb->type.function && cb->type.pointers == 1);
    ir_unit_free(unit);
}

static void test_unnamed_structs_are_told_apart(void **state)
{
    (void)state;
    struct ir_unit *unit =
        front_test_unit("struct q { struct { int n; } a; struct { int n; } b; };\n"
                        "void f(struct q *q) { q->a.n = q->b.n; }\n",
                        NULL);
    assert_ptr_not_equal(field(unit, "struct q", "a")->type.record,
                         field(unit, "struct q", "b")->type.record);
    ir_unit_free(unit);
}

static void test_initialisers_follow_the_rules_of_c(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit(
        "struct ops { void (*run)(int); const char *name; };\n"
        "struct two { struct ops o[2]; struct { int a; union { int b; void *p; }; }; };\n"
        "void x(int n); static void y(int n) { (void)n; }\n"
        "struct ops plain = {x, \"x\"}, *ptr = &(struct ops){.run = y};\n"
        "struct two flat = {x, 0, y, 0, 1, 2};\n"
        "struct two named = {.o[1].run = y, .p = &plain, .a = 3};\n"
        "struct ops table[] = {[2] = {y, 0}, {x, 0}, [5 ... 7] = {.run = y}};\n"
        "int numbers[] = {1, 2, 3}; int *where = &numbers[1]; void (*fn)(int) = &x;\n",
        NULL);
    assert_int_equal(unit->errors->len, 0);
    char *body = front_test_body(unit, IR_INIT_SYMBOL);
    assert_string_equal(body, "0:\n"
                              "set plain.run = x\n"
                              "set plain.name = \"x\"\n"
                              "set (literal 1).run = y\n"
                              "set ptr = &(literal 1)\n"
                              "set flat.o[0].run = x\n"
                              "set flat.o[1].run = y\n"
                              "set flat.a = 1\n"
                              "set flat.b = 2\n"
                              "set named.o[1].run = y\n"
                              "set named.p = &plain\n"
                              "set named.a = 3\n"
                              "set table[2].run = y\n"
                              "set table[3].run = x\n"
                              "set table[5 ... 7].run = y\n"
                              "set where = &numbers[1]\n"
                              "set fn = x\n"
                              "return\n");
    g_free(body);
    ir_unit_free(unit);
}

static void test_an_initialiser_sees_only_its_own_unit(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit("extern int a; int b; int b = 2; extern int c;\n"
                                           "int f(void) { return a; }\n",
                                           NULL);
    assert_false(front_test_global(unit, "a")->definition);
    assert_true(front_test_global(unit, "b")->definition);
    ir_unit_free(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread_safety_attributes_are_annotations),
        cmocka_unit_test(test_names_of_attributes_can_be_used_otherwise),
        cmocka_unit_test(test_parameters_of_prototypes_become_numbers),
        cmocka_unit_test(test_static_things_carry_their_file),
        cmocka_unit_test(test_types_are_followed_to_their_name),
        cmocka_unit_test(test_parameters_are_never_arrays_or_functions),
        cmocka_unit_test(test_unnamed_structs_are_told_apart),
        cmocka_unit_test(test_initialisers_follow_the_rules_of_c),
        cmocka_unit_test(test_an_initialiser_sees_only_its_own_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
