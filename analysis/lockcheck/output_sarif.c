/* Findings as SARIF 2.1.0, which code hosts show beside the changed lines. The
 * notes of a finding become a code flow, the steps that lead there, and
 * related locations, for viewers that know no code flows. A fingerprint
 * without line numbers lets a host recognise a finding after edits above it. */
#include "output.h"

#include <string.h>

static void begin_object(JsonBuilder *b, const char *name)
{
    if (name) {
        json_builder_set_member_name(b, name);
    }
    json_builder_begin_object(b);
}

static void begin_array(JsonBuilder *b, const char *name)
{
    json_builder_set_member_name(b, name);
    json_builder_begin_array(b);
}

static void put_number(JsonBuilder *b, const char *name, gint64 number)
{
    json_builder_set_member_name(b, name);
    json_builder_add_int_value(b, number);
}

static void put_message(JsonBuilder *b, const char *name, const char *text)
{
    begin_object(b, name);
    output_json_string(b, "text", text);
    json_builder_end_object(b);
}

static void put_physical(JsonBuilder *b, const struct ir_loc *loc, const char *base)
{
    const char *path = output_path(loc->file, base);
    char *escaped = g_uri_escape_string(path, "/", FALSE);
    char *uri = g_strconcat(path[0] == '/' ? "file://" : "", escaped, NULL);

    begin_object(b, "physicalLocation");
    begin_object(b, "artifactLocation");
    output_json_string(b, "uri", uri);
    if (path[0] != '/') {
        output_json_string(b, "uriBaseId", "%SRCROOT%");
    }
    json_builder_end_object(b);
    if (loc->line) {
        begin_object(b, "region");
        put_number(b, "startLine", loc->line);
        if (loc->column) {
            put_number(b, "startColumn", loc->column);
        }
        json_builder_end_object(b);
    }
    json_builder_end_object(b);
    g_free(uri);
    g_free(escaped);
}

/* The members of a location object. */
static void put_location(JsonBuilder *b, const struct ir_loc *loc, const char *function,
                         const char *text, const char *base)
{
    if (loc->file) {
        put_physical(b, loc, base);
    }
    if (function) {
        const char *colon = strrchr(function, ':');

        begin_array(b, "logicalLocations");
        begin_object(b, NULL);
        output_json_string(b, "name", colon ? colon + 1 : function);
        output_json_string(b, "kind", "function");
        json_builder_end_object(b);
        json_builder_end_array(b);
    }
    if (text) {
        put_message(b, "message", text);
    }
}

static void put_notes(JsonBuilder *b, const struct finding *f, const char *base)
{
    begin_array(b, "codeFlows");
    begin_object(b, NULL);
    begin_array(b, "threadFlows");
    begin_object(b, NULL);
    begin_array(b, "locations");
    for (guint i = 0; i < f->notes->len; i++) {
        const struct finding_note *note = f->notes->pdata[i];

        begin_object(b, NULL);
        begin_object(b, "location");
        put_location(b, &note->loc, NULL, note->text, base);
        json_builder_end_object(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
    json_builder_end_array(b);
    json_builder_end_object(b);
    json_builder_end_array(b);

    begin_array(b, "relatedLocations");
    for (guint i = 0; i < f->notes->len; i++) {
        const struct finding_note *note = f->notes->pdata[i];

        begin_object(b, NULL);
        put_number(b, "id", i + 1);
        put_location(b, &note->loc, NULL, note->text, base);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

static void put_fingerprint(JsonBuilder *b, const struct finding *f, const char *base)
{
    char *text = g_strdup_printf("%s\n%s\n%s\n%s", check_name(f->check),
                                 f->loc.file ? output_path(f->loc.file, base) : "",
                                 f->function ? output_path(f->function, base) : "", f->text);
    char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    begin_object(b, "partialFingerprints");
    output_json_string(b, "lockcheck/v1", sum);
    json_builder_end_object(b);
    g_free(sum);
    g_free(text);
}

static void put_result(JsonBuilder *b, const struct finding *f, const char *base)
{
    begin_object(b, NULL);
    output_json_string(b, "ruleId", check_name(f->check));
    put_number(b, "ruleIndex", (gint64)f->check);
    output_json_string(b, "level", severity_name(f->severity));
    put_message(b, "message", f->text);
    begin_array(b, "locations");
    if (f->loc.file || f->function) {
        begin_object(b, NULL);
        put_location(b, &f->loc, f->function, NULL, base);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
    put_fingerprint(b, f, base);
    if (f->notes->len > 0) {
        put_notes(b, f, base);
    }
    if (f->suppressed) {
        begin_array(b, "suppressions");
        begin_object(b, NULL);
        output_json_string(b, "kind", f->in_source ? "inSource" : "external");
        output_json_string(b, "justification", f->suppressed);
        json_builder_end_object(b);
        json_builder_end_array(b);
    }
    json_builder_end_object(b);
}

static void put_rules(JsonBuilder *b)
{
    begin_array(b, "rules");
    for (int i = 0; i < CHECK_COUNT; i++) {
        enum check_id check = (enum check_id)i;

        begin_object(b, NULL);
        output_json_string(b, "id", check_name(check));
        put_message(b, "shortDescription", check_summary(check));
        put_message(b, "fullDescription", check_explanation(check));
        put_message(b, "help", check_explanation(check));
        begin_object(b, "defaultConfiguration");
        output_json_string(b, "level",
                           check == CHECK_UNUSED_ORDER || check == CHECK_UNRESOLVED ? "note"
                                                                                    : "error");
        json_builder_end_object(b);
        json_builder_end_object(b);
    }
    json_builder_end_array(b);
}

char *output_sarif(const struct findings *findings, const char *base)
{
    JsonBuilder *b = json_builder_new();
    bool complete = true;
    char *text;

    for (guint i = 0; i < findings->list->len; i++) {
        const struct finding *f = findings->list->pdata[i];

        complete = complete && (f->check != CHECK_INPUT || f->severity != SEVERITY_ERROR);
    }
    begin_object(b, NULL);
    output_json_string(b, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
    output_json_string(b, "version", "2.1.0");
    begin_array(b, "runs");
    begin_object(b, NULL);
    begin_object(b, "tool");
    begin_object(b, "driver");
    output_json_string(b, "name", "mortise-lockcheck");
    output_json_string(b, "version", MORTISE_VERSION);
    put_rules(b);
    json_builder_end_object(b);
    json_builder_end_object(b);
    begin_array(b, "invocations");
    begin_object(b, NULL);
    json_builder_set_member_name(b, "executionSuccessful");
    json_builder_add_boolean_value(b, complete);
    json_builder_end_object(b);
    json_builder_end_array(b);
    begin_array(b, "results");
    for (guint i = 0; i < findings->list->len; i++) {
        put_result(b, findings->list->pdata[i], base);
    }
    json_builder_end_array(b);
    json_builder_end_object(b);
    json_builder_end_array(b);
    json_builder_end_object(b);
    text = output_json_text(b);
    g_object_unref(b);
    return text;
}
