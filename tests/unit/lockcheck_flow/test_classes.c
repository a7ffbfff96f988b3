/* Which locks are of one class, what the program calls it, and the order
 * between classes. */
#include "flow_test.h"

static struct program *analyse(const char *source, struct findings **findings)
{
    return flow_test_run(source, findings);
}

static const struct order_edge *edge(const struct order_graph *graph, const char *from,
                                     const char *to)
{
    for (guint i = 0; i < graph->edges->len; i++) {
        const struct order_edge *e = g_ptr_array_index(graph->edges, i);

        if (strcmp(e->from->name, from) == 0 && strcmp(e->to->name, to) == 0) {
            return e;
        }
    }
    return NULL;
}

static void test_wrapper_is_looked_through(void **state)
{
    struct findings *findings;
    struct program *program = analyse(
        "struct mutex { pthread_mutex_t m; int owner; };\n"
        "struct queue { struct mutex lock; int n; };\n"
        "static void mutex_lock(struct mutex *m) { pthread_mutex_lock(&m->m); }\n"
        "static void mutex_unlock(struct mutex *m) { pthread_mutex_unlock(&m->m); }\n"
        "void f(struct queue *q) { mutex_lock(&q->lock); here(); mutex_unlock(&q->lock); }\n",
        &findings);
    char *held = flow_test_held(program, "f");

    (void)state;
    assert_string_equal(held, "q->lock");
    assert_non_null(lock_class_named(program, "struct queue.lock"));
    assert_null(lock_class_named(program, "struct mutex.m"));
    /* (mutex_unlock relies on what its callers hold, a finding that has to be asked for.) */
    flow_test_assert_findings(findings, "unstated-contract:4");
    g_free(held);
    flow_test_free(program, findings);
}

static void test_struct_with_data_is_no_wrapper(void **state)
{
    struct findings *findings;
    struct program *program =
        analyse("struct counter { pthread_mutex_t lock; int n; };\n"
                "void f(struct counter *c) { pthread_mutex_lock(&c->lock); c->n++;"
                " pthread_mutex_unlock(&c->lock); }\n",
                &findings);

    (void)state;
    assert_non_null(lock_class_named(program, "struct counter.lock"));
    flow_test_free(program, findings);
}

static void test_edge_through_callees_has_its_steps(void **state)
{
    struct findings *findings;
    struct program *program =
        analyse("static void inner(struct s *s) { pthread_mutex_lock(&s->lock);"
                " pthread_mutex_unlock(&s->lock); }\n"
                "static void middle(struct s *s) {\n inner(s); }\n"
                "void outer(struct s *s) {\n pthread_mutex_lock(&a);\n middle(s);\n"
                " pthread_mutex_unlock(&a); }\n",
                &findings);
    struct order_graph *graph = order_graph_new(program);
    const struct order_edge *e = edge(graph, "a", "struct s.lock");
    const guint lines[] = {5, 6, 3, 1};

    (void)state;
    assert_non_null(e);
    assert_true(e->direct);
    assert_int_equal(e->steps->len, G_N_ELEMENTS(lines));
    for (guint i = 0; i < e->steps->len; i++) {
        const struct order_step *step = g_ptr_array_index(e->steps, i);

        assert_int_equal(step->loc.line, lines[i] + FLOW_TEST_PRELUDE_LINES);
    }
    assert_null(edge(graph, "struct s.lock", "a"));
    order_graph_free(graph);
    flow_test_free(program, findings);
}

static void check_circles(const char *source, const char *expected)
{
    struct findings *findings;
    struct program *program = analyse(source, &findings);
    struct order_graph *graph = order_graph_new(program);

    check_order(program, graph, findings);
    check_declared_order(program, graph, findings);
    flow_test_assert_findings(findings, expected);
    order_graph_free(graph);
    flow_test_free(program, findings);
}

#define PAIR(x, y)                                                                                 \
    "pthread_mutex_lock(&" x "); pthread_mutex_lock(&" y "); pthread_mutex_unlock(&" y             \
    "); pthread_mutex_unlock(&" x ");"

static void test_circle_of_two(void **state)
{
    (void)state;
    check_circles("void f(void) {" PAIR("a", "b") "}\nvoid g(void) {" PAIR("b", "a") "}\n",
                  "lock-order:1");
}

static void test_gate_from_callers_keeps_a_circle_shut(void **state)
{
    (void)state;
    check_circles("static void f(void) {" PAIR(
                      "a", "b") "}\n"
                                "static void g(void) {" PAIR(
                                    "b", "a") "}\n"
                                              "void h(void) { pthread_mutex_lock(&c); f(); g(); "
                                              "pthread_mutex_unlock(&c); }\n",
                  "");
}

static void test_gate_that_one_caller_lacks_is_none(void **state)
{
    (void)state;
    check_circles("static void f(void) {" PAIR(
                      "a", "b") "}\n"
                                "static void g(void) {" PAIR(
                                    "b", "a") "}\n"
                                              "void h(void) { pthread_mutex_lock(&c); f(); g(); "
                                              "pthread_mutex_unlock(&c); }\n"
                                              "void i(void) { g(); }\n",
                  "lock-order:1");
}

static void test_trylock_closes_no_circle(void **state)
{
    (void)state;
    check_circles(
        "void f(void) {" PAIR(
            "a", "b") "}\n"
                      "void g(void) { pthread_mutex_lock(&b); if (pthread_mutex_trylock(&a) == 0)"
                      " pthread_mutex_unlock(&a); pthread_mutex_unlock(&b); }\n",
        "");
}

static void test_declared_order_is_transitive(void **state)
{
    (void)state;
    check_circles(
        "static pthread_mutex_t x " NOTE(
            "acquired_before:y") ";\n"
                                 "static pthread_mutex_t y " NOTE(
                                     "acquired_before:z") ";\n"
                                                          "static pthread_mutex_t z;\n"
                                                          "void f(void) {" PAIR(
                                                              "x",
                                                              "y") "}\nvoid g(void) "
                                                                   "{" PAIR("y",
                                                                            "z") "}\n"
                                                                                 "void "
                                                                                 "h(void)"
                                                                                 " "
                                                                                 "{" PAIR(
                                                                                     "z",
                                                                                     "x") "}\n",
        "lock-order:4 declared-order:6");
}

static void test_declared_relation_that_nothing_uses(void **state)
{
    (void)state;
    check_circles(
        "static pthread_mutex_t x " NOTE(
            "acquired_before:y") ";\n"
                                 "static pthread_mutex_t y;\n"
                                 "void f(void) { pthread_mutex_lock(&x); pthread_mutex_unlock(&x);"
                                 " pthread_mutex_lock(&y); pthread_mutex_unlock(&y); }\n",
        "unused-order:1");
}

static void test_names_given_at_run_time(void **state)
{
    struct findings *findings;
    struct program *program = analyse(
        "struct lock_class { const char *name; int rank; };\n"
        "struct mutex { pthread_mutex_t m; struct lock_class *lc; };\n"
        "static struct lock_class queue_class = {\"queue\", 3};\n"
        "static struct lock_class log_class = {\"log\", 1};\n"
        "struct queue { struct mutex lock; };\n"
        "static struct mutex log_lock " NOTE(
            "capability:x") " = {.lc = &log_class};\n"
                            "void mutex_init(struct mutex *m, struct lock_class *lc);\n"
                            "static void take(struct mutex *m) { pthread_mutex_lock(&m->m); }\n"
                            "static void drop(struct mutex *m) { pthread_mutex_unlock(&m->m); }\n"
                            "void init(struct queue *q) { mutex_init(&q->lock, &queue_class); }\n"
                            "void f(struct queue *q) { take(&q->lock); drop(&q->lock); "
                            "take(&log_lock);"
                            " drop(&log_lock); }\n",
        &findings);
    const struct lock_class *queue = lock_class_named(program, "struct queue.lock");

    (void)state;
    assert_non_null(queue);
    assert_string_equal(lock_class_runtime_name(program, queue), "queue");
    flow_test_free(program, findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrapper_is_looked_through),
        cmocka_unit_test(test_struct_with_data_is_no_wrapper),
        cmocka_unit_test(test_edge_through_callees_has_its_steps),
        cmocka_unit_test(test_circle_of_two),
        cmocka_unit_test(test_gate_from_callers_keeps_a_circle_shut),
        cmocka_unit_test(test_gate_that_one_caller_lacks_is_none),
        cmocka_unit_test(test_trylock_closes_no_circle),
        cmocka_unit_test(test_declared_order_is_transitive),
        cmocka_unit_test(test_declared_relation_that_nothing_uses),
        cmocka_unit_test(test_names_given_at_run_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
