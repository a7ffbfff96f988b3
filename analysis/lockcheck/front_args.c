/* Which compiler arguments reach the parser.
 *
 * A compilation database is written for any compiler; clang refuses what it
 * does not know. So arguments are let through by name: those that decide what
 * the preprocessor and the parser see. Warnings, code generation, outputs and
 * dependency files are left out.
 *
 * Clang's attributes for thread safety become annotations here, by macros of
 * the same name, before clang's own parser sees them: libclang has no way to
 * their arguments, and an annotation may also name what is declared later and
 * stand on function pointers. */
#include "front_internal.h"

#include <string.h>

/* With their argument in the next word, or glued to it. */
static const char *const joined[] = {
    "-D",       "-U",        "-I",        "-isystem",      "-iquote",      "-idirafter",
    "-include", "-imacros",  "-isysroot", "-iprefix",      "-iwithprefix", "-iwithprefixbefore",
    "-x",       "--sysroot", "-target",   "-resource-dir",
};

static const char *const whole[] = {
    "-ansi",
    "-pthread",
    "-nostdinc",
    "-undef",
    "-ffreestanding",
    "-fno-builtin",
    "-fshort-enums",
    "-fshort-wchar",
    "-fsigned-char",
    "-funsigned-char",
    "-fms-extensions",
    "-fgnu89-inline",
    "-fblocks",
    "-fopenmp",
    "-fno-signed-char",
    "-fpic",
    "-fPIC",
    "-fpie",
    "-fPIE",
    "-fhosted",
    "-fplan9-extensions",
    "-fno-short-enums",
    "-fno-asm",
    "-fgnu-keywords",
    "-traditional-cpp",
    "-fno-common",
    "-trigraphs",
};

static const char *const prefixes[] = {
    "-O",
    "-std=",
    "--std=",
    "--sysroot=",
    "--target=",
    "-fsanitize=",
    "-finput-charset=",
    "-m32",
    "-m64",
    "-mx32",
    "-march=",
    "-mavx",
    "-msse",
    "-mssse",
    "-maes",
    "-mpclmul",
    "-mbmi",
    "-mfma",
    "-mpopcnt",
    "-mgeneral-regs-only",
    "-mcx16",
    "-mf16c",
    "-mlzcnt",
    "-mrdrnd",
    "-msha",
    "-mxsave",
    "-mmovbe",
    "-madx",
    "-mrtm",
};

/* Left out together with the word that follows. */
static const char *const two_words[] = {
    "-o",        "-MF",       "-MT",      "-MQ",     "-Xlinker", "-Xassembler", "-Xpreprocessor",
    "-aux-info", "-dumpbase", "-dumpdir", "--param", "-arch",    "-L",          "-l",
    "-T",        "-u",        "-z",       "-Xclang", "-wrapper", "-specs",
};

static const struct {
    const char *attribute;
    const char *kind;
} attributes[] = {
    {"guarded_by", "guarded_by"},
    {"pt_guarded_by", "pt_guarded_by"},
    {"requires_capability", "requires"},
    {"exclusive_locks_required", "requires"},
    {"requires_shared_capability", "requires_shared"},
    {"shared_locks_required", "requires_shared"},
    {"acquire_capability", "acquire"},
    {"exclusive_lock_function", "acquire"},
    {"acquire_shared_capability", "acquire_shared"},
    {"shared_lock_function", "acquire_shared"},
    {"release_capability", "release"},
    {"release_shared_capability", "release_shared"},
    {"release_generic_capability", "release_generic"},
    {"unlock_function", "release_generic"},
    {"try_acquire_capability", "try_acquire"},
    {"exclusive_trylock_function", "try_acquire"},
    {"try_acquire_shared_capability", "try_acquire_shared"},
    {"shared_trylock_function", "try_acquire_shared"},
    {"locks_excluded", "excludes"},
    {"assert_capability", "assert"},
    {"assert_exclusive_lock", "assert"},
    {"assert_shared_capability", "assert_shared"},
    {"assert_shared_lock", "assert_shared"},
    {"lock_returned", "returns"},
    {"acquired_after", "acquired_after"},
    {"acquired_before", "acquired_before"},
};

static void add(GPtrArray *list, const char *text)
{
    g_ptr_array_add(list, g_strdup(text));
}

static bool among(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, list[i]) == 0)
            return true;
    }
    return false;
}

static bool begins_with(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (g_str_has_prefix(word, list[i]))
            return true;
    }
    return false;
}

static void add_definitions(GPtrArray *list)
{
    add(list, "-D__lockcheck_text(...)=#__VA_ARGS__");
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++) {
        for (unsigned form = 0; form < 2; form++) {
            const char *bars = form == 0 ? "" : "__";
            g_ptr_array_add(list, g_strdup_printf("-D%s%s%s(...)=__annotate__(\"lockcheck:%s:\" "
                                                  "__lockcheck_text(__VA_ARGS__))",
                                                  bars, attributes[i].attribute, bars,
                                                  attributes[i].kind));
        }
    }
}

/* The headers that belong to the parser: stddef.h, stdatomic.h, intrinsics. */
static char *resource_dir(void)
{
    static const char *const places[] = {
        "/usr/lib/llvm-19/lib/clang/19",
        "/usr/lib/clang/19",
        "/usr/lib64/clang/19",
        "/usr/local/lib/clang/19",
        "/usr/local/opt/llvm@19/lib/clang/19",
        "/opt/homebrew/opt/llvm@19/lib/clang/19",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        char *header = g_build_filename(places[i], "include", "stddef.h", NULL);
        bool there = g_file_test(header, G_FILE_TEST_EXISTS);
        g_free(header);
        if (there)
            return g_strdup(places[i]);
    }
    return NULL;
}

static void add_resource_dir(GPtrArray *list, const struct front_options *options)
{
    char *found = options != NULL && options->resource_dir != NULL ? g_strdup(options->resource_dir)
                                                                   : resource_dir();
    if (found == NULL)
        return; /* libclang looks beside itself */
    add(list, "-resource-dir");
    g_ptr_array_add(list, found);
}

/* -Wp,-D_FORTIFY_SOURCE=2,-MD,x: what the preprocessor is told this way. */
static void add_preprocessor_words(GPtrArray *list, const char *words)
{
    char **split = g_strsplit(words, ",", -1);
    for (unsigned i = 0; split[i] != NULL; i++) {
        if ((g_str_has_prefix(split[i], "-D") || g_str_has_prefix(split[i], "-U")) &&
            split[i][2] != '\0')
            add(list, split[i]);
    }
    g_strfreev(split);
}

GPtrArray *front_arguments(const char *directory, const char *const *arguments, unsigned count,
                           const struct front_options *options, bool define_attributes)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    bool own_resource_dir = false;
    if (directory != NULL && g_path_is_absolute(directory))
        g_ptr_array_add(list, g_strdup_printf("-working-directory=%s", directory));
    /* Also those that clang takes for errors and gcc does not, as a call of an
     * undeclared function. */
    add(list, "-Wno-everything");
    add(list, "-ferror-limit=100");
    add(list, "-fexperimental-late-parse-attributes");
    add(list, "-D__LOCKCHECK__=1");
    if (define_attributes)
        add_definitions(list);
    for (unsigned i = 1; i < count; i++) {
        const char *word = arguments[i];
        if (word == NULL)
            break;
        if (g_str_has_prefix(word, "-Wp,")) {
            add_preprocessor_words(list, word + 4);
        } else if (among(word, joined, G_N_ELEMENTS(joined))) {
            if (i + 1 < count && arguments[i + 1] != NULL) {
                own_resource_dir |= strcmp(word, "-resource-dir") == 0;
                add(list, word);
                add(list, arguments[++i]);
            }
        } else if (among(word, two_words, G_N_ELEMENTS(two_words))) {
            i++;
        } else if (among(word, whole, G_N_ELEMENTS(whole)) ||
                   begins_with(word, prefixes, G_N_ELEMENTS(prefixes)) ||
                   (begins_with(word, joined, G_N_ELEMENTS(joined)) && word[0] == '-')) {
            add(list, word);
        }
    }
    for (unsigned i = 0; options != NULL && options->extra != NULL && options->extra[i] != NULL;
         i++)
        add(list, options->extra[i]);
    if (!own_resource_dir)
        add_resource_dir(list, options);
    return list;
}
