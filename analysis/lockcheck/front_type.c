/* Types and records. A type is followed through typedefs, pointers and
 * arrays to what it is about; a record is known by clang's USR, which is the
 * same in all units, and fields of anonymous members count as fields of the
 * record around them. */
#include "front_internal.h"

#include <string.h>

bool front_type_is_record(CXType type)
{
    return clang_getCanonicalType(type).kind == CXType_Record;
}

bool front_type_is_array(CXType type)
{
    enum CXTypeKind kind = clang_getCanonicalType(type).kind;
    return kind == CXType_ConstantArray || kind == CXType_IncompleteArray ||
           kind == CXType_VariableArray;
}

bool front_type_is_function(CXType type)
{
    enum CXTypeKind kind = clang_getCanonicalType(type).kind;
    return kind == CXType_FunctionProto || kind == CXType_FunctionNoProto;
}

bool front_type_is_pointer(CXType type)
{
    CXType canonical = clang_getCanonicalType(type);
    if (canonical.kind == CXType_Atomic)
        canonical = clang_getCanonicalType(clang_Type_getValueType(canonical));
    return canonical.kind == CXType_Pointer;
}

/* libclang shows a parameter that is written as an array, and each use of it,
 * with the type that was written. */
bool front_type_points(CXType type)
{
    return front_type_is_pointer(type) || front_type_is_array(type);
}

CXType front_type_pointee(CXType type)
{
    CXType canonical = clang_getCanonicalType(type);
    return front_type_is_array(canonical) ? clang_getArrayElementType(canonical)
                                          : clang_getPointeeType(canonical);
}

bool front_type_is_atomic(CXType type)
{
    return clang_getCanonicalType(type).kind == CXType_Atomic;
}

bool front_type_is_void(CXType type)
{
    return clang_getCanonicalType(type).kind == CXType_Void;
}

bool front_type_is_arithmetic(CXType type)
{
    CXType canonical = clang_getCanonicalType(type);
    return (canonical.kind >= CXType_Bool && canonical.kind <= CXType_LongDouble) ||
           canonical.kind == CXType_Enum || canonical.kind == CXType_Float128;
}

static bool is_const(CXType type)
{
    for (unsigned i = 0; i < 64 && front_type_is_array(type); i++)
        type = clang_getArrayElementType(clang_getCanonicalType(type));
    return clang_isConstQualifiedType(clang_getCanonicalType(type)) != 0;
}

/* One step towards the innermost type; false when it is reached. */
static bool peel(CXType *type, struct ir_type *out)
{
    switch (type->kind) {
    case CXType_Elaborated:
        *type = clang_Type_getNamedType(*type);
        return true;
    case CXType_Typedef: {
        CXCursor decl = clang_getTypeDeclaration(*type);
        out->name = front_intern(clang_getCursorSpelling(decl));
        *type = clang_getTypedefDeclUnderlyingType(decl);
        return true;
    }
    case CXType_Attributed:
        *type = clang_Type_getModifiedType(*type);
        return true;
    case CXType_Atomic:
        out->atomic |= out->pointers == 0;
        *type = clang_Type_getValueType(*type);
        return true;
    case CXType_Pointer:
    case CXType_BlockPointer:
        if (out->pointers < UINT8_MAX)
            out->pointers++;
        *type = clang_getPointeeType(*type);
        if (!front_type_is_function(*type))
            out->name = NULL;
        return true;
    case CXType_ConstantArray:
    case CXType_IncompleteArray:
    case CXType_VariableArray:
        out->array |= out->pointers == 0;
        *type = clang_getArrayElementType(*type);
        out->name = NULL;
        return true;
    case CXType_Auto:
    case CXType_Unexposed: { /* parentheses, typeof, __auto_type */
        CXType canonical = clang_getCanonicalType(*type);
        if (canonical.kind == type->kind)
            return false;
        *type = canonical;
        return true;
    }
    default:
        return false;
    }
}

void front_type(struct front *front, CXType type, struct ir_type *out)
{
    *out = (struct ir_type){0};
    out->spelling = front_intern(clang_getTypeSpelling(type));
    out->is_const = is_const(type);
    out->is_volatile = clang_isVolatileQualifiedType(clang_getCanonicalType(type)) != 0;
    for (unsigned i = 0; i < 128 && peel(&type, out); i++)
        ;
    switch (type.kind) {
    case CXType_FunctionProto:
    case CXType_FunctionNoProto:
        out->function = true;
        break;
    case CXType_Record: {
        struct front_record *record = front_record(front, clang_getTypeDeclaration(type));
        out->record = record->ir->key;
        if (out->name == NULL)
            out->name = record->ir->name;
        break;
    }
    case CXType_Invalid:
    case CXType_Unexposed:
        break;
    default:
        if (out->name == NULL) {
            CXType plain = clang_getUnqualifiedType(type);
            out->name = front_intern(clang_getTypeSpelling(plain));
        }
        break;
    }
}

static enum CXVisitorResult add_field(CXCursor cursor, CXClientData data)
{
    struct front_record *record = data;
    struct front_field field = {cursor, clang_getCursorType(cursor),
                                front_intern(clang_getCursorSpelling(cursor))};
    if (clang_Cursor_isBitField(cursor) && field.name[0] == '\0')
        return CXVisit_Continue;
    CXCursor type = clang_getTypeDeclaration(field.type);
    if (front_type_is_record(field.type) && clang_Cursor_isAnonymousRecordDecl(type))
        field.name = "";
    g_array_append_val(record->fields, field);
    return CXVisit_Continue;
}

static bool is_member_record(CXCursor decl, CXCursor *parent)
{
    *parent = clang_getCursorSemanticParent(decl);
    enum CXCursorKind kind = clang_getCursorKind(*parent);
    return kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl;
}

/* Unnamed types of one record share a USR: where they stand tells them apart,
 * in every unit alike. */
static void name_record(struct front *front, CXCursor decl, struct front_record *record)
{
    const char *tag = record->is_union ? "union" : "struct";
    const char *usr = front_intern(clang_getCursorUSR(decl));
    CXCursor parent;
    if (!clang_Cursor_isAnonymous(decl)) {
        const char *spelling = front_intern(clang_getCursorSpelling(decl));
        record->ir->key = usr;
        record->ir->name = front_intern(clang_getTypeSpelling(clang_getCursorType(decl)));
        if (strchr(record->ir->name, '(') != NULL) {
            char *name = g_strdup_printf("%s %s", tag, spelling);
            record->ir->name = ir_intern(name);
            g_free(name);
        }
        return;
    }
    struct ir_loc loc = record->ir->loc;
    char *base = g_path_get_basename(loc.file == NULL ? "?" : loc.file);
    char *key = g_strdup_printf("%s@%s:%u:%u", usr, base, loc.line, loc.column);
    record->ir->key = ir_intern(key);
    char *name;
    const char *typedef_name = front_intern(clang_getTypeSpelling(clang_getCursorType(decl)));
    if (strchr(typedef_name, '(') == NULL)
        name = g_strdup(typedef_name);
    else if (is_member_record(decl, &parent))
        name = g_strdup_printf("%s.(%s)", front_record(front, parent)->ir->name, tag);
    else
        name = g_strdup_printf("%s at %s:%u", tag, base, loc.line);
    record->ir->name = ir_intern(name);
    g_free(name);
    g_free(key);
    g_free(base);
}

static void complete(struct front *front, CXCursor decl, struct front_record *record)
{
    CXCursor definition = clang_getCursorDefinition(decl);
    if (record->complete || clang_Cursor_isNull(definition))
        return;
    record->complete = true;
    record->ir->loc = front_cursor_loc(front, definition);
    clang_Type_visitFields(clang_getCursorType(definition), add_field, record);
    if (!front_is_system(front, definition)) {
        struct attributes attributes;
        front_attributes(front, definition, &attributes);
        for (guint i = 0; i < attributes.annotations->len; i++)
            front_annotations_add(record->ir->annotations,
                                  g_ptr_array_index(attributes.annotations, i));
        front_attributes_clear(&attributes);
    }
}

struct front_record *front_record(struct front *front, CXCursor decl)
{
    CXCursor canonical = clang_getCanonicalCursor(decl);
    struct front_record *record = g_hash_table_lookup(front->records, &canonical);
    if (record == NULL) {
        record = g_new0(struct front_record, 1);
        record->ir = ir_record_new();
        record->fields = g_array_new(FALSE, FALSE, sizeof(struct front_field));
        record->is_union = clang_getCursorKind(decl) == CXCursor_UnionDecl;
        record->ir->loc = front_cursor_loc(front, decl);
        g_hash_table_insert(front->records, front_cursor_key(canonical), record);
        name_record(front, canonical, record);
    }
    complete(front, decl, record);
    return record;
}

struct front_record *front_record_of_type(struct front *front, CXType type)
{
    return front_record(front, clang_getTypeDeclaration(clang_getCanonicalType(type)));
}

static void list_fields(struct front *front, struct ir_record *into,
                        const struct front_record *from, unsigned depth)
{
    for (guint i = 0; i < from->fields->len && depth < 32; i++) {
        const struct front_field *field = &g_array_index(from->fields, struct front_field, i);
        if (field->name[0] == '\0') {
            list_fields(front, into, front_record_of_type(front, field->type), depth + 1);
            continue;
        }
        struct ir_variable *variable = ir_variable_new();
        front_variable_fill(front, field->cursor, variable);
        g_ptr_array_add(into->fields, variable);
    }
}

static void list_member_records(struct front *front, const struct front_record *record)
{
    for (guint i = 0; i < record->fields->len; i++) {
        CXType type = g_array_index(record->fields, struct front_field, i).type;
        while (front_type_is_array(type))
            type = clang_getArrayElementType(clang_getCanonicalType(type));
        if (!front_type_is_record(type))
            continue;
        CXCursor decl = clang_getTypeDeclaration(clang_getCanonicalType(type));
        if (!clang_Cursor_isAnonymousRecordDecl(decl) && !front_is_system(front, decl))
            front_record_list(front, front_record(front, decl));
    }
}

void front_record_list(struct front *front, struct front_record *record)
{
    if (record->listed || !record->complete)
        return;
    record->listed = true;
    g_ptr_array_add(front->unit->records, record->ir);
    list_fields(front, record->ir, record, 0);
    list_member_records(front, record);
}
