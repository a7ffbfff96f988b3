/* Runs the parser over one unit and walks its top level.
 *
 * Declarations come first, in the order of the source, so that annotations of
 * all of them are known; then the bodies that the unit has to offer: those of
 * its own file, and of the headers' inline functions those that are used,
 * which is found on the way. System headers are passed over; what is used of
 * them is taken when it is used. */
#include "front_internal.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#define STACK_SIZE ((size_t)512 << 20)

static void file_free(void *data)
{
    g_free(data);
}

static void record_free(void *data)
{
    struct front_record *record = data;
    g_array_unref(record->fields);
    if (!record->listed) {
        g_ptr_array_unref(record->ir->annotations);
        g_ptr_array_unref(record->ir->fields);
        g_free(record->ir);
    }
    g_free(record);
}

static void function_free(void *data)
{
    struct front_function *function = data;
    g_ptr_array_unref(function->raw);
    g_free(function);
}

static void front_open(struct front *front, CXTranslationUnit tu, struct ir_unit *unit,
                       const char *directory)
{
    front->tu = tu;
    front->unit = unit;
    front->directory = directory;
    front->files = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, file_free);
    front->functions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, function_free);
    front->globals = g_hash_table_new(g_direct_hash, g_direct_equal);
    front->records =
        g_hash_table_new_full(front_cursor_hash, front_cursor_equal, g_free, record_free);
    front->symbols = g_hash_table_new_full(front_cursor_hash, front_cursor_equal, g_free, NULL);
    front->typedefs = g_hash_table_new_full(front_cursor_hash, front_cursor_equal, g_free,
                                            (GDestroyNotify)g_ptr_array_unref);
    front->lowered = g_hash_table_new(g_direct_hash, g_direct_equal);
    front->bodies = g_array_new(FALSE, FALSE, sizeof(CXCursor));
}

static void front_close(struct front *front)
{
    g_hash_table_unref(front->files);
    g_hash_table_unref(front->functions);
    g_hash_table_unref(front->globals);
    g_hash_table_unref(front->records);
    g_hash_table_unref(front->symbols);
    g_hash_table_unref(front->typedefs);
    g_hash_table_unref(front->lowered);
    g_array_unref(front->bodies);
    if (front->by_name != NULL)
        g_hash_table_unref(front->by_name);
}

static void global_variable(struct front *front, CXCursor decl)
{
    const struct ir_variable *variable = front_global(front, decl);
    CXCursor initialiser = clang_Cursor_getVarDeclInitializer(decl);
    if (clang_Cursor_isNull(initialiser) || !clang_isExpression(clang_getCursorKind(initialiser)))
        return;
    struct ir_path *path = ir_path_new(IR_ROOT_GLOBAL, 0, variable->symbol);
    lower_initialiser(front->init, path, clang_getCursorType(decl), initialiser);
    ir_path_free(path);
}

/* Annotations of `typedef struct { } name` are about the struct. */
static void type_definition(struct front *front, CXCursor decl)
{
    CXType type = clang_getTypedefDeclUnderlyingType(decl);
    if (!front_type_is_record(type))
        return;
    struct attributes attributes;
    front_attributes(front, decl, &attributes);
    if (attributes.annotations->len > 0) {
        struct front_record *record = front_record_of_type(front, type);
        for (guint i = 0; i < attributes.annotations->len; i++)
            front_annotations_add(record->ir->annotations,
                                  g_ptr_array_index(attributes.annotations, i));
        front_record_list(front, record);
    }
    front_attributes_clear(&attributes);
}

static enum CXChildVisitResult top_level(CXCursor cursor, CXCursor parent, CXClientData data)
{
    struct front *front = data;
    (void)parent;
    if (front_is_system(front, cursor))
        return CXChildVisit_Continue;
    switch (clang_getCursorKind(cursor)) {
    case CXCursor_FunctionDecl:
        front_function_declaration(front, cursor);
        break;
    case CXCursor_VarDecl:
        global_variable(front, cursor);
        break;
    case CXCursor_StructDecl:
    case CXCursor_UnionDecl:
        if (clang_isCursorDefinition(cursor))
            front_record_list(front, front_record(front, cursor));
        break;
    case CXCursor_TypedefDecl:
        type_definition(front, cursor);
        break;
    case CXCursor_LinkageSpec:
        return CXChildVisit_Recurse;
    default:
        break;
    }
    return CXChildVisit_Continue;
}

static void add_dependency(struct ir_unit *unit, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return;
    struct ir_dependency *dependency = g_new0(struct ir_dependency, 1);
    dependency->path = ir_intern(path);
    dependency->mtime_ns =
        (int64_t)status.st_mtim.tv_sec * 1000000000 + (int64_t)status.st_mtim.tv_nsec;
    dependency->size = (int64_t)status.st_size;
    g_ptr_array_add(unit->dependencies, dependency);
}

static void see_file(CXFile file, CXSourceLocation *stack, unsigned depth, CXClientData data)
{
    struct front *front = data;
    (void)stack;
    (void)depth;
    CXString given = clang_getFileName(file);
    const char *name = clang_getCString(given);
    if (name != NULL) {
        char *path = front_absolute(front->directory, name);
        add_dependency(front->unit, path);
        g_free(path);
    }
    clang_disposeString(given);
}

static unsigned error_count(CXTranslationUnit tu)
{
    unsigned errors = 0, count = clang_getNumDiagnostics(tu);
    for (unsigned i = 0; i < count; i++) {
        CXDiagnostic diagnostic = clang_getDiagnostic(tu, i);
        errors += clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error;
        clang_disposeDiagnostic(diagnostic);
    }
    return errors;
}

static void add_errors(struct front *front)
{
    unsigned count = clang_getNumDiagnostics(front->tu);
    for (unsigned i = 0; i < count; i++) {
        CXDiagnostic diagnostic = clang_getDiagnostic(front->tu, i);
        if (clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error) {
            struct ir_loc loc = front_loc(front, clang_getDiagnosticLocation(diagnostic));
            CXString text = clang_getDiagnosticSpelling(diagnostic);
            g_ptr_array_add(front->unit->errors,
                            g_strdup_printf("%s:%u:%u: %s",
                                            loc.file == NULL ? front->unit->main_file : loc.file,
                                            loc.line, loc.column, clang_getCString(text)));
            clang_disposeString(text);
        }
        clang_disposeDiagnostic(diagnostic);
    }
}

static void lower_unit(struct front *front)
{
    struct ir_function *initialisers = ir_function_new();
    initialisers->symbol = ir_intern(IR_INIT_SYMBOL);
    initialisers->name = initialisers->symbol;
    initialisers->loc.file = front->unit->main_file;
    initialisers->end.file = front->unit->main_file;
    g_ptr_array_add(front->unit->functions, initialisers);
    front->init = lower_new(front, initialisers);
    clang_visitChildren(clang_getTranslationUnitCursor(front->tu), top_level, front);
    for (guint i = 0; i < front->bodies->len; i++)
        lower_body(front, g_array_index(front->bodies, CXCursor, i));
    lower_finish(front->init);
    front->init = NULL;
}

static enum CXErrorCode parse(CXIndex index, const char *file, const GPtrArray *arguments,
                              CXTranslationUnit *tu)
{
    return clang_parseTranslationUnit2(index, file, (const char *const *)arguments->pdata,
                                       (int)arguments->len, NULL, 0, CXTranslationUnit_KeepGoing,
                                       tu);
}

/* Code may use the names that we define macros for in its own way: if there
 * are errors, the parse without them is taken if it has fewer. */
static CXTranslationUnit parse_best(CXIndex index, const char *directory,
                                    const char *const *arguments, unsigned count, const char *file,
                                    const struct front_options *options, enum CXErrorCode *code)
{
    CXTranslationUnit best = NULL;
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        CXTranslationUnit tu = NULL;
        GPtrArray *words = front_arguments(directory, arguments, count, options, attempt == 0);
        *code = parse(index, file, words, &tu);
        g_ptr_array_unref(words);
        if (best == NULL || (tu != NULL && error_count(tu) < error_count(best))) {
            if (best != NULL)
                clang_disposeTranslationUnit(best);
            best = tu;
        } else if (tu != NULL) {
            clang_disposeTranslationUnit(tu);
        }
        if (best != NULL && error_count(best) == 0)
            break;
    }
    return best;
}

static bool is_other_language(const char *const *arguments, unsigned count, const char *file)
{
    static const char *const endings[] = {".cc", ".cpp", ".cxx", ".c++", ".C",  ".m",
                                          ".mm", ".cu",  ".S",   ".s",   ".asm"};
    for (unsigned i = 1; i < count && arguments[i] != NULL; i++) {
        const char *language = NULL;
        if (strcmp(arguments[i], "-x") == 0 && i + 1 < count)
            language = arguments[i + 1];
        else if (g_str_has_prefix(arguments[i], "-x") && arguments[i][2] != '\0')
            language = arguments[i] + 2;
        if (language != NULL)
            return strcmp(language, "c") != 0 && strcmp(language, "c-header") != 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(endings); i++) {
        if (g_str_has_suffix(file, endings[i]))
            return true;
    }
    return false;
}

static struct ir_unit *parse_and_lower(const char *directory, const char *const *arguments,
                                       unsigned count, const char *file,
                                       const struct front_options *options)
{
    char *path = front_absolute(directory, file);
    struct ir_unit *unit = ir_unit_new(path);
    if (is_other_language(arguments, count, path)) {
        g_ptr_array_add(unit->errors, g_strdup_printf("%s:0:0: not C: not analysed", path));
        add_dependency(unit, path);
        g_free(path);
        return unit;
    }
    enum CXErrorCode code = CXError_Failure;
    CXIndex index = clang_createIndex(0, 0);
    CXTranslationUnit tu = parse_best(index, directory, arguments, count, path, options, &code);
    if (tu == NULL) {
        const char *why = !g_file_test(path, G_FILE_TEST_EXISTS) ? "no such file"
                          : code == CXError_Crashed              ? "the parser crashed"
                                                                 : "cannot be parsed";
        g_ptr_array_add(unit->errors, g_strdup_printf("%s:0:0: %s", path, why));
        add_dependency(unit, path);
    } else {
        struct front front = {0};
        front_open(&front, tu, unit, directory);
        add_errors(&front);
        lower_unit(&front);
        clang_getInclusions(tu, see_file, &front);
        front_close(&front);
        clang_disposeTranslationUnit(tu);
    }
    clang_disposeIndex(index);
    g_free(path);
    return unit;
}

struct job {
    const char *directory;
    const char *const *arguments;
    unsigned count;
    const char *file;
    const struct front_options *options;
    struct ir_unit *unit;
};

static void *run(void *data)
{
    struct job *job = data;
    job->unit =
        parse_and_lower(job->directory, job->arguments, job->count, job->file, job->options);
    return NULL;
}

/* The parser recurses as deep as expressions and else-ifs nest, and generated
 * code nests deeply: it gets a stack that is large enough, of which only what
 * is used takes memory, and is kept from making a thread of its own. */
struct ir_unit *front_parse(const char *directory, const char *const *arguments, unsigned count,
                            const char *file, const struct front_options *options)
{
    struct job job = {directory, arguments, count, file, options, NULL};
    pthread_attr_t attributes;
    pthread_t thread;
    bool started = false;
    g_setenv("LIBCLANG_NOTHREADS", "1", TRUE);
    if (pthread_attr_init(&attributes) == 0) {
        started = pthread_attr_setstacksize(&attributes, STACK_SIZE) == 0 &&
                  pthread_create(&thread, &attributes, run, &job) == 0;
        pthread_attr_destroy(&attributes);
    }
    if (started)
        pthread_join(thread, NULL);
    else
        run(&job);
    return job.unit;
}
