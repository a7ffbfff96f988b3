/* Programs whose locking is asked about in tests. A call of here() in the
 * source marks the place that a test asks about. */
#ifndef FLOW_TEST_H
#define FLOW_TEST_H

#include "link_test.h"

#include "flow.h"

/* Declarations that sources begin with: a mutex that may be inside an object. */
#define FLOW_TEST_PRELUDE                                                                          \
    "#include <pthread.h>\n"                                                                       \
    "#include <stdlib.h>\n"                                                                        \
    "void here(void);\n"                                                                           \
    "extern pthread_mutex_t a, b, c;\n"                                                            \
    "extern int flag, other;\n"                                                                    \
    "struct s { pthread_mutex_t lock; struct s *next; int n; int mt; };\n"

/* How many lines that are. */
enum { FLOW_TEST_PRELUDE_LINES = 6 };

/* The program, with flow_run done; findings are in *findings. */
struct program *flow_test_run(const char *source, struct findings **findings);
void flow_test_free(struct program *program, struct findings *findings);

/* What is held where the function calls here(): one string for each state,
 * names of locks by "+", sorted, states by "|". "" is nothing held; NULL that
 * no state comes there. To be freed. */
char *flow_test_held(struct program *program, const char *function);

/* Asserts that exactly these findings were made, "check:line" each in the order
 * of lines, by blanks. Line 1 is the first after the prelude. */
void flow_test_assert_findings(const struct findings *findings, const char *expected);

#endif
