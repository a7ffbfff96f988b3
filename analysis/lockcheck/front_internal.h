/* What the files of the front end share.
 *
 *   front_parse.c    runs the parser, and walks the top level of a unit
 *   front_args.c     compiler arguments
 *   front_source.c   locations, file names, source text
 *   front_attr.c     annotations
 *   front_type.c     types and records
 *   front_decl.c     functions and variables, by symbol
 *   front_graph.c    blocks, temporaries, scopes and jumps of one body
 *   front_tidy.c     which makes the finished graph small
 *   front_stmt.c     statements;  front_loop.c: loops and switch
 *   front_expr.c     expressions for their value or effect
 *   front_operator.c operators;  front_pointer.c: arithmetic on pointers
 *   front_value.c    values
 *   front_place.c    expressions that name a place
 *   front_cond.c     conditions
 *   front_call.c     calls;  front_atomic.c: atomic ones
 *   front_init.c     initialisers */
#ifndef LOCKCHECK_FRONT_INTERNAL_H
#define LOCKCHECK_FRONT_INTERNAL_H

#include <clang-c/Index.h>

#include "front.h"

#define NO_BLOCK UINT32_MAX

struct front_file {
    const char *name;
    const char *text; /* of the buffer that was parsed; may be NULL */
    size_t size;
    bool system;
};

struct front_field {
    CXCursor cursor;
    CXType type;
    const char *name; /* "" if it is an anonymous struct or union */
};

struct front_record {
    struct ir_record *ir; /* its key and name; in the unit once it is `listed` */
    GArray *fields;       /* of struct front_field, in order, unnamed bit-fields left out */
    bool is_union;
    bool listed;
    bool complete;
};

struct front_function {
    struct ir_function *ir;
    GPtrArray *raw; /* annotations as written, to know inherited ones */
};

struct front {
    CXTranslationUnit tu;
    struct ir_unit *unit;
    const char *directory;
    GHashTable *files;     /* CXFile -> struct front_file */
    GHashTable *functions; /* symbol -> struct front_function */
    GHashTable *globals;   /* symbol -> struct ir_variable */
    GHashTable *records;   /* CXCursor -> struct front_record */
    GHashTable *symbols;   /* CXCursor, canonical -> symbol of a function or variable */
    GHashTable *typedefs;  /* CXCursor -> GPtrArray of annotations */
    GHashTable *by_name;   /* name -> CXCursor of a function; NULL until it is needed */
    GHashTable *lowered;   /* symbols of functions that have a body or are waiting for it */
    GArray *bodies;        /* of CXCursor: definitions to be lowered */
    struct lower *init;    /* the body of IR_INIT_SYMBOL */
    unsigned literals;     /* file-scope compound literals seen */
};

/* A variable with __attribute__((cleanup)) that is in scope, and those that
 * were before it. */
struct cleanup {
    struct cleanup *outer;
    uint32_t local;
    uint32_t depth;
    const char *function;
};

struct jump {
    uint32_t block;
    struct cleanup *cleanups;
};

struct switch_case {
    struct ir_value *low;
    struct ir_value *high; /* of a range, or NULL */
    uint32_t block;
    struct ir_loc loc;
};

struct switch_state {
    GArray *cases; /* of struct switch_case */
    uint32_t otherwise;
};

/* The lowering of one body. */
struct lower {
    struct front *front;
    struct ir_function *function;
    GHashTable *variables; /* CXCursor of a local or parameter -> struct ir_path without steps */
    GHashTable *labels;    /* statement of a label -> struct label */
    struct lower *label_owner; /* of the initialisers: the function whose static local it is */
    GPtrArray *gotos;          /* of struct pending_goto */
    GPtrArray *arena;          /* of struct cleanup */
    struct cleanup *cleanups;
    struct jump break_to, continue_to; /* block NO_BLOCK outside of loops */
    struct switch_state *in_switch;
    uint32_t block;    /* the current one, or NO_BLOCK after a jump */
    uint32_t dispatch; /* computed gotos meet here, or NO_BLOCK */
    unsigned depth;
    bool too_deep; /* said so already */
};

struct children {
    CXCursor *list;
    unsigned count;
};

/* front_source.c */
guint front_cursor_hash(gconstpointer cursor);
gboolean front_cursor_equal(gconstpointer a, gconstpointer b);
CXCursor *front_cursor_key(CXCursor cursor);
const char *front_intern(CXString string); /* disposes of it; never NULL */
const char *front_intern_text(const char *text);
const struct front_file *front_file(struct front *front, CXFile file);
struct ir_loc front_loc(struct front *front, CXSourceLocation location);
struct ir_loc front_cursor_loc(struct front *front, CXCursor cursor);
struct ir_loc front_end_loc(struct front *front, CXCursor cursor);
bool front_is_system(struct front *front, CXCursor cursor);
/* The text of an expression on one line, or NULL if it is not in one file or
 * too long. */
const char *front_text(struct front *front, CXCursor cursor);
/* The identifier that stands where the cursor begins in the file: its own
 * first word, or the macro that wrote it. NULL if there is none. */
const char *front_word(struct front *front, CXCursor cursor);
bool front_in_macro(CXCursor cursor);
char *front_absolute(const char *directory, const char *path);
struct children front_children(CXCursor cursor);
void front_children_free(struct children *children);
/* The last child that is an expression: the operand of a cast, and so on. */
bool front_operand(CXCursor cursor, CXCursor *operand);

/* front_attr.c */
struct attributes {
    GPtrArray *annotations;
    const char *cleanup; /* name of the function */
    bool noreturn;
};
/* Of the declaration itself. `parameters` has the names of its parameters or
 * is NULL; annotations that use them get $N. */
void front_attributes(struct front *front, CXCursor decl, struct attributes *out);
void front_attributes_clear(struct attributes *attributes);
const char *front_annotation_numbered(const char *annotation, const GPtrArray *parameters,
                                      const GPtrArray *keep);
/* Annotations of the typedefs that a type is made of. */
void front_typedef_annotations(struct front *front, CXType type, GPtrArray *out);
void front_annotations_add(GPtrArray *list, const char *annotation);
/* Names of the parameters that a declarator has, "" for unnamed ones. */
GPtrArray *front_parameter_names(CXCursor decl);

/* front_type.c */
void front_type(struct front *front, CXType type, struct ir_type *out);
struct front_record *front_record(struct front *front, CXCursor decl);
struct front_record *front_record_of_type(struct front *front, CXType type);
/* Puts it into the unit, with its fields. */
void front_record_list(struct front *front, struct front_record *record);
bool front_type_is_record(CXType type);
bool front_type_is_array(CXType type);
bool front_type_is_function(CXType type);
bool front_type_is_pointer(CXType type);
bool front_type_points(CXType type); /* it can be dereferenced: pointers and arrays */
CXType front_type_pointee(CXType type);
bool front_type_is_atomic(CXType type);
bool front_type_is_void(CXType type);
bool front_type_is_arithmetic(CXType type);

/* front_decl.c */
const char *front_symbol(struct front *front, CXCursor decl);
/* The function of any of its declarations; a body that this unit should have
 * is put on the list. */
struct front_function *front_function(struct front *front, CXCursor decl);
void front_function_declaration(struct front *front, CXCursor decl);
struct ir_variable *front_global(struct front *front, CXCursor decl);
void front_variable_fill(struct front *front, CXCursor decl, struct ir_variable *variable);
const char *front_function_named(struct front *front, const char *name);
/* A static local, as a global of that function. */
struct ir_variable *front_static_local(struct front *front, const struct ir_function *function,
                                       CXCursor decl);

/* front_graph.c */
struct lower *lower_new(struct front *front, struct ir_function *function);
void lower_finish(struct lower *lower); /* closes the graph and frees `lower` */
uint32_t lower_block(struct lower *lower);
struct ir_block *lower_current(struct lower *lower);
void lower_start(struct lower *lower, uint32_t block); /* goes there from the current one */
void lower_goto(struct lower *lower, uint32_t block);
void lower_branch(struct lower *lower, struct ir_value *value, struct ir_loc loc, uint32_t yes,
                  uint32_t no);
void lower_return(struct lower *lower, struct ir_value *value, struct ir_loc loc);
void lower_unreachable(struct lower *lower);
void lower_event(struct lower *lower, struct ir_event *event);
void lower_set(struct lower *lower, struct ir_loc loc, struct ir_path *path, struct ir_value *value,
               bool atomic);
void lower_access(struct lower *lower, enum ir_event_kind kind, struct ir_loc loc,
                  const struct ir_path *path, bool atomic);
uint32_t lower_local(struct lower *lower, CXCursor decl);
uint32_t lower_temp(struct lower *lower, CXType type);
void lower_cleanup_push(struct lower *lower, uint32_t local, const char *function);
/* Calls for all that are in scope, down to `until`, which is an outer one. */
void lower_cleanups(struct lower *lower, const struct cleanup *until, struct ir_loc loc);
void lower_jump(struct lower *lower, struct jump to, struct ir_loc loc);
void lower_goto_label(struct lower *lower, CXCursor cursor, struct ir_loc loc);
void lower_label(struct lower *lower, CXCursor cursor);
void lower_label_address(struct lower *lower, CXCursor cursor);
void lower_goto_computed(struct lower *lower);
void lower_graph_tidy(struct ir_function *function);
/* False, with an error in the unit, if the nesting is too deep; else
 * lower_leave() has to follow. */
bool lower_enter(struct lower *lower, CXCursor cursor);
void lower_leave(struct lower *lower);

/* front_stmt.c, front_loop.c */
void lower_statement(struct lower *lower, CXCursor statement);
void lower_while(struct lower *lower, CXCursor statement);
void lower_do(struct lower *lower, CXCursor statement);
void lower_for(struct lower *lower, CXCursor statement);
void lower_switch(struct lower *lower, CXCursor statement);
void lower_case(struct lower *lower, CXCursor statement);
void lower_body(struct front *front, CXCursor definition);

/* front_expr.c, front_value.c, front_operator.c, front_pointer.c */
struct ir_value *lower_value(struct lower *lower, CXCursor expression);
void lower_effect(struct lower *lower, CXCursor expression);
bool lower_is_parameter(CXCursor expression);
struct ir_value *lower_load(struct lower *lower, CXCursor expression, struct ir_path *path);
struct ir_value *lower_unary(struct lower *lower, CXCursor expression, bool want);
struct ir_value *lower_binary(struct lower *lower, CXCursor expression, bool want);
struct ir_value *lower_compound_assign(struct lower *lower, CXCursor expression);
/* About the pointer, in words; takes it over. */
struct ir_value *lower_offset(struct ir_value *pointer, const char *text);
struct ir_value *lower_pointer_add(struct lower *lower, CXCursor expression, CXCursor pointer,
                                   CXCursor number, bool minus);
/* A value that later events cannot change, with a variable as its root. */
struct ir_value *lower_snapshot(struct lower *lower, struct ir_value *value, CXType type,
                                struct ir_loc loc);
CXCursor lower_strip(CXCursor expression); /* of parentheses, casts that are implied, ... */
CXCursor lower_strip_casts(CXCursor expression);
bool lower_constant(CXCursor expression, int64_t *number);
bool front_same_range(CXCursor a, CXCursor b);
struct ir_value *lower_int(int64_t number);
struct ir_value *lower_unknown(void);
struct ir_value *lower_load_of(struct ir_path *path);
struct ir_value *lower_compare(enum ir_compare op, struct ir_value *a, struct ir_value *b);
struct ir_value *lower_not(struct ir_value *a);
struct ir_value *lower_address(struct ir_path *path);
/* Statements of a ({ }); NULL if it has no value or it is not wanted. */
struct ir_value *lower_statement_expression(struct lower *lower, CXCursor expression, bool want);
bool lower_generic_choice(CXCursor expression, CXCursor *choice);

/* front_place.c */
struct ir_path *lower_place(struct lower *lower, CXCursor expression);
/* What a pointer points to; takes the value over. */
struct ir_path *lower_deref(struct lower *lower, struct ir_value *value, CXType type,
                            struct ir_loc loc);
struct ir_path *lower_variable(struct lower *lower, CXCursor decl);
void lower_field_step(struct front *front, struct ir_path *path, CXCursor field);

/* front_cond.c */
void lower_condition(struct lower *lower, CXCursor expression, uint32_t yes, uint32_t no);

/* front_call.c, front_atomic.c */
struct ir_value *lower_call(struct lower *lower, CXCursor call, bool want);
/* UnexposedExpr that is an AtomicExpr; false if it is none. */
bool lower_atomic_expression(struct lower *lower, CXCursor expression,
                             const struct children *children, struct ir_value **result);
struct ir_value *lower_sync(struct lower *lower, CXCursor call, const char *name);

/* front_init.c */
void lower_initialiser(struct lower *lower, const struct ir_path *path, CXType type,
                       CXCursor initialiser);

#endif
