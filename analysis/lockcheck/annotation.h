/* The contracts that code states about its locking, read from annotation
 * strings. Ours and other projects' are written
 *
 *     __attribute__((annotate("lockcheck:KIND:ARGUMENTS")))
 *
 * usually by a macro (analysis/include/lockcheck.h offers a set). The front
 * end gives clang's thread-safety attributes the same form: guarded_by(x)
 * arrives as "lockcheck:guarded_by:x".
 *
 * KIND             on                  ARGUMENTS
 * capability       struct              name; the struct is a lock type
 * guarded_by       field, global       lock expression
 * pt_guarded_by    field, global       lock expression
 * write_guarded_by field, global       lock expression; anybody may read it
 * requires         function, pointer   lock expressions, separated by commas
 * requires_shared  the same
 * acquire          the same            (no argument: the first parameter's object)
 * acquire_shared   the same
 * release          the same            (release_shared, release_generic likewise)
 * try_acquire      the same            success value, lock expressions
 * try_acquire_shared the same
 * excludes         the same            must not be held by the caller
 * assert           the same            held from here on (assert_shared likewise)
 * returns          function            lock expression that is returned
 * acquired_after   lock                lock expressions (acquired_before likewise)
 * no_analysis      function            its body is not looked into, its contract is believed
 * no_clang_analysis function           clang cannot follow it: for callers its contract holds, but
 * the body is looked into role             function            it runs on threads of this role only
 * thread_entry     function, parameter starts threads of this role
 * may_block        function, pointer
 * nonblocking      lock type, lock     held like a spinlock: nothing under it may block
 * blocking_ok      function            a reason: may block in theory, never where it matters
 * immutable        field, global, struct  written before it is shared, never again
 * owned_by         field, global, struct  a role, or in words who it is that may touch it
 * rcu              field, global       read by rcu_dereference, published by rcu_assign_pointer
 * private          function, parameter no other thread can see what it returns, what it is given
 * alone            function            called only while the process has one thread
 * keyed            lock                "ascending": several at once, by ascending key
 * suppress         function            check id, reason
 *
 * On a struct, immutable and owned_by are about all its fields that say
 * nothing themselves.
 *
 * A lock expression is C as it would stand in the function: `&x->lock`,
 * `x->lock`, `lock`, a parameter's name and so on, a global, a field of the
 * same struct (in guarded_by), or a role or other name that is no variable
 * (then it is an abstract capability of that name). `$0`, `$1` are parameters
 * by number: the front end writes them for names that only the annotated
 * declaration has (a prototype that calls its parameters otherwise than the
 * definition, a function pointer). In guarded_by of a field, `$this` is the
 * object that the field is in, where that is a capability itself. */
#ifndef LOCKCHECK_ANNOTATION_H
#define LOCKCHECK_ANNOTATION_H

#include "ir.h"

enum annotation_kind {
    ANNOTATION_CAPABILITY,
    ANNOTATION_GUARDED_BY,
    ANNOTATION_PT_GUARDED_BY,
    ANNOTATION_WRITE_GUARDED_BY,
    ANNOTATION_REQUIRES,
    ANNOTATION_REQUIRES_SHARED,
    ANNOTATION_ACQUIRE,
    ANNOTATION_ACQUIRE_SHARED,
    ANNOTATION_RELEASE,
    ANNOTATION_RELEASE_SHARED,
    ANNOTATION_RELEASE_GENERIC,
    ANNOTATION_TRY_ACQUIRE,
    ANNOTATION_TRY_ACQUIRE_SHARED,
    ANNOTATION_EXCLUDES,
    ANNOTATION_ASSERT,
    ANNOTATION_ASSERT_SHARED,
    ANNOTATION_RETURNS,
    ANNOTATION_ACQUIRED_AFTER,
    ANNOTATION_ACQUIRED_BEFORE,
    ANNOTATION_NO_ANALYSIS,
    ANNOTATION_NO_CLANG_ANALYSIS,
    ANNOTATION_ROLE,
    ANNOTATION_THREAD_ENTRY,
    ANNOTATION_MAY_BLOCK,
    ANNOTATION_NONBLOCKING,
    ANNOTATION_BLOCKING_OK,
    ANNOTATION_IMMUTABLE,
    ANNOTATION_OWNED_BY,
    ANNOTATION_RCU,
    ANNOTATION_PRIVATE,
    ANNOTATION_ALONE,
    ANNOTATION_KEYED,
    ANNOTATION_SUPPRESS,
    ANNOTATION_UNKNOWN, /* starts with lockcheck: but means nothing: reported */
};

struct annotation {
    enum annotation_kind kind;
    GPtrArray *arguments; /* of const char *: split at top-level commas, trimmed */
};

/* False if the string is not for us (no "lockcheck:" in front). */
bool annotation_parse(const char *string, struct annotation *out);
void annotation_clear(struct annotation *annotation);
/* The first annotation of the kind among the strings, or false. */
bool annotation_find(const GPtrArray *strings, enum annotation_kind kind, struct annotation *out);
bool annotation_has(const GPtrArray *strings, enum annotation_kind kind);

/* A lock expression as a path in the scope of a function (its parameters and
 * locals by name) and, for guarded_by, of a record (its fields stand for
 * base->field, where base is a copy of `base`). An unknown bare name becomes
 * IR_ROOT_GLOBAL with that name as symbol. NULL if it is no such expression.
 * `&x` and `x` of a lock type are the same thing: the lock. */
struct program;
struct ir_path *annotation_path(const struct program *program, const char *expression,
                                const struct ir_function *function, const struct ir_record *record,
                                const struct ir_path *base);
/* The same for an annotation of a global variable: names are looked up in the
 * variable's file first. */
struct ir_path *annotation_path_of_global(const struct program *program, const char *expression,
                                          const struct ir_variable *global);
/* The place among the arguments where lock expressions begin (try_acquire has
 * its success value in front). */
guint annotation_first_lock(const struct annotation *annotation);
const char *annotation_kind_name(enum annotation_kind kind);

#endif
