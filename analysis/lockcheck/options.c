/* Reads the command line by GOption. What follows "--" is for the compiler and
 * is taken off first, since GOption would take it for file names. */
#include "options.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* "CHECK", "CHECK,CHECK" or "all". */
static gboolean set_checks(const char *option, const char *value, gpointer data, GError **error)
{
    struct options *options = data;
    signed char sign = strcmp(option, "--enable") == 0 ? 1 : -1;
    char **names = g_strsplit(value, ",", -1);
    gboolean good = TRUE;

    for (gsize i = 0; names[i] && good; i++) {
        enum check_id check;

        if (strcmp(names[i], "all") == 0) {
            memset(options->checks, sign, sizeof(options->checks));
        } else if (check_from_name(names[i], &check)) {
            options->checks[check] = sign;
        } else {
            g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "%s: no check is called \"%s\"; --list-checks names them", option,
                        names[i]);
            good = FALSE;
        }
    }
    g_strfreev(names);
    return good;
}

static GOptionContext *make_context(struct options *o)
{
    const GOptionEntry entries[] = {
        {"build", 'p', 0, G_OPTION_ARG_FILENAME, &o->build_dir,
         "Directory with compile_commands.json (default: here, ./build, and upwards)", "BUILD_DIR"},
        {"config", 0, 0, G_OPTION_ARG_FILENAME, &o->config,
         "What is to be known of the project (default: .lockcheck here or in BUILD_DIR)", "FILE"},
        {"suppressions", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->suppressions,
         "Findings that are known and harmless", "FILE"},
        {"exclude", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->exclude, "Leave files out", "GLOB"},
        {"enable", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer)(uintptr_t)set_checks,
         "Report this check (or \"all\")", "CHECK"},
        {"disable", 0, 0, G_OPTION_ARG_CALLBACK, (gpointer)(uintptr_t)set_checks,
         "Do not report this check (or \"all\")", "CHECK"},
        {"sarif", 0, 0, G_OPTION_ARG_FILENAME, &o->sarif, "Write findings as SARIF 2.1.0", "FILE"},
        {"json", 0, 0, G_OPTION_ARG_FILENAME, &o->json, "Write the order graph and findings",
         "FILE"},
        {"dot", 0, 0, G_OPTION_ARG_FILENAME, &o->dot, "Write the order graph for Graphviz", "FILE"},
        {"svg", 0, 0, G_OPTION_ARG_FILENAME, &o->svg, "Write the order graph as a picture", "FILE"},
        {"order-table", 0, 0, G_OPTION_ARG_FILENAME, &o->order_table,
         "Bring the table in a Markdown file up to date", "FILE"},
        {"confirm", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->confirm,
         "Compare with an order recorded at run time (a file or a directory of them)", "FILE"},
        {"jobs", 'j', 0, G_OPTION_ARG_INT, &o->jobs, "Parse with N processes", "N"},
        {"cache", 0, 0, G_OPTION_ARG_FILENAME, &o->cache,
         "Keep parsed files there (default: BUILD_DIR/.lockcheck-cache)", "DIR"},
        {"no-cache", 0, 0, G_OPTION_ARG_NONE, &o->no_cache, "Parse everything, keep nothing", NULL},
        {"list-checks", 0, 0, G_OPTION_ARG_NONE, &o->list_checks, "List the checks", NULL},
        {"explain", 0, 0, G_OPTION_ARG_STRING, &o->explain, "Say what a check means", "CHECK"},
        {"dump-ir", 0, 0, G_OPTION_ARG_NONE, &o->dump_ir, "Print what was parsed, and stop", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &o->quiet, "Errors and warnings only", NULL},
        {"verbose", 'v', 0, G_OPTION_ARG_NONE, &o->verbose, "Say what is being done", NULL},
        {"statistics", 0, 0, G_OPTION_ARG_NONE, &o->statistics, "Print sizes and times", NULL},
        {"help", 'h', 0, G_OPTION_ARG_NONE, &o->help, "Print this", NULL},
        {"version", 0, 0, G_OPTION_ARG_NONE, &o->version, "Print the version", NULL},
        {G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &o->files, NULL, NULL},
        {NULL, 0, 0, G_OPTION_ARG_NONE, NULL, NULL, NULL},
    };
    GOptionContext *context = g_option_context_new("[FILE...] [-- COMPILER_FLAG...]");
    GOptionGroup *group = g_option_group_new("main", "", "", o, NULL);

    g_option_group_add_entries(group, entries);
    g_option_context_set_main_group(context, group);
    g_option_context_set_help_enabled(context, FALSE);
    g_option_context_set_summary(context, "Checks the locking of a whole C program.");
    g_option_context_set_description(
        context,
        "FILEs are source files or directories of them, @LIST a file that names some; without any\n"
        "all that compile_commands.json has.\n"
        "After --, flags for FILEs that no compile_commands.json knows.\n"
        "\n"
        "Exit status: 0 nothing found, 1 errors or warnings, 2 something could not be read.\n"
        "Manual: mortise-lockcheck(1)\n");
    return context;
}

/* "@LIST" stands for the files named in LIST, one a line. */
static bool expand_lists(struct options *options, char **message)
{
    GPtrArray *out = g_ptr_array_new();

    for (gsize i = 0; options->files && options->files[i] && !*message; i++) {
        GError *error = NULL;
        char *text, **lines;

        if (options->files[i][0] != '@') {
            g_ptr_array_add(out, g_strdup(options->files[i]));
            continue;
        }
        if (!g_file_get_contents(options->files[i] + 1, &text, NULL, &error)) {
            *message = g_strdup(error->message);
            g_clear_error(&error);
            break;
        }
        lines = g_strsplit(text, "\n", -1);
        for (gsize l = 0; lines[l]; l++) {
            if (*g_strstrip(lines[l])) {
                g_ptr_array_add(out, g_strdup(lines[l]));
            }
        }
        g_strfreev(lines);
        g_free(text);
    }
    g_ptr_array_add(out, NULL);
    if (options->files) {
        g_strfreev(options->files);
        options->files = (char **)g_ptr_array_free(out, FALSE);
    } else {
        g_ptr_array_unref(out);
    }
    return !*message;
}

int options_parse(struct options *options, int argc, char **argv, char **message)
{
    GPtrArray *ours = g_ptr_array_new();
    GOptionContext *context;
    GError *error = NULL;
    char **rest;
    int result = 0;

    *options = (struct options){.jobs = 0};
    *message = NULL;
    for (int i = 0; i < argc; i++) {
        if (i > 0 && strcmp(argv[i], "--") == 0) {
            options->compile_flags = g_strdupv(argv + i + 1);
            break;
        }
        g_ptr_array_add(ours, argv[i]);
    }
    g_ptr_array_add(ours, NULL);
    rest = g_strdupv((char **)ours->pdata);
    g_set_prgname("mortise-lockcheck");
    context = make_context(options);
    if (!g_option_context_parse_strv(context, &rest, &error)) {
        *message = g_strdup(error->message);
        g_clear_error(&error);
        result = -EINVAL;
    } else if (options->jobs < 0 || options->jobs > 1024) {
        *message = g_strdup_printf("-j takes a number from 1 to 1024, not %d", options->jobs);
        result = -EINVAL;
    } else if (options->compile_flags && !options->files) {
        *message = g_strdup("there are no files before \"--\"");
        result = -EINVAL;
    } else if (options->compile_flags && options->build_dir) {
        *message = g_strdup("-p and \"--\" exclude each other");
        result = -EINVAL;
    } else if (!expand_lists(options, message)) {
        result = -EINVAL;
    }
    if (result == 0 && options->help) {
        char *help = g_option_context_get_help(context, TRUE, NULL);

        g_print("%s", help);
        g_free(help);
        result = 1;
    }
    g_option_context_free(context);
    g_strfreev(rest);
    g_ptr_array_unref(ours);
    return result;
}

void options_clear(struct options *o)
{
    g_free(o->build_dir);
    g_strfreev(o->files);
    g_strfreev(o->compile_flags);
    g_free(o->config);
    g_strfreev(o->suppressions);
    g_strfreev(o->exclude);
    g_strfreev(o->confirm);
    g_free(o->sarif);
    g_free(o->json);
    g_free(o->dot);
    g_free(o->svg);
    g_free(o->order_table);
    g_free(o->cache);
    g_free(o->explain);
}
