/* What may be wrong with the input: never a crash, always a unit that says
 * what is missing from it. */
#include "front_test.h"

#include <string.h>

static bool says(const struct ir_unit *unit, const char *what)
{
    for (guint i = 0; i < unit->errors->len; i++) {
        if (strstr(g_ptr_array_index(unit->errors, i), what) != NULL)
            return true;
    }
    return false;
}

static void test_errors_leave_the_rest(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit("#include \"not-there.h\"\n"
                                           "int g(int);\n"
                                           "void f(void) { g(1); undeclared->x(); g(2); if (g( }\n"
                                           "void h(void) { g(3); }\n",
                                           NULL);
    assert_true(says(unit, "test.c:1:10: 'not-there.h' file not found"));
    assert_true(says(unit, "undeclared"));
    assert_non_null(front_test_function(unit, "f"));
    ir_unit_free(unit);
}

static void test_a_missing_file_is_an_error_of_its_unit(void **state)
{
    (void)state;
    const char *const arguments[] = {"cc", "-c", "nowhere.c"};
    struct ir_unit *unit = front_parse("/", arguments, 3, "nowhere.c", NULL);
    assert_int_equal(unit->errors->len, 1);
    assert_true(says(unit, "/nowhere.c:0:0: no such file"));
    ir_unit_free(unit);
}

static void test_other_languages_are_named(void **state)
{
    (void)state;
    const char *const arguments[] = {"c++", "-c", "a.cc"};
    struct ir_unit *unit = front_parse("/", arguments, 3, "a.cc", NULL);
    assert_true(says(unit, "/a.cc:0:0: not C"));
    ir_unit_free(unit);
}

static void test_flags_of_other_compilers_are_no_errors(void **state)
{
    (void)state;
    const char *const arguments[] = {"-O2",
                                     "-fno-tree-vectorize",
                                     "-fcf-protection=full",
                                     "-Wno-maybe-uninitialized",
                                     "-Werror",
                                     "-DN=3",
                                     "-MD",
                                     "-MF",
                                     "x.d",
                                     "-o",
                                     "x.o",
                                     "-fanalyzer",
                                     "-Wp,-DM=4,-MD,y.d",
                                     "-std=gnu11",
                                     "-fconserve-stack",
                                     "-mno-such-thing",
                                     "-pipe",
                                     NULL};
    struct ir_unit *unit = front_test_unit("int f(void) { return N + M; }\n", arguments);
    assert_int_equal(unit->errors->len, 0);
    char *body = front_test_body(unit, "f");
    assert_string_equal(body, "0:\nreturn 7\n");
    g_free(body);
    ir_unit_free(unit);
}

static void test_what_gcc_only_warns_of_is_no_error(void **state)
{
    (void)state;
    struct ir_unit *unit = front_test_unit("void f(void) { int *p = g(1); p = 3; h(p); }\n"
                                           "static k() { return 1; }\n"
                                           "void (*fn)(int) = k;\n",
                                           NULL);
    assert_int_equal(unit->errors->len, 0);
    char *body = front_test_body(unit, "f");
    assert_string_equal(body, "0:\ncall g(1) -> %1\nset p = %1\nset p = 3\ncall h(p)\nreturn\n");
    g_free(body);
    ir_unit_free(unit);
}

static void repeat(GString *text, const char *what, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        g_string_append(text, what);
}

static void test_deep_nesting_is_cut_off_with_a_message(void **state)
{
    (void)state;
    GString *source = g_string_new("int g(int); int f(int a) { return a");
    repeat(source, " + g(a)", 3000);
    g_string_append(source, "; }\nvoid h(int a) { if (a) g(1);");
    repeat(source, " else if (g(a)) g(2);", 1500);
    g_string_append(source, " }\n");
    struct ir_unit *unit = front_test_unit(source->str, NULL);
    assert_true(says(unit, "nested deeper than"));
    assert_int_equal(unit->errors->len, 1);
    assert_true(front_test_function(unit, "h")->blocks->len > 3000);
    g_string_free(source, TRUE);
    ir_unit_free(unit);
}

/* glib's table of interned strings drops its old arrays when it grows, which
 * a leak checker takes for ours. */
#ifdef MORTISE_SANITIZE
#define MANY 500
#else
#define MANY 10000
#endif

static void test_many_functions_are_lowered(void **state)
{
    (void)state;
    GString *source = g_string_new("int g(int);\n");
    for (unsigned i = 0; i < MANY; i++)
        g_string_append_printf(source, "void f%u(int a) { if (a) g(%u); }\n", i, i);
    struct ir_unit *unit = front_test_unit(source->str, NULL);
    assert_int_equal(unit->errors->len, 0);
    assert_int_equal(unit->functions->len, MANY + 2);
    g_string_free(source, TRUE);
    ir_unit_free(unit);
}

static void test_dependencies_are_the_files_that_were_read(void **state)
{
    (void)state;
    struct ir_unit *unit =
        front_test_unit("#include <stddef.h>\nint f(void) { return 1; }\n", NULL);
    bool header = false;
    for (guint i = 0; i < unit->dependencies->len; i++) {
        const struct ir_dependency *dependency = g_ptr_array_index(unit->dependencies, i);
        header |= g_str_has_suffix(dependency->path, "/stddef.h");
        assert_true(dependency->size > 0 && dependency->mtime_ns > 0);
    }
    assert_true(header);
    ir_unit_free(unit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors_leave_the_rest),
        cmocka_unit_test(test_a_missing_file_is_an_error_of_its_unit),
        cmocka_unit_test(test_other_languages_are_named),
        cmocka_unit_test(test_flags_of_other_compilers_are_no_errors),
        cmocka_unit_test(test_what_gcc_only_warns_of_is_no_error),
        cmocka_unit_test(test_deep_nesting_is_cut_off_with_a_message),
        cmocka_unit_test(test_many_functions_are_lowered),
        cmocka_unit_test(test_dependencies_are_the_files_that_were_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
