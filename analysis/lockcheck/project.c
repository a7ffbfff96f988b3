/* Finds the compilation database and the configuration and reads both. The
 * command line has the last word: its --enable and --disable come after those
 * of the configuration, its lists are added to those. */
#include "project.h"

#include <errno.h>
#include <string.h>

#define DATABASE "compile_commands.json"
#define CONFIG   ".lockcheck"
#define CACHE    ".lockcheck-cache"

static bool has_file(const char *directory, const char *name)
{
    char *path = g_build_filename(directory, name, NULL);
    bool there = g_file_test(path, G_FILE_TEST_IS_REGULAR);

    g_free(path);
    return there;
}

/* The first directory from here upwards that has the file, or NULL. */
static char *find_upwards(const char *from, const char *name)
{
    char *directory = g_strdup(from);

    while (!has_file(directory, name)) {
        char *parent = g_path_get_dirname(directory);

        if (strcmp(parent, directory) == 0) {
            g_free(parent);
            g_free(directory);
            return NULL;
        }
        g_free(directory);
        directory = parent;
    }
    return directory;
}

static char *find_build_dir(const char *base)
{
    char *build = g_build_filename(base, "build", NULL);

    if (!has_file(base, DATABASE) && has_file(build, DATABASE)) {
        return build;
    }
    g_free(build);
    return find_upwards(base, DATABASE);
}

/* Of a directory, or of the database itself. */
static char *directory_of(const char *path, const char *base)
{
    char *absolute = g_canonicalize_filename(path, base);
    char *parent;

    if (g_file_test(absolute, G_FILE_TEST_IS_DIR)) {
        return absolute;
    }
    parent = g_path_get_dirname(absolute);
    g_free(absolute);
    return parent;
}

/* The configuration's path, or NULL. */
static char *find_config(const struct options *options, const char *base, const char *build_dir)
{
    char *directory, *path;

    if (options->config) {
        return g_strdup(options->config);
    }
    directory = has_file(base, CONFIG) ? g_strdup(base)
                : build_dir            ? find_upwards(build_dir, CONFIG)
                                       : NULL;
    path = directory ? g_build_filename(directory, CONFIG, NULL) : NULL;
    g_free(directory);
    return path;
}

static bool set_checks(struct project *project, const char *key, bool on, const char *config,
                       char **message)
{
    const char *const *names = rules_project(project->rules, key);

    for (gsize i = 0; names && names[i]; i++) {
        enum check_id check;

        if (check_from_name(names[i], &check)) {
            project->enabled[check] = on;
        } else {
            *message = g_strdup_printf("%s: %s in [project]: no check is called \"%s\"", config,
                                       key, names[i]);
            return false;
        }
    }
    return true;
}

static void add_suppressions(struct project *project, const char *const *files, const char *base)
{
    for (gsize i = 0; files && files[i]; i++) {
        g_ptr_array_add(project->suppressions, g_canonicalize_filename(files[i], base));
    }
}

static bool read_config(struct project *project, const struct options *options, char **message)
{
    const char *config = project->config;
    char *directory;

    for (int i = 0; i < CHECK_COUNT; i++) {
        project->enabled[i] = i != CHECK_UNSTATED;
    }
    if (config) {
        if (rules_load(project->rules, config, message) != 0 ||
            !set_checks(project, "disable", false, config, message) ||
            !set_checks(project, "enable", true, config, message)) {
            return false;
        }
        directory = directory_of(config, project->base);
        add_suppressions(project, rules_project(project->rules, "suppressions"), directory);
        g_free(directory);
    }
    for (int i = 0; i < CHECK_COUNT; i++) {
        if (options->checks[i] != 0) {
            project->enabled[i] = options->checks[i] > 0;
        }
    }
    add_suppressions(project, (const char *const *)options->suppressions, project->base);
    return true;
}

static bool read_database(struct project *project, const struct options *options,
                          const char *build_dir, struct findings *findings, char **message)
{
    const char *const *excluded = rules_project(project->rules, "exclude");
    GPtrArray *missing = g_ptr_array_new_with_free_func(g_free);

    if (options->compile_flags) {
        project->db = compile_db_fixed((const char *const *)options->files,
                                       (const char *const *)options->compile_flags);
    } else if (!build_dir) {
        *message =
            g_strdup("no compile_commands.json here, in ./build or above; -p says where it is "
                     "(CMake: -DCMAKE_EXPORT_COMPILE_COMMANDS=ON, make: bear -- make)");
    } else {
        project->db = compile_db_load(options->build_dir ? options->build_dir : build_dir, message);
    }
    project->whole = !options->files;
    if (project->db && project->db->commands->len == 0) {
        guint others = project->db->other_languages->len;
        char *path = build_dir ? g_build_filename(build_dir, DATABASE, NULL) : g_strdup("--");

        *message = others ? g_strdup_printf("%s: has no C, only %u files in C++ or other languages",
                                            path, others)
                          : g_strdup_printf("%s: has no entries", path);
        g_free(path);
    }
    if (project->db && options->files && !options->compile_flags) {
        compile_db_select(project->db, (const char *const *)options->files, missing);
    }
    for (guint i = 0; i < missing->len; i++) {
        const struct ir_loc loc = {g_intern_string(missing->pdata[i]), 0, 0};

        findings_add(findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL,
                     "the compilation database has no command for it");
    }
    g_ptr_array_unref(missing);
    if (project->db && excluded) {
        compile_db_exclude(project->db, excluded);
    }
    if (project->db && options->exclude) {
        compile_db_exclude(project->db, (const char *const *)options->exclude);
    }
    return project->db && !*message;
}

int project_open(struct project *project, const struct options *options, struct findings *findings,
                 char **message)
{
    char *build_dir = NULL;
    bool good;

    *message = NULL;
    project->base = g_get_current_dir();
    project->rules = rules_new();
    project->suppressions = g_ptr_array_new_with_free_func(g_free);
    if (options->build_dir) {
        build_dir = directory_of(options->build_dir, project->base);
    } else if (!options->compile_flags) {
        build_dir = find_build_dir(project->base);
    }
    project->config = find_config(options, project->base, build_dir);
    good = read_config(project, options, message) &&
           read_database(project, options, build_dir, findings, message);
    if (options->cache) {
        project->cache = g_strdup(options->cache);
    } else if (build_dir) {
        project->cache = g_build_filename(build_dir, CACHE, NULL);
    }
    g_free(build_dir);
    return good ? 0 : -EINVAL;
}

void project_close(struct project *project)
{
    compile_db_free(project->db);
    rules_free(project->rules);
    if (project->suppressions) {
        g_ptr_array_unref(project->suppressions);
    }
    g_free(project->cache);
    g_free(project->config);
    g_free(project->base);
}

bool project_is_system_file(const struct project *project, const char *path)
{
    static const char *const places[] = {"/usr/", "/lib/", "/lib64/", "/opt/", NULL};

    if (g_str_has_prefix(path, project->base)) {
        return false;
    }
    for (gsize i = 0; places[i]; i++) {
        if (g_str_has_prefix(path, places[i])) {
            return true;
        }
    }
    return false;
}
