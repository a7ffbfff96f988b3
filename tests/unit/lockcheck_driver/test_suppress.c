/* Suppressions from a file and from comments. */
#include "driver_test.h"

#include "suppress.h"

struct fixture {
    struct suppressions *suppressions;
    struct findings *findings;
    GHashTable *files;
    bool enabled[CHECK_COUNT];
};

static int setup(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);

    f->suppressions = suppressions_new();
    f->findings = findings_new();
    f->files = g_hash_table_new(g_str_hash, g_str_equal);
    memset(f->enabled, true, sizeof(f->enabled));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    suppressions_free(f->suppressions);
    findings_free(f->findings);
    g_hash_table_unref(f->files);
    g_free(f);
    return 0;
}

static void parse(struct fixture *f, const char *text)
{
    suppressions_parse(f->suppressions, "list", text, strlen(text), f->findings);
}

static void scan(struct fixture *f, const char *text)
{
    suppressions_scan(f->suppressions, "/p/a.c", text, strlen(text), f->findings);
}

static void apply(struct fixture *f)
{
    suppressions_apply(f->suppressions, f->findings, f->enabled, true, f->files);
}

static void test_a_file_names_place_and_reason(void **state)
{
    struct fixture *f = *state;
    struct finding *line = add_finding(f->findings, CHECK_BALANCE, "/p/src/a.c", 7, "g");
    struct finding *function =
        add_finding(f->findings, CHECK_WAIT, "/p/src/a.c", 9, "/p/src/a.c:h");
    struct finding *other_line = add_finding(f->findings, CHECK_BALANCE, "/p/src/a.c", 8, "g");
    struct finding *other_check = add_finding(f->findings, CHECK_RCU, "/p/src/a.c", 7, "g");
    struct finding *glob = add_finding(f->findings, CHECK_SHARING, "/p/lib/x/b.c", 1, NULL);

    parse(f, "# known ones\n"
             "balance src/a.c:7 the caller releases it\n"
             "\n"
             "wait \"a.c:h\" woken by a signal\n"
             "sharing lib/*.c written by one thread\n");
    apply(f);
    assert_string_equal(line->suppressed, "the caller releases it");
    assert_string_equal(function->suppressed, "woken by a signal");
    assert_string_equal(glob->suppressed, "written by one thread");
    assert_null(other_line->suppressed);
    assert_null(other_check->suppressed);
    assert_int_equal(count_findings(f->findings, CHECK_SUPPRESSION), 0);
}

static void test_a_path_is_matched_from_a_slash_on(void **state)
{
    struct fixture *f = *state;
    struct finding *finding = add_finding(f->findings, CHECK_RCU, "/p/src/xa.c", 7, "g");

    parse(f, "rcu a.c reason\n");
    apply(f);
    assert_null(finding->suppressed);
    assert_int_equal(count_findings(f->findings, CHECK_SUPPRESSION), 1); /* unused */
}

static void test_comments_cover_their_line_and_the_next_code(void **state)
{
    struct fixture *f = *state;
    struct finding *same = add_finding(f->findings, CHECK_RCU, "/p/a.c", 1, "g");
    struct finding *next = add_finding(f->findings, CHECK_BLOCKING, "/p/a.c", 5, "g");
    struct finding *both = add_finding(f->findings, CHECK_WAIT, "/p/a.c", 5, "g");
    struct finding *after = add_finding(f->findings, CHECK_BLOCKING, "/p/a.c", 6, "g");

    scan(f, "x(); // lockcheck: suppress rcu copied before use\n"
            "/* lockcheck: suppress blocking the file is in memory */\n"
            "// lockcheck: suppress wait signalled by hand\n"
            "\n"
            "y();\n"
            "z();\n");
    apply(f);
    assert_string_equal(same->suppressed, "copied before use");
    assert_true(same->in_source);
    assert_string_equal(next->suppressed, "the file is in memory");
    assert_string_equal(both->suppressed, "signalled by hand");
    assert_null(after->suppressed);
    assert_int_equal(count_findings(f->findings, CHECK_SUPPRESSION), 0);
}

static void test_strings_are_no_comments(void **state)
{
    struct fixture *f = *state;

    scan(f, "s = \"// lockcheck: suppress rcu reason\";\n"
            "c = '\"'; t = \"\\\"/* lockcheck: suppress\\n\";\n"
            "about(); /* see lockcheck: suppress */\n");
    apply(f);
    assert_int_equal(f->findings->list->len, 0);
}

static void test_reasons_are_mandatory_and_names_have_to_exist(void **state)
{
    struct fixture *f = *state;

    parse(f, "rcu a.c\nbalance\nrcuu a.c reason\nsuppression a.c reason\n");
    scan(f, "x(); // lockcheck: suppress rcu\n"
            "y(); /* lockcheck: suppress rcu */\n");
    apply(f);
    assert_int_equal(count_findings(f->findings, CHECK_SUPPRESSION), 6);
}

static void test_unused_ones_are_errors_unless_they_cannot_be_judged(void **state)
{
    struct fixture *f = *state;

    parse(f, "rcu a.c reason\nblocking b.c reason\nwait c.c reason\n");
    f->enabled[CHECK_RCU] = false;
    g_hash_table_add(f->files, (gpointer)(uintptr_t)"/p/b.c");
    suppressions_apply(f->suppressions, f->findings, f->enabled, false, f->files);
    assert_int_equal(count_findings(f->findings, CHECK_SUPPRESSION), 1);
    assert_contains(((struct finding *)f->findings->list->pdata[0])->text, "blocking");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_file_names_place_and_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_path_is_matched_from_a_slash_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_comments_cover_their_line_and_the_next_code, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_strings_are_no_comments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reasons_are_mandatory_and_names_have_to_exist, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_unused_ones_are_errors_unless_they_cannot_be_judged,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
