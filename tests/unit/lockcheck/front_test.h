/* For tests of the front end: a source as a string, and what came of it as
 * text without line numbers. */
#ifndef LOCKCHECK_FRONT_TEST_H
#define LOCKCHECK_FRONT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front.h"

/* A unit of a file test.c with that content, in a directory of its own;
 * `arguments` is NULL or further compiler arguments, NULL-terminated. */
struct ir_unit *front_test_unit(const char *source, const char *const *arguments);
/* The blocks of a function, without locations; to be freed. */
char *front_test_body(const struct ir_unit *unit, const char *function);
/* Fails, with both texts, unless the body of f in the source is lowered to
 * `expected` and the source has no errors. */
void front_test_f(const char *source, const char *expected);
const struct ir_function *front_test_function(const struct ir_unit *unit, const char *name);
const struct ir_variable *front_test_global(const struct ir_unit *unit, const char *name);
const struct ir_record *front_test_record(const struct ir_unit *unit, const char *name);
/* Annotations as "a; b". */
char *front_test_annotations(const GPtrArray *annotations);

#endif
