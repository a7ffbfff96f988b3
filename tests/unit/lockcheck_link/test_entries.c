#include "link_test.h"

#include "contract.h"
#include "entries.h"

static const struct entry *find(const struct entries *entries, const char *name)
{
    for (guint i = 0; i < entries->list->len; i++) {
        const struct entry *entry = entries->list->pdata[i];

        if (strcmp(entry->function->ir->name, name) == 0) {
            return entry;
        }
    }
    return NULL;
}

static void test_threads_begin_where_rules_and_annotations_say(void **state)
{
    struct program *program = link_test_program(
        "#include <pthread.h>\n"
        "static void *single(void *o) { return o; }\nstatic void *several(void *o) { return o; }\n"
        "void *declared(void *o) " NOTE(
            "thread_entry:ui") ";\nvoid *declared(void *o) { return o; }\n"
                               "void post(void (*fn)(void) " NOTE(
                                   "thread_entry:loop") ");\n"
                                                        "static void later(void) { }\nstatic void "
                                                        "ordinary(void) { }\n"
                                                        "int main(void) { pthread_t t; "
                                                        "pthread_create(&t, 0, single, 0);\n"
                                                        "  for (int i = 0; i < 4; i++) "
                                                        "pthread_create(&t, 0, several, 0);\n"
                                                        "  post(later); ordinary(); return 0; }\n",
        NULL);
    struct entries *entries = entries_new(program);

    (void)state;
    assert_non_null(find(entries, "single"));
    assert_false(find(entries, "single")->many);
    assert_true(find(entries, "several")->many);
    assert_string_equal(find(entries, "declared")->role, "ui");
    assert_string_equal(find(entries, "later")->role, "loop");
    assert_non_null(find(entries, "main"));
    assert_null(find(entries, "main")->role); /* nothing names a role "main" */
    assert_null(find(entries, "ordinary"));
    entries_free(entries);
    link_test_free(program);
}

static void test_roles_taken_up_are_kept_apart(void **state)
{
    struct program *program = link_test_program(
        "#include <pthread.h>\n"
        "struct " NOTE(
            "capability:role") " role { int bit; };\n"
                               "struct role vcpu_role, io_role;\n"
                               "void enter(struct role *r) " NOTE(
                                   "acquire:r") ";\n"
                                                "void common(void) { }\n"
                                                "static void *vcpu_main(void *o) { "
                                                "enter(&vcpu_role); common(); return o; }\n"
                                                "static void *io_main(void *o) { enter(&io_role); "
                                                "common(); return o; }\n"
                                                "struct start { void *(*fn)(void *); };\n"
                                                "static void *trampoline(void *o) { struct start "
                                                "*s = o; return s->fn(o); }\n"
                                                "void go(struct start *s, int i) { pthread_t t; "
                                                "s->fn = i ? vcpu_main : io_main;\n"
                                                "  pthread_create(&t, 0, trampoline, s); }\n",
        NULL);
    struct entries *entries = entries_new(program);
    struct phases *phases = phases_new(program);
    const GPtrArray *reach;

    (void)state;
    assert_true(entries_role(entries, g_intern_string("vcpu")) != 0);
    entries_reach(entries, phases);
    reach = entries_of(entries, link_test_function(program, "common"));
    assert_non_null(reach);
    assert_int_equal(reach->len, 2); /* of the two roles; not of the trampoline besides */
    phases_free(phases);
    entries_free(entries);
    link_test_free(program);
}

static void test_spellings_of_a_role_are_one_role(void **state)
{
    (void)state;
    assert_ptr_equal(role_name("vcpu_role"), role_name("vcpu"));
    assert_ptr_equal(role_name("&vcpu_role"), role_name("\"vcpu\""));
    assert_ptr_equal(role_name("main_loop_role"), role_name("main"));
    assert_ptr_equal(role_name("main-loop"), role_name("main"));
    assert_ptr_not_equal(role_name("io_loop"), role_name("main"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_begin_where_rules_and_annotations_say),
        cmocka_unit_test(test_roles_taken_up_are_kept_apart),
        cmocka_unit_test(test_spellings_of_a_role_are_one_role),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
