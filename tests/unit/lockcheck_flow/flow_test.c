#include "flow_test.h"

struct program *flow_test_run(const char *source, struct findings **findings)
{
    char *text = g_strconcat(FLOW_TEST_PRELUDE, source, NULL);
    struct program *program = link_test_program(text, NULL);

    g_free(text);
    *findings = findings_new();
    flow_run(program, *findings);
    return program;
}

void flow_test_free(struct program *program, struct findings *findings)
{
    findings_free(findings);
    flow_free(program);
    link_test_free(program);
}

struct collect {
    GPtrArray *states;
    const struct ir_function *function;
};

static gint by_text(gconstpointer left, gconstpointer right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static char *joined(GPtrArray *strings, const char *separator)
{
    char *text;

    g_ptr_array_sort(strings, by_text);
    g_ptr_array_add(strings, NULL);
    text = g_strjoinv(separator, (char **)strings->pdata);
    g_ptr_array_unref(strings);
    return text;
}

static void collect(void *context, struct pfunction *function, const struct ir_block *block,
                    const struct ir_event *event, const struct flow_state *state)
{
    struct collect *found = context;
    GPtrArray *names;
    char *text;

    (void)block;
    if (!event || event->kind != IR_CALL || event->callee->kind != IR_VALUE_FUNC ||
        strcmp(event->callee->text, "here") != 0) {
        return;
    }
    names = g_ptr_array_new_with_free_func(g_free);
    for (uint32_t i = 0; i < flow_held_count(state); i++) {
        g_ptr_array_add(names, ir_path_text(flow_held(state, i)->path, function->ir));
    }
    text = joined(names, "+");
    for (guint i = 0; i < found->states->len; i++) {
        if (strcmp(g_ptr_array_index(found->states, i), text) == 0) {
            g_free(text);
            return;
        }
    }
    g_ptr_array_add(found->states, text);
}

char *flow_test_held(struct program *program, const char *function)
{
    struct pfunction *f = link_test_function(program, function);
    struct collect found = {g_ptr_array_new_with_free_func(g_free), f->ir};

    flow_visit(program, f, collect, &found);
    if (found.states->len == 0) {
        g_ptr_array_unref(found.states);
        return NULL;
    }
    return joined(found.states, "|");
}

void flow_test_assert_findings(const struct findings *findings, const char *expected)
{
    GString *text = g_string_new(NULL);

    findings_sort((struct findings *)findings);
    for (guint i = 0; i < findings->list->len; i++) {
        const struct finding *f = g_ptr_array_index(findings->list, i);

        g_string_append_printf(text, "%s%s:%u", i ? " " : "", check_name(f->check),
                               f->loc.line - FLOW_TEST_PRELUDE_LINES);
    }
    assert_string_equal(text->str, expected);
    g_string_free(text, TRUE);
}
