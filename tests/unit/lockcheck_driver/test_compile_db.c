/* compile_commands.json as build systems write it, and as they do not. */
#include "driver_test.h"

#include "compile_db.h"

static struct compile_db *parse(const char *text)
{
    char *message;
    struct compile_db *db = compile_db_parse("db.json", text, strlen(text), "/base", &message);

    if (!db) {
        fail_msg("not accepted: %s", message);
    }
    return db;
}

static void assert_rejected(const char *text, const char *reason)
{
    char *message = NULL;
    struct compile_db *db = compile_db_parse("db.json", text, strlen(text), "/base", &message);

    assert_null(db);
    assert_contains(message, "db.json: ");
    assert_contains(message, reason);
    assert_null(strchr(message, '\n'));
    g_free(message);
}

static const struct compile_command *command(const struct compile_db *db, guint number)
{
    assert_true(number < db->commands->len);
    return db->commands->pdata[number];
}

static void test_a_command_is_split_like_a_shell_does(void **state)
{
    struct compile_db *db =
        parse("[{\"directory\": \"/d\", \"file\": \"a b.c\", \"command\":"
              " \"gcc '-DX=\\\"1 2\\\"' -DY=\\\\\\\"s\\\\\\\" -c \\\"a b.c\\\"\"}]");
    static const char *const expected[] = {"gcc", "-DX=\"1 2\"", "-DY=\"s\"", "-c", "a b.c"};

    (void)state;
    assert_string_equal(command(db, 0)->file, "/d/a b.c");
    for (guint i = 0; i < 5; i++) {
        assert_string_equal(command(db, 0)->arguments->pdata[i], expected[i]);
    }
    assert_null(command(db, 0)->arguments->pdata[5]);
    compile_db_free(db);
}

static void test_relative_directories_are_relative_to_the_database(void **state)
{
    struct compile_db *db = parse("[{\"directory\": \"sub/..//x\", \"file\": \"../a.c\", "
                                  "\"arguments\": [\"cc\", \"../a.c\"]}]");

    (void)state;
    assert_string_equal(command(db, 0)->directory, "/base/x");
    assert_string_equal(command(db, 0)->file, "/base/a.c");
    compile_db_free(db);
}

static void test_the_same_file_counts_once_and_other_languages_do_not(void **state)
{
    struct compile_db *db =
        parse("["
              "{\"directory\": \"/d\", \"file\": \"a.c\", \"command\": \"cc -c a.c\"},"
              "{\"directory\": \"/d\", \"file\": \"./a.c\", \"command\": \"cc -DX a.c\"},"
              "{\"directory\": \"/d\", \"file\": \"b.cc\", \"command\": \"cc b.cc\"},"
              "{\"directory\": \"/d\", \"file\": \"c.c\", \"command\": \"g++-12 c.c\"},"
              "{\"directory\": \"/d\", \"file\": \"d.S\", \"command\": \"cc d.S\"},"
              "{\"directory\": \"/d\", \"file\": \"e.c\", \"command\": \"cc -x c++ e.c\"},"
              "{\"directory\": \"/d\", \"file\": \"f.inc\", \"command\": \"cc -xc f.inc\"}]");

    (void)state;
    assert_int_equal(db->commands->len, 2);
    assert_int_equal(db->duplicates, 1);
    assert_int_equal(db->other_languages->len, 4);
    assert_string_equal(command(db, 1)->file, "/d/f.inc");
    compile_db_free(db);
}

static void test_compiler_launchers_are_taken_off(void **state)
{
    struct compile_db *db = parse("[{\"directory\": \"/d\", \"file\": \"a.c\", \"command\": "
                                  "\"/usr/bin/ccache distcc gcc -c a.c\"}]");

    (void)state;
    assert_string_equal(command(db, 0)->arguments->pdata[0], "gcc");
    compile_db_free(db);
}

static void test_what_is_wrong_is_said_with_the_entry(void **state)
{
    GString *deep = g_string_new(NULL);

    (void)state;
    assert_rejected("", "not a compilation database");
    assert_rejected("[", "not valid JSON");
    assert_rejected("{}", "the top is not an array");
    assert_rejected("[3]", "entry 1 is not an object");
    assert_rejected("[{\"directory\": \"/d\", \"file\": \"a.c\", \"command\": \"cc a.c\"}, {}]",
                    "entry 2 has no \"file\"");
    assert_rejected("[{\"file\": \"a.c\", \"command\": \"cc\"}]", "no \"directory\"");
    assert_rejected("[{\"directory\": \"/\", \"file\": \"a.c\"}]", "neither");
    assert_rejected("[{\"directory\": \"/\", \"file\": \"a.c\", \"arguments\": [1]}]", "neither");
    assert_rejected("[{\"directory\": \"/\", \"file\": \"a.c\", \"arguments\": []}]",
                    "empty command");
    assert_rejected("[{\"directory\": \"/\", \"file\": \"a.c\", \"command\": \"cc 'a\"}]",
                    "neither");
    assert_rejected("\xff\xfe", "UTF-8");
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, '[');
    }
    assert_rejected(deep->str, "nested too deeply");
    g_string_free(deep, TRUE);
}

static void test_files_and_directories_select_and_globs_exclude(void **state)
{
    static const char *const files[] = {"/d/x", "/d/none.c", "/d/b.c", NULL};
    static const char *const globs[] = {"x/skip_*", NULL};
    struct compile_db *db =
        parse("["
              "{\"directory\": \"/d\", \"file\": \"a.c\", \"command\": \"cc a.c\"},"
              "{\"directory\": \"/d\", \"file\": \"b.c\", \"command\": \"cc b.c\"},"
              "{\"directory\": \"/d\", \"file\": \"x/c.c\", \"command\": \"cc x/c.c\"},"
              "{\"directory\": \"/d\", \"file\": \"x/skip_d.c\", \"command\": \"cc d\"},"
              "{\"directory\": \"/d\", \"file\": \"xx.c\", \"command\": \"cc xx.c\"}]");
    GPtrArray *missing = g_ptr_array_new_with_free_func(g_free);

    (void)state;
    compile_db_select(db, files, missing);
    assert_int_equal(missing->len, 1);
    assert_string_equal(missing->pdata[0], "/d/none.c");
    assert_int_equal(db->commands->len, 3);
    compile_db_exclude(db, globs);
    assert_int_equal(db->commands->len, 2);
    assert_string_equal(command(db, 0)->file, "/d/x/c.c");
    assert_string_equal(command(db, 1)->file, "/d/b.c");
    g_ptr_array_unref(missing);
    compile_db_free(db);
}

static void test_a_missing_database_is_named(void **state)
{
    char *message = NULL;

    (void)state;
    assert_null(compile_db_load("/nonexistent", &message));
    assert_contains(message, "/nonexistent");
    assert_contains(message, "No such file");
    g_free(message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_is_split_like_a_shell_does),
        cmocka_unit_test(test_relative_directories_are_relative_to_the_database),
        cmocka_unit_test(test_the_same_file_counts_once_and_other_languages_do_not),
        cmocka_unit_test(test_compiler_launchers_are_taken_off),
        cmocka_unit_test(test_what_is_wrong_is_said_with_the_entry),
        cmocka_unit_test(test_files_and_directories_select_and_globs_exclude),
        cmocka_unit_test(test_a_missing_database_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
