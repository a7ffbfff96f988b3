/* The front end: C source, read by libclang, becomes an ir_unit.
 *
 * What to expect of it, beyond ir.h:
 * - File names in locations and in the symbols of static things are absolute
 *   and without "." and "..": a header has one name in all units.
 * - Bodies are those of the main file, and of the inline functions in headers
 *   that it uses, directly or through others. Of system headers only glib's
 *   inline functions (scope guards) have one.
 * - `__LOCKCHECK__` is defined. Clang's thread-safety attributes arrive as
 *   annotations, "lockcheck:requires:&q->lock", on whatever they stand on.
 * - A parameter written as an array is a pointer. *a and a->x of another array
 *   are a[0]; p + i is &p[i] unless p is the result of a cast.
 * - container_of(&x->m, T, m) is x; of any other pointer it is an
 *   IR_VALUE_OFFSET with the text "container_of(struct T.m)".
 * - Inline assembly reads and writes each operand that is a place.
 * - __builtin_expect, casts, parentheses and _Generic leave no trace.
 * - Atomic builtins, C11's and the __sync ones are a call of the GNU builtin
 *   that they come down to, __atomic_load_n(&x, order) say, followed by
 *   READ, SET or WRITE of the object with `atomic` set. Those known are
 *   __atomic_{load,store,exchange,compare_exchange}_n, __atomic_fetch_op,
 *   __atomic_thread_fence and __sync_synchronize; the order comes last. */
#ifndef LOCKCHECK_FRONT_H
#define LOCKCHECK_FRONT_H

#include "ir.h"

struct front_options {
    const char *resource_dir; /* clang's own headers; NULL: those of clang 19 are looked for */
    const char *const *extra; /* more compiler arguments, NULL-terminated; may be NULL */
};

/* `arguments` is a command as compile_commands.json has it, compiler first and
 * split into words; `file` and the paths in it are relative to `directory`.
 * `options` may be NULL. Always returns a unit: what could not be parsed is in
 * its errors, and everything else in it is as good as the parser got it. */
struct ir_unit *front_parse(const char *directory, const char *const *arguments, unsigned count,
                            const char *file, const struct front_options *options);

/* The part of it that is about arguments: those that matter to what the code
 * means, with the resource directory and our definitions added; of char *. The
 * input file is not among them. */
GPtrArray *front_arguments(const char *directory, const char *const *arguments, unsigned count,
                           const struct front_options *options, bool define_attributes);

#endif
