/* The forms of output: what must be in them, and that they do not change. */
#include "driver_test.h"

#include <errno.h>
#include <stdlib.h>

#include "output.h"

/* alpha before beta before gamma, and a trylock back from gamma to alpha. */
struct sample {
    struct lock_class classes[3];
    struct order_edge edges[3];
    struct output_edge shown[3];
    struct output_graph graph;
    struct findings *findings;
};

static int setup(void **state)
{
    static const char *const names[] = {"alpha", "struct \"q\".beta", "gamma"};
    struct sample *s = g_new0(struct sample, 1);

    s->graph.classes = g_ptr_array_new();
    s->graph.edges = g_ptr_array_new();
    for (unsigned i = 0; i < 3; i++) {
        s->classes[i].name = names[i];
        s->classes[i].number = i;
        s->classes[i].loc = (struct ir_loc){"/base/src/locks.h", 10 + i, 5};
        s->edges[i].from = s->shown[i].from = &s->classes[i];
        s->edges[i].to = s->shown[i].to = &s->classes[(i + 1) % 3];
        s->edges[i].trylock = s->shown[i].trylock = i == 2;
        s->shown[i].edges = g_ptr_array_new();
        g_ptr_array_add(s->shown[i].edges, &s->edges[i]);
        g_ptr_array_add(s->graph.classes, &s->classes[i]);
        g_ptr_array_add(s->graph.edges, &s->shown[i]);
    }
    s->classes[1].nonblocking = true;
    s->classes[2].keyed = true;
    s->findings = findings_new();
    finding_note(
        add_finding(s->findings, CHECK_LOCK_ORDER, "/base/src/a b.c", 3, "/base/src/a b.c:f"),
        (struct ir_loc){"/elsewhere/x.h", 1, 1}, "taken \xff here");
    add_finding(s->findings, CHECK_RCU, "/base/src/b.c", 4, "g")->suppressed = g_strdup("known");
    add_finding(s->findings, CHECK_INPUT, NULL, 0, NULL);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct sample *s = *state;

    for (unsigned i = 0; i < 3; i++) {
        g_ptr_array_unref(s->shown[i].edges);
    }
    g_ptr_array_unref(s->graph.classes);
    g_ptr_array_unref(s->graph.edges);
    findings_free(s->findings);
    g_free(s);
    return 0;
}

static JsonParser *parse_json(const char *text)
{
    JsonParser *parser = json_parser_new();

    assert_true(g_utf8_validate(text, -1, NULL));
    assert_true(json_parser_load_from_data(parser, text, -1, NULL));
    return parser;
}

static void test_text_is_like_a_compilers(void **state)
{
    struct sample *s = *state;
    char *text = output_text(s->findings, "/base", false, false);

    assert_string_equal(text, "src/a b.c:3:1: error: something at line 3 [lock-order]\n"
                              "/elsewhere/x.h:1:1: note: taken \xff here\n"
                              "mortise-lockcheck: error: something at line 0 [input]\n"
                              "2 errors, 0 warnings, 0 notes, 1 suppressed\n");
    g_free(text);
    text = output_text(s->findings, "/base", true, true);
    assert_contains(text, "\033[");
    assert_null(strstr(text, "note:"));
    assert_null(strstr(text, "suppressed"));
    g_free(text);
}

static void test_sarif_has_what_hosts_need(void **state)
{
    struct sample *s = *state;
    char *text = output_sarif(s->findings, "/base");
    JsonParser *parser = parse_json(text);
    JsonReader *r = json_reader_new(json_parser_get_root(parser));

    json_reader_read_member(r, "version");
    assert_string_equal(json_reader_get_string_value(r), "2.1.0");
    json_reader_end_member(r);
    json_reader_read_member(r, "runs");
    json_reader_read_element(r, 0);
    json_reader_read_member(r, "results");
    assert_int_equal(json_reader_count_elements(r), 3);
    g_object_unref(r);
    g_object_unref(parser);
    assert_contains(text, "\"uri\" : \"src/a%20b.c\"");
    assert_contains(text, "\"uri\" : \"file:///elsewhere/x.h\"");
    assert_contains(text, "\"uriBaseId\" : \"%SRCROOT%\"");
    assert_contains(text, "\"startLine\" : 3");
    assert_contains(text, "\"codeFlows\"");
    assert_contains(text, "\"justification\" : \"known\"");
    assert_contains(text, "\"executionSuccessful\" : false");
    g_free(text);
}

static void test_json_has_graph_and_findings(void **state)
{
    struct sample *s = *state;
    char *text = output_json(&s->graph, s->findings, "/base");

    g_object_unref(parse_json(text));
    assert_contains(text, "\"name\" : \"struct \\\"q\\\".beta\"");
    assert_contains(text, "\"file\" : \"src/locks.h\"");
    assert_contains(text, "\"suppressed\" : \"known\"");
    g_free(text);
}

static void test_dot_quotes_names_and_shows_trylocks(void **state)
{
    struct sample *s = *state;
    char *text = output_dot(&s->graph, "/base");

    assert_contains(text, "\"struct \\\"q\\\".beta\" [shape=octagon");
    assert_contains(text, "\"gamma\" -> \"alpha\" [style=dashed];");
    assert_contains(text, "\"alpha\" -> \"struct \\\"q\\\".beta\";");
    g_free(text);
}

static void test_svg_comes_from_graphviz_or_a_sentence_says_why_not(void **state)
{
    struct sample *s = *state;
    char *dot = output_dot(&s->graph, "/base"), *svg = NULL, *message = NULL;
    char *path = g_strdup(g_getenv("PATH")), *dot_program;

    g_setenv("PATH", "/nonexistent", TRUE);
    assert_int_equal(output_svg(dot, &svg, &message), -ENOENT);
    assert_contains(message, "Graphviz");
    g_free(message);
    g_setenv("PATH", path, TRUE);
    dot_program = g_find_program_in_path("dot");
    if (dot_program) {
        assert_int_equal(output_svg(dot, &svg, &message), 0);
        assert_contains(svg, "<svg");
        assert_null(strstr(svg, "<!--"));
        g_free(svg);
    }
    g_free(dot_program);
    g_free(path);
    g_free(dot);
}

static void test_the_table_replaces_itself_and_nothing_else(void **state)
{
    struct sample *s = *state;
    const char *document =
        "# Locks\n<!-- lockcheck: order table -->\nstale\n<!-- lockcheck: end -->\nafter\n";
    char *once = output_table(&s->graph, document, "/base");
    char *twice = output_table(&s->graph, once, "/base");

    assert_true(g_str_has_prefix(once, "# Locks\n<!-- lockcheck: order table -->\n"));
    assert_true(g_str_has_suffix(once, "<!-- lockcheck: end -->\nafter\n"));
    assert_null(strstr(once, "stale"));
    assert_contains(once, "| `gamma` | src/locks.h | several by ascending key | "
                          "`struct \"q\".beta` | `alpha` (tried) |");
    assert_string_equal(once, twice);
    assert_null(output_table(&s->graph, "no markers <!-- lockcheck: order table -->\n", "/base"));
    g_free(once);
    g_free(twice);
}

static void test_equal_findings_are_one_and_the_order_is_by_place(void **state)
{
    struct sample *s = *state;
    struct findings *findings = findings_new();

    (void)s;
    assert_non_null(add_finding(findings, CHECK_RCU, "/b.c", 2, NULL));
    assert_null(add_finding(findings, CHECK_RCU, "/b.c", 2, "other"));
    assert_non_null(add_finding(findings, CHECK_WAIT, "/b.c", 2, NULL));
    assert_non_null(add_finding(findings, CHECK_WAIT, "/b.c", 1, NULL));
    assert_non_null(add_finding(findings, CHECK_WAIT, "/a.c", 9, NULL));
    findings_sort(findings);
    assert_int_equal(findings->list->len, 4);
    assert_string_equal(((struct finding *)findings->list->pdata[0])->loc.file, "/a.c");
    assert_int_equal(((struct finding *)findings->list->pdata[1])->loc.line, 1);
    assert_int_equal(((struct finding *)findings->list->pdata[2])->check, CHECK_RCU);
    findings_free(findings);
}

static void test_each_check_is_explained(void **state)
{
    enum check_id id;

    (void)state;
    for (int i = 0; i < CHECK_COUNT; i++) {
        enum check_id check = (enum check_id)i;

        assert_non_null(check_name(check));
        assert_true(check_from_name(check_name(check), &id) && id == check);
        assert_true(strlen(check_explanation(check)) > 200);
        assert_true(strlen(check_summary(check)) > 20);
    }
    assert_false(check_from_name("nonsense", &id));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_text_is_like_a_compilers),
        TEST(test_sarif_has_what_hosts_need),
        TEST(test_json_has_graph_and_findings),
        TEST(test_dot_quotes_names_and_shows_trylocks),
        TEST(test_svg_comes_from_graphviz_or_a_sentence_says_why_not),
        TEST(test_the_table_replaces_itself_and_nothing_else),
        TEST(test_equal_findings_are_one_and_the_order_is_by_place),
        TEST(test_each_check_is_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
