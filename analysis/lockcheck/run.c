/* What is done in which order: find the project, get its units, link them, let
 * each check have a look, apply suppressions, write. The exit status is 2 as
 * soon as something could not be read or written, since then "nothing found"
 * means nothing; whatever could be done is done all the same. */
#include "run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "confirm.h"
#include "front.h"
#include "output.h"
#include "suppress.h"
#include "work.h"

#define MAX_UNIT_ERRORS 5
#define UNIT_TIMEOUT    600

void run_complain(struct run *run, const char *text)
{
    fprintf(stderr, "mortise-lockcheck: error: %s\n", text);
    run->trouble = true;
}

static void finished(struct run *run, const char *phase)
{
    gint64 now = g_get_monotonic_time();

    g_string_append_printf(run->times, "  %-12s %8.3f s\n", phase,
                           (double)(now - run->started) / 1e6);
    run->started = now;
}

static struct ir_unit *parse(const struct compile_command *command)
{
    return front_parse(command->directory, (const char *const *)command->arguments->pdata,
                       command->arguments->len - 1, command->file, NULL);
}

/* "file:line:column: text". */
static struct ir_loc split_error(const char *error, const char **text)
{
    struct ir_loc loc = {NULL, 0, 0};

    for (const char *colon = strchr(error, ':'); colon; colon = strchr(colon + 1, ':')) {
        char *end;
        guint64 line = g_ascii_strtoull(colon + 1, &end, 10);

        if (end != colon + 1 && *end == ':' && line <= UINT32_MAX) {
            char *file = g_strndup(error, (gsize)(colon - error));

            loc.file = g_intern_string(file);
            loc.line = (uint32_t)line;
            loc.column = (uint32_t)MIN(g_ascii_strtoull(end + 1, &end, 10), UINT32_MAX);
            *text = end + (*end == ':');
            *text += strspn(*text, " ");
            g_free(file);
            return loc;
        }
    }
    *text = error;
    return loc;
}

static void report_errors(struct run *run, const struct ir_unit *unit)
{
    for (guint i = 0; i < unit->errors->len; i++) {
        const struct ir_loc whole = {unit->main_file, 0, 0};
        struct ir_loc loc = whole;
        struct finding *f;
        const char *text;

        if (i == MAX_UNIT_ERRORS) {
            findings_add(run->findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL,
                         "and %u errors more", unit->errors->len - i);
            return;
        }
        loc = split_error(unit->errors->pdata[i], &text);
        if (!loc.file) {
            loc.file = unit->main_file;
        }
        f = findings_add(run->findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL, "%s", text);
        if (strcmp(loc.file, unit->main_file) != 0) {
            finding_note(f, whole, "included from here");
        }
    }
}

static void note_files(struct run *run, const struct ir_unit *unit)
{
    for (guint i = 0; i < unit->dependencies->len; i++) {
        const struct ir_dependency *d = unit->dependencies->pdata[i];

        if (d->path && !project_is_system_file(&run->project, d->path)) {
            g_hash_table_add(run->files, (gpointer)(uintptr_t)d->path);
        }
    }
    g_hash_table_add(run->files, (gpointer)(uintptr_t)unit->main_file);
}

/* What is left out, and with -v what is not. */
static void announce(const struct run *run)
{
    const struct project *p = &run->project;
    const GPtrArray *others = p->db->other_languages;
    GString *names = g_string_new(NULL);

    if (run->options->verbose) {
        fprintf(stderr,
                "mortise-lockcheck: %u files, configuration %s, cache %s\n"
                "mortise-lockcheck: %u entries are for files that were there already\n",
                p->db->commands->len, p->config ? p->config : "none",
                p->cache && !run->options->no_cache ? p->cache : "none", p->db->duplicates);
    }
    for (guint i = 0; i < others->len && i < (run->options->verbose ? others->len : 3); i++) {
        g_string_append_printf(names, "%s%s", i ? ", " : "",
                               output_path(others->pdata[i], p->base));
    }
    if (others->len > 0 && !run->options->quiet) {
        fprintf(stderr,
                "mortise-lockcheck: note: %u file%s in C++ or another language left out: %s%s\n",
                others->len, others->len == 1 ? "" : "s", names->str,
                !run->options->verbose && others->len > 3 ? ", ..." : "");
    }
    g_string_free(names, TRUE);
}

static bool get_units(struct run *run)
{
    const struct options *o = run->options;
    struct work work = {.parse = parse, .timeout = UNIT_TIMEOUT};
    char *message = NULL;

    announce(run);
    work.jobs = o->jobs ? (unsigned)o->jobs : g_get_num_processors();
    work.use_cache = !o->no_cache;
    work.progress = !o->quiet && isatty(STDERR_FILENO);
    if (!o->no_cache && run->project.cache) {
        work.store = store_open(run->project.cache, &message);
        if (!work.store && !o->quiet) {
            fprintf(stderr, "mortise-lockcheck: warning: %s; going on without\n", message);
        }
        g_clear_pointer(&message, g_free);
    }
    if (!work.store) {
        work.use_cache = false;
        work.store = store_open_temporary(&message);
    }
    if (!work.store) {
        run_complain(run, message);
        g_free(message);
        return false;
    }
    run->units = work_units(&work, run->project.db, run->findings);
    run->parsed = work.parsed;
    run->cached = work.cached;
    store_close(work.store);
    finished(run, "parsing");
    for (guint i = 0; i < run->units->len; i++) {
        report_errors(run, run->units->pdata[i]);
        note_files(run, run->units->pdata[i]);
        rules_annotate(run->project.rules, run->units->pdata[i]);
    }
    return true;
}

static void dump(struct run *run)
{
    for (guint i = 0; i < run->units->len; i++) {
        GString *text = g_string_new(NULL);

        ir_unit_dump(run->units->pdata[i], text);
        (void)fwrite(text->str, 1, text->len, stdout);
        g_string_free(text, TRUE);
        ir_unit_free(run->units->pdata[i]);
    }
    g_ptr_array_unref(run->units);
    run->units = NULL;
}

static struct order_graph *check(struct run *run, struct program *program)
{
    struct order_graph *graph;

    flow_run(program, run->findings);
    finished(run, "flow");
    graph = order_graph_new(program);
    check_order(program, graph, run->findings);
    check_declared_order(program, graph, run->findings);
    check_waits(program, graph, run->findings);
    finished(run, "order");
    check_annotations(program, run->findings);
    check_contracts(program, run->findings);
    check_guards(program, run->findings);
    check_rcu(program, run->findings);
    finished(run, "contracts");
    check_roles(program, run->findings);
    check_sharing(program, run->findings);
    check_blocking(program, run->findings);
    finished(run, "roles");
    return graph;
}

static void confirm(struct run *run, const struct program *program, const struct order_graph *graph)
{
    struct confirm *confirm;

    if (!run->options->confirm) {
        return;
    }
    confirm = confirm_new();
    for (gsize i = 0; run->options->confirm[i]; i++) {
        confirm_load(confirm, run->options->confirm[i], run->findings);
    }
    confirm_check(confirm, program, graph, run->files, run->findings);
    if (!run->options->quiet) {
        printf("confirm: %u orders were recorded at run time\n", confirm_count(confirm));
    }
    confirm_free(confirm);
    finished(run, "confirm");
}

static void suppress(struct run *run, const struct program *program)
{
    bool enabled[CHECK_COUNT];
    struct suppressions *suppressions = suppressions_new();
    GHashTableIter iter;
    gpointer path;
    char *text;
    gsize length;

    for (guint i = 0; i < run->project.suppressions->len; i++) {
        const char *file = run->project.suppressions->pdata[i];
        GError *error = NULL;

        if (g_file_get_contents(file, &text, &length, &error)) {
            suppressions_parse(suppressions, output_path(file, run->project.base), text, length,
                               run->findings);
            g_free(text);
        } else {
            run_complain(run, error->message);
            g_clear_error(&error);
        }
    }
    g_hash_table_iter_init(&iter, run->files);
    while (g_hash_table_iter_next(&iter, &path, NULL)) {
        if (g_file_get_contents(path, &text, &length, NULL)) {
            suppressions_scan(suppressions, path, text, length, run->findings);
            g_free(text);
        }
    }
    suppressions_add_annotations(suppressions, program, run->findings);
    /* Without a record there is nothing that they could suppress. */
    memcpy(enabled, run->project.enabled, sizeof(enabled));
    enabled[CHECK_SOUNDNESS] = enabled[CHECK_SOUNDNESS] && run->options->confirm;
    suppressions_apply(suppressions, run->findings, enabled, run->project.whole, run->files);
    suppressions_free(suppressions);
}

/* Findings of checks that are off are as if they had not been made. */
static void drop_disabled(struct run *run)
{
    GPtrArray *list = run->findings->list;

    for (guint i = list->len; i-- > 0;) {
        struct finding *f = list->pdata[i];

        if (!run->project.enabled[f->check]) {
            g_hash_table_remove(run->findings->seen, f);
            g_ptr_array_remove_index_fast(list, i);
        }
    }
}

static int status(const struct run *run)
{
    struct output_counts counts = output_count(run->findings);

    for (guint i = 0; i < run->findings->list->len; i++) {
        const struct finding *f = run->findings->list->pdata[i];

        if (f->check == CHECK_INPUT && f->severity == SEVERITY_ERROR && !f->suppressed) {
            return EXIT_TROUBLE;
        }
    }
    return run->trouble                          ? EXIT_TROUBLE
           : counts.errors + counts.warnings > 0 ? EXIT_FINDINGS
                                                 : EXIT_CLEAN;
}

/* Names in the configuration that are nowhere: of files that are left out this
 * time, perhaps; otherwise it is out of date. */
static void report_unknown_names(struct run *run)
{
    GPtrArray *unknown = rules_unknown_names(run->project.rules);

    for (guint i = 0; i < unknown->len && run->project.whole; i++) {
        const char *text;
        struct ir_loc loc = split_error(unknown->pdata[i], &text);

        findings_add(run->findings, CHECK_ANNOTATION, SEVERITY_ERROR, loc, NULL, "%s", text);
    }
    g_ptr_array_unref(unknown);
}

static void analyse(struct run *run)
{
    const struct options *o = run->options;
    struct program *program;
    struct order_graph *graph;
    char *text;

    report_unknown_names(run);
    program = program_new(run->units, run->project.rules);
    run->units = NULL;
    finished(run, "linking");
    graph = check(run, program);
    confirm(run, program, graph);
    drop_disabled(run);
    suppress(run, program);
    drop_disabled(run);
    findings_sort(run->findings);
    if (o->sarif) {
        run_write_file(run, o->sarif, output_sarif(run->findings, run->project.base));
    }
    run_write_graph(run, program, graph);
    finished(run, "output");
    text = output_text(run->findings, run->project.base,
                       isatty(STDOUT_FILENO) && !g_getenv("NO_COLOR"), o->quiet);
    fputs(text, stdout);
    g_free(text);
    if (o->statistics) {
        run_print_statistics(run, program, graph);
    }
    order_graph_free(graph);
    flow_free(program);
    program_free(program);
}

int lockcheck_run(const struct options *options)
{
    struct run run = {.options = options, .started = g_get_monotonic_time()};
    char *message = NULL;
    int result = EXIT_TROUBLE;

    run.findings = findings_new();
    run.files = g_hash_table_new(g_str_hash, g_str_equal);
    run.times = g_string_new(NULL);
    if (project_open(&run.project, options, run.findings, &message) != 0) {
        run_complain(&run, message);
        g_free(message);
    } else if (get_units(&run)) {
        if (options->dump_ir) {
            dump(&run);
        } else {
            analyse(&run);
        }
        result = status(&run);
    }
    project_close(&run.project);
    g_string_free(run.times, TRUE);
    g_hash_table_unref(run.files);
    findings_free(run.findings);
    return fflush(stdout) == 0 ? result : EXIT_TROUBLE;
}
