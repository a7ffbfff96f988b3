/* Programs for the tests of linking: made of C source, one string for each
 * file, parsed by the front end. */
#ifndef LINK_TEST_H
#define LINK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "program.h"

/* Files are named "0.c", "1.c" and so on; the last source is followed by NULL.
 * Fails the test if one does not compile. */
struct program *link_test_program(const char *source, ...) G_GNUC_NULL_TERMINATED;
void link_test_free(struct program *program);

/* By name, whatever file it is in; fails the test if there is none. */
struct pfunction *link_test_function(const struct program *program, const char *name);
/* The path as text; to be freed. */
char *link_test_path(const struct program *program, const char *expression, const char *function);
/* Number `index` of the calls in a function. */
const struct pcall *link_test_call(const struct program *program, const char *caller, guint index);
/* Asserts that the call's targets are the functions of these names, in any
 * order; the last one is followed by NULL. */
void link_test_assert_targets(const struct pcall *call, ...) G_GNUC_NULL_TERMINATED;

#define NOTE(text) "__attribute__((annotate(\"lockcheck:" text "\")))"

#endif
