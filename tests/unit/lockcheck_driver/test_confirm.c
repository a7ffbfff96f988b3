/* Reading what lockdep has written. Comparing it with a program is tested by
 * tests/analysis/cli. */
#include "driver_test.h"

#include "confirm.h"

static void parse(struct confirm *confirm, const char *text, struct findings *findings)
{
    confirm_parse(confirm, "record", text, strlen(text), findings);
}

static void test_records_are_read_and_equal_edges_are_one(void **state)
{
    struct confirm *confirm = confirm_new();
    struct findings *findings = findings_new();

    (void)state;
    parse(confirm,
          "# a comment\n"
          "EDGE \"alpha\" \"beta\" src/a.c:3 src/b.c:4\n"
          "\n"
          "EDGE \"alpha\" \"beta\" src/c.c:5 src/d.c:6\n"
          "EDGE \"struct \\\"q\\\".lock\" \"beta\"\n",
          findings);
    assert_int_equal(confirm_count(confirm), 2);
    assert_int_equal(findings->list->len, 0);
    findings_free(findings);
    confirm_free(confirm);
}

static void test_a_line_that_was_cut_off_is_forgiven_and_nonsense_is_not(void **state)
{
    struct confirm *confirm = confirm_new();
    struct findings *findings = findings_new();

    (void)state;
    parse(confirm, "EDGE \"alpha\" \"beta\"\nEDGE \"alp", findings);
    assert_int_equal(findings->list->len, 0);
    parse(confirm, "EDGE \"alpha\n", findings);
    assert_int_equal(count_findings(findings, CHECK_INPUT), 1);
    parse(confirm, "EDGES\n", findings);
    parse(confirm, "EDGE \"\" \"b\"\n", findings);
    assert_int_equal(confirm_count(confirm), 1);
    findings_free(findings);
    confirm_free(confirm);
}

static void test_what_is_not_there_is_a_finding(void **state)
{
    struct confirm *confirm = confirm_new();
    struct findings *findings = findings_new();

    (void)state;
    confirm_load(confirm, "/nonexistent/record", findings);
    assert_int_equal(count_findings(findings, CHECK_INPUT), 1);
    findings_free(findings);
    confirm_free(confirm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_read_and_equal_edges_are_one),
        cmocka_unit_test(test_a_line_that_was_cut_off_is_forgiven_and_nonsense_is_not),
        cmocka_unit_test(test_what_is_not_there_is_a_finding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
