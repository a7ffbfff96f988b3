/* The order graph and the findings as JSON, for other programs. */
#include "output.h"

void output_json_string(JsonBuilder *builder, const char *name, const char *value)
{
    char *valid = g_utf8_make_valid(value, -1);

    json_builder_set_member_name(builder, name);
    json_builder_add_string_value(builder, valid);
    g_free(valid);
}

char *output_json_text(JsonBuilder *builder)
{
    JsonGenerator *generator = json_generator_new();
    JsonNode *root = json_builder_get_root(builder);
    char *text, *line;

    json_generator_set_pretty(generator, TRUE);
    json_generator_set_indent(generator, 1);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    line = g_strconcat(text, "\n", NULL);
    g_free(text);
    json_node_unref(root);
    g_object_unref(generator);
    return line;
}

static void put_flag(JsonBuilder *b, const char *name, bool on)
{
    json_builder_set_member_name(b, name);
    json_builder_add_boolean_value(b, on);
}

static void put_number(JsonBuilder *b, const char *name, gint64 number)
{
    json_builder_set_member_name(b, name);
    json_builder_add_int_value(b, number);
}

static void put_loc(JsonBuilder *b, const struct ir_loc *loc, const char *base)
{
    if (loc->file) {
        output_json_string(b, "file", output_path(loc->file, base));
        put_number(b, "line", loc->line);
        put_number(b, "column", loc->column);
    }
}

static void put_class(JsonBuilder *b, const struct lock_class *class, const char *base)
{
    static const char *const recursions[] = {"plain", "recursive", "read-recursive"};

    json_builder_begin_object(b);
    output_json_string(b, "name", class->name);
    put_loc(b, &class->loc, base);
    output_json_string(b, "recursion", recursions[class->recursion]);
    put_flag(b, "nonblocking", class->nonblocking);
    put_flag(b, "keyed", class->keyed);
    put_flag(b, "rcu", class->rcu);
    json_builder_end_object(b);
}

static void put_edge(JsonBuilder *b, const struct output_edge *edge, const char *base)
{
    json_builder_begin_object(b);
    output_json_string(b, "from", edge->from->name);
    output_json_string(b, "to", edge->to->name);
    put_flag(b, "trylock", edge->trylock);
    put_flag(b, "cycle", edge->cycle);
    json_builder_set_member_name(b, "witnesses");
    json_builder_begin_array(b);
    for (guint i = 0; i < edge->edges->len; i++) {
        const struct order_edge *e = edge->edges->pdata[i];

        json_builder_begin_object(b);
        output_json_string(b, "from_mode", output_mode_name(e->from_mode));
        output_json_string(b, "to_mode", output_mode_name(e->to_mode));
        put_flag(b, "trylock", e->trylock);
        json_builder_set_member_name(b, "steps");
        json_builder_begin_array(b);
        for (guint s = 0; e->steps && s < e->steps->len; s++) {
            const struct order_step *step = e->steps->pdata[s];

            json_builder_begin_object(b);
            put_loc(b, &step->loc, base);
            output_json_string(b, "text", step->text ? step->text : "");
            json_builder_end_object(b);
        }
        json_builder_end_array(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
}

static void put_finding(JsonBuilder *b, const struct finding *f, const char *base)
{
    json_builder_begin_object(b);
    output_json_string(b, "check", check_name(f->check));
    output_json_string(b, "severity", severity_name(f->severity));
    put_loc(b, &f->loc, base);
    if (f->function) {
        output_json_string(b, "function", output_path(f->function, base));
    }
    output_json_string(b, "text", f->text);
    if (f->suppressed) {
        output_json_string(b, "suppressed", f->suppressed);
    }
    json_builder_set_member_name(b, "notes");
    json_builder_begin_array(b);
    for (guint i = 0; i < f->notes->len; i++) {
        const struct finding_note *note = f->notes->pdata[i];

        json_builder_begin_object(b);
        put_loc(b, &note->loc, base);
        output_json_string(b, "text", note->text);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
}

char *output_json(const struct output_graph *graph, const struct findings *findings,
                  const char *base)
{
    struct output_counts counts = output_count(findings);
    JsonBuilder *b = json_builder_new();
    char *text;

    json_builder_begin_object(b);
    output_json_string(b, "tool", "mortise-lockcheck");
    output_json_string(b, "version", MORTISE_VERSION);
    put_number(b, "format", 1);
    put_number(b, "errors", counts.errors);
    put_number(b, "warnings", counts.warnings);
    put_number(b, "notes", counts.notes);
    put_number(b, "suppressed", counts.suppressed);
    json_builder_set_member_name(b, "classes");
    json_builder_begin_array(b);
    for (guint i = 0; i < graph->classes->len; i++) {
        put_class(b, graph->classes->pdata[i], base);
    }
    json_builder_end_array(b);
    json_builder_set_member_name(b, "edges");
    json_builder_begin_array(b);
    for (guint i = 0; i < graph->edges->len; i++) {
        put_edge(b, graph->edges->pdata[i], base);
    }
    json_builder_end_array(b);
    json_builder_set_member_name(b, "findings");
    json_builder_begin_array(b);
    for (guint i = 0; i < findings->list->len; i++) {
        put_finding(b, findings->list->pdata[i], base);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
    text = output_json_text(b);
    g_object_unref(b);
    return text;
}
