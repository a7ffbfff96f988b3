/* Workers, with parsers that misbehave. */
#include "driver_test.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "work.h"

static char *directory;

/* Does what the file's name says. */
static struct ir_unit *parse(const struct compile_command *command)
{
    struct ir_unit *unit;

    if (strstr(command->file, "crash")) {
        const struct rlimit none = {0, 0};

        setrlimit(RLIMIT_CORE, &none);
        raise(SIGKILL);
    }
    if (strstr(command->file, "exit")) {
        _exit(3);
    }
    if (strstr(command->file, "hang")) {
        sleep(1000);
    }
    unit = ir_unit_new(command->file);
    return unit;
}

static struct compile_db *make_db(const char *const *names)
{
    GString *json = g_string_new("[");
    char *message = NULL;
    struct compile_db *db;

    for (guint i = 0; names[i]; i++) {
        char *path = g_build_filename(directory, names[i], NULL);

        if (!strstr(names[i], "absent")) {
            assert_true(g_file_set_contents(path, "", -1, NULL));
        }
        g_string_append_printf(
            json, "%s{\"directory\": \"%s\", \"file\": \"%s\", \"arguments\": [\"cc\", \"%s\"]}",
            i ? "," : "", directory, names[i], names[i]);
        g_free(path);
    }
    g_string_append_c(json, ']');
    db = compile_db_parse("db", json->str, json->len, "/", &message);
    assert_non_null(db);
    g_string_free(json, TRUE);
    return db;
}

static const char *text_for(const struct findings *findings, const char *file)
{
    for (guint i = 0; i < findings->list->len; i++) {
        const struct finding *f = findings->list->pdata[i];

        if (strstr(f->loc.file, file)) {
            return f->text;
        }
    }
    return NULL;
}

static void test_a_file_that_breaks_the_parser_costs_only_itself(void **state)
{
    static const char *const names[] = {"a.c",    "crash1.c", "b.c", "absent.c", "crash2.c",
                                        "exit.c", "hang.c",   "c.c", "d.c",      NULL};
    struct compile_db *db = make_db(names);
    struct findings *findings = findings_new();
    struct work work = {.parse = parse, .jobs = 3, .timeout = 1};
    char *message = NULL;
    GPtrArray *units;

    (void)state;
    work.store = store_open_temporary(&message);
    units = work_units(&work, db, findings);
    assert_int_equal(units->len, 4);
    assert_int_equal(work.parsed, 4);
    for (guint i = 0; i < 4; i++) {
        static const char *const order[] = {"/a.c", "/b.c", "/c.c", "/d.c"};

        assert_contains(((struct ir_unit *)units->pdata[i])->main_file, order[i]);
        ir_unit_free(units->pdata[i]);
    }
    assert_int_equal(findings->list->len, 5);
    assert_contains(text_for(findings, "crash1.c"), "crashed");
    assert_contains(text_for(findings, "crash2.c"), "crashed");
    assert_contains(text_for(findings, "exit.c"), "status 3");
    assert_contains(text_for(findings, "hang.c"), "longer than 1 s");
    assert_contains(text_for(findings, "absent.c"), "No such file");
    g_ptr_array_unref(units);
    store_close(work.store);
    findings_free(findings);
    compile_db_free(db);
}

static int make_directory(void **state)
{
    (void)state;
    directory = g_dir_make_tmp("test_work-XXXXXX", NULL);
    return directory ? 0 : -1;
}

static int remove_directory(void **state)
{
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;

    (void)state;
    while (dir && (name = g_dir_read_name(dir))) {
        char *path = g_build_filename(directory, name, NULL);

        g_unlink(path);
        g_free(path);
    }
    g_dir_close(dir);
    g_rmdir(directory);
    g_free(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_that_breaks_the_parser_costs_only_itself),
    };

    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
