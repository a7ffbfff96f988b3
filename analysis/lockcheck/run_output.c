/* What a run writes besides its findings: files, the order graph, statistics. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "output.h"
#include "run_internal.h"

void run_write_file(struct run *run, const char *path, char *text)
{
    const bool to_stdout = strcmp(path, "-") == 0;
    FILE *out = to_stdout ? stdout : fopen(path, "w");
    bool good = out && fwrite(text, 1, strlen(text), out) == strlen(text);

    if (out && !to_stdout) {
        good = fclose(out) == 0 && good;
    }
    if (!good) {
        char *message = g_strdup_printf("%s: cannot write: %s", path, g_strerror(errno));

        run_complain(run, message);
        g_free(message);
    }
    g_free(text);
}

static void write_table(struct run *run, const struct output_graph *graph)
{
    const char *path = run->options->order_table;
    GError *error = NULL;
    char *old, *new;

    if (!g_file_get_contents(path, &old, NULL, &error)) {
        run_complain(run, error->message);
        g_clear_error(&error);
        return;
    }
    new = output_table(graph, old, run->project.base);
    if (!new) {
        char *message = g_strdup_printf("%s: has no lines \"<!-- lockcheck: order table -->\" and "
                                        "\"<!-- lockcheck: end -->\" for the table to go between",
                                        path);

        run_complain(run, message);
        g_free(message);
    } else if (strcmp(old, new) != 0) {
        run_write_file(run, path, new);
        new = NULL;
    }
    g_free(new);
    g_free(old);
}

void run_write_graph(struct run *run, const struct program *program,
                     const struct order_graph *order)
{
    const struct options *o = run->options;
    struct output_graph *graph = output_graph_new(program, order);
    char *dot = output_dot(graph, run->project.base);

    if (o->json) {
        run_write_file(run, o->json, output_json(graph, run->findings, run->project.base));
    }
    if (o->svg) {
        char *svg, *message;

        if (output_svg(dot, &svg, &message) == 0) {
            run_write_file(run, o->svg, svg);
        } else {
            run_complain(run, message);
            g_free(message);
        }
    }
    if (o->order_table) {
        write_table(run, graph);
    }
    if (o->dot) {
        run_write_file(run, o->dot, g_strdup(dot));
    }
    g_free(dot);
    output_graph_free(graph);
}

void run_print_statistics(struct run *run, const struct program *program,
                          const struct order_graph *graph)
{
    guint bodies = 0, calls = 0, indirect = 0, unresolved = 0;
    struct rusage usage;

    for (guint i = 0; i < program->functions->len; i++) {
        const struct pfunction *f = program->functions->pdata[i];

        bodies += f->ir->blocks != NULL;
        calls += f->calls ? f->calls->len : 0;
        for (guint c = 0; f->calls && c < f->calls->len; c++) {
            const struct pcall *call = f->calls->pdata[c];

            indirect += call->slot != NULL;
            unresolved += call->unresolved;
        }
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("units %u (parsed %u, from the cache %u), left out: other languages %u, duplicates %u\n"
           "functions %u (with a body %u), calls %u (through pointers %u, of these unresolved %u)\n"
           "lock classes %u, order edges %u, memory %ld MiB\n%s",
           program->units->len, run->parsed, run->cached, run->project.db->other_languages->len,
           run->project.db->duplicates, program->functions->len, bodies, calls, indirect,
           unresolved, lock_classes(program)->len, graph->edges->len, usage.ru_maxrss / 1024,
           run->times->str);
}
