/* Where things stand in the source: locations, names of files, and the text
 * that an expression was written as. A location is that of the outermost
 * macro use for what a macro wrote, and its own for what was an argument of a
 * macro, so that code in a block passed to a macro keeps its lines. */
#include "front_internal.h"

#include <string.h>

#define TEXT_MAX 200

guint front_cursor_hash(gconstpointer cursor)
{
    return clang_hashCursor(*(const CXCursor *)cursor);
}

gboolean front_cursor_equal(gconstpointer a, gconstpointer b)
{
    return clang_equalCursors(*(const CXCursor *)a, *(const CXCursor *)b) != 0;
}

CXCursor *front_cursor_key(CXCursor cursor)
{
    CXCursor *key = g_new(CXCursor, 1);
    *key = cursor;
    return key;
}

/* Source is bytes; what is said about it later is UTF-8. */
const char *front_intern_text(const char *text)
{
    if (text == NULL)
        return ir_intern("");
    if (g_utf8_validate(text, -1, NULL))
        return ir_intern(text);
    char *valid = g_utf8_make_valid(text, -1);
    const char *interned = ir_intern(valid);
    g_free(valid);
    return interned;
}

const char *front_intern(CXString string)
{
    const char *interned = front_intern_text(clang_getCString(string));
    clang_disposeString(string);
    return interned;
}

char *front_absolute(const char *directory, const char *path)
{
    return g_canonicalize_filename(
        path, directory != NULL && g_path_is_absolute(directory) ? directory : NULL);
}

const struct front_file *front_file(struct front *front, CXFile file)
{
    struct front_file *known = g_hash_table_lookup(front->files, file);
    if (known != NULL)
        return known;
    known = g_new0(struct front_file, 1);
    CXString given = clang_getFileName(file); /* to be opened: as it is */
    const char *path = clang_getCString(given);
    char *name = front_absolute(front->directory, path == NULL ? "" : path);
    clang_disposeString(given);
    known->name = ir_intern(name);
    g_free(name);
    known->text = clang_getFileContents(front->tu, file, &known->size);
    CXSourceLocation start = clang_getLocationForOffset(front->tu, file, 0);
    known->system = clang_Location_isInSystemHeader(start) != 0 ||
                    g_str_has_prefix(known->name, "/usr/include/") ||
                    g_str_has_prefix(known->name, "/usr/lib/");
    g_hash_table_insert(front->files, file, known);
    return known;
}

struct ir_loc front_loc(struct front *front, CXSourceLocation location)
{
    struct ir_loc loc = {NULL, 0, 0};
    CXFile file = NULL;
    unsigned line = 0, column = 0;
    clang_getFileLocation(location, &file, &line, &column, NULL);
    if (file == NULL)
        return loc;
    loc.file = front_file(front, file)->name;
    loc.line = line;
    loc.column = column;
    return loc;
}

struct ir_loc front_cursor_loc(struct front *front, CXCursor cursor)
{
    return front_loc(front, clang_getCursorLocation(cursor));
}

struct ir_loc front_end_loc(struct front *front, CXCursor cursor)
{
    struct ir_loc loc = front_loc(front, clang_getRangeEnd(clang_getCursorExtent(cursor)));
    if (loc.column > 1)
        loc.column--; /* the end is behind the last character */
    return loc;
}

bool front_is_system(struct front *front, CXCursor cursor)
{
    CXFile file = NULL;
    clang_getFileLocation(clang_getCursorLocation(cursor), &file, NULL, NULL, NULL);
    return file == NULL || front_file(front, file)->system;
}

/* libclang has no question for this; in its source locations the highest bit
 * marks a place within a macro's expansion. */
static bool in_macro(CXSourceLocation location)
{
    return (location.int_data >> 31) != 0;
}

bool front_in_macro(CXCursor cursor)
{
    return in_macro(clang_getRangeStart(clang_getCursorExtent(cursor)));
}

/* Where an expression ends with the use of a macro that is itself in a
 * macro's argument, libclang's end is the start of that use. */
static unsigned behind_macro(const struct front_file *file, unsigned at)
{
    unsigned depth = 0;
    if (at >= file->size || !(g_ascii_isalpha(file->text[at]) || file->text[at] == '_'))
        return at;
    while (at < file->size && (g_ascii_isalnum(file->text[at]) || file->text[at] == '_'))
        at++;
    for (unsigned i = at; i < file->size && i - at < TEXT_MAX; i++) {
        if (file->text[i] == '(')
            depth++;
        else if (depth == 0 && file->text[i] != ' ')
            break;
        else if (file->text[i] == ')' && --depth == 0)
            return i + 1;
    }
    return at;
}

const char *front_text(struct front *front, CXCursor cursor)
{
    CXSourceRange range = clang_getCursorExtent(cursor);
    CXFile from_file = NULL, to_file = NULL;
    unsigned from = 0, to = 0;
    clang_getFileLocation(clang_getRangeStart(range), &from_file, NULL, NULL, &from);
    clang_getFileLocation(clang_getRangeEnd(range), &to_file, NULL, NULL, &to);
    if (from_file == NULL || from_file != to_file)
        return NULL;
    const struct front_file *file = front_file(front, from_file);
    if (file->text == NULL)
        return NULL;
    if (in_macro(clang_getRangeEnd(range)))
        to = behind_macro(file, to);
    if (to <= from || to - from > TEXT_MAX || to > file->size)
        return NULL;

    char text[TEXT_MAX + 1];
    size_t length = 0;
    bool space = false;
    for (unsigned i = from; i < to; i++) {
        if (g_ascii_isspace(file->text[i])) {
            space = length > 0;
            continue;
        }
        if (space && length < TEXT_MAX)
            text[length++] = ' ';
        space = false;
        if (length < TEXT_MAX)
            text[length++] = file->text[i];
    }
    text[length] = '\0';
    return g_utf8_validate(text, (gssize)length, NULL) ? ir_intern(text) : NULL;
}

const char *front_word(struct front *front, CXCursor cursor)
{
    CXFile in = NULL;
    unsigned offset = 0;
    clang_getFileLocation(clang_getRangeStart(clang_getCursorExtent(cursor)), &in, NULL, NULL,
                          &offset);
    if (in == NULL)
        return NULL;
    const struct front_file *file = front_file(front, in);
    if (file->text == NULL)
        return NULL;
    char word[TEXT_MAX + 1];
    size_t length = 0;
    while (offset + length < file->size && length < TEXT_MAX) {
        char c = file->text[offset + length];
        if (!g_ascii_isalpha(c) && c != '_' && (length == 0 || !g_ascii_isdigit(c)))
            break;
        word[length++] = c;
    }
    word[length] = '\0';
    return length == 0 ? NULL : ir_intern(word);
}

static enum CXChildVisitResult collect(CXCursor cursor, CXCursor parent, CXClientData data)
{
    (void)parent;
    g_array_append_val((GArray *)data, cursor);
    return CXChildVisit_Continue;
}

struct children front_children(CXCursor cursor)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(CXCursor));
    clang_visitChildren(cursor, collect, list);
    struct children children = {NULL, list->len};
    children.list = (CXCursor *)(void *)g_array_free(list, FALSE);
    return children;
}

void front_children_free(struct children *children)
{
    g_free(children->list);
    children->list = NULL;
}

static enum CXChildVisitResult keep_operand(CXCursor cursor, CXCursor parent, CXClientData data)
{
    (void)parent;
    if (clang_isExpression(clang_getCursorKind(cursor)))
        *(CXCursor *)data = cursor;
    return CXChildVisit_Continue;
}

bool front_operand(CXCursor cursor, CXCursor *operand)
{
    *operand = clang_getNullCursor();
    clang_visitChildren(cursor, keep_operand, operand);
    return !clang_Cursor_isNull(*operand);
}
