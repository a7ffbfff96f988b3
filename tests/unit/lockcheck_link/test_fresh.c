#include "link_test.h"

#include "fresh.h"
#include "phase.h"

#define HEAD                                                                                       \
    "#include <stdlib.h>\n#include <pthread.h>\n"                                                  \
    "struct task { struct task *next; int mark; };\nstruct task *all;\nvoid keep(void *p);\n"

/* Whether the object is fresh at the write of `mark` in `f`. */
static bool fresh_at_mark(const char *body)
{
    char *source = g_strconcat(HEAD, body, NULL);
    struct program *program = link_test_program(source, NULL);
    const struct pfunction *f = link_test_function(program, "f");
    struct fresh *fresh = fresh_new(program);
    bool found = false;
    bool result = false;

    for (guint b = 0; b < f->ir->blocks->len; b++) {
        const struct ir_block *block = f->ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];
            const struct ir_step *last = event->kind == IR_SET && event->path->steps->len > 0
                                             ? &g_array_index(event->path->steps, struct ir_step,
                                                              event->path->steps->len - 1)
                                             : NULL;

            if (last && g_strcmp0(last->name, "mark") == 0) {
                found = true;
                result = fresh_path(fresh, f, event, event->path);
            }
        }
    }
    assert_true(found);
    fresh_free(fresh);
    link_test_free(program);
    g_free(source);
    return result;
}

static void test_new_objects_are_fresh_until_they_are_stored(void **state)
{
    (void)state;
    assert_true(fresh_at_mark(
        "void f(void) { struct task *t = malloc(sizeof(*t)); t->mark = 1; all = t; }"));
    assert_false(fresh_at_mark(
        "void f(void) { struct task *t = malloc(sizeof(*t)); all = t; t->mark = 1; }"));
}

static void test_a_copy_publishes_the_object(void **state)
{
    (void)state;
    assert_false(fresh_at_mark(
        "void f(void) { struct task *t = calloc(1, 8), *u; u = t; all = u; t->mark = 1; }"));
}

static void test_a_callee_that_stores_its_argument_publishes(void **state)
{
    (void)state;
    assert_false(fresh_at_mark(
        "static void add(struct task *n) { n->next = all; all = n; }\n"
        "void f(void) { struct task *t = malloc(sizeof(*t)); add(t); t->mark = 1; }"));
    assert_true(fresh_at_mark(
        "static void init(struct task *n) { n->next = n; }\n"
        "void f(void) { struct task *t = malloc(sizeof(*t)); init(t); t->mark = 1; }"));
}

static void test_a_constructor_returns_fresh_objects(void **state)
{
    (void)state;
    assert_true(fresh_at_mark("static struct task *make(void) { struct task *t = malloc(8); if "
                              "(!t) return NULL; t->next = NULL; return t; }\n"
                              "void f(void) { struct task *t = make(); t->mark = 1; }"));
    assert_false(fresh_at_mark("static struct task *find(void) { return all; }\n"
                               "void f(void) { struct task *t = find(); t->mark = 1; }"));
}

static void test_fresh_on_one_way_only_is_not_fresh(void **state)
{
    (void)state;
    assert_false(fresh_at_mark(
        "void f(int i) { struct task *t = malloc(8); if (i) all = t; t->mark = 1; }"));
}

static void test_local_objects_are_fresh_until_a_thread_has_them(void **state)
{
    (void)state;
    assert_true(fresh_at_mark("void f(void) { struct task t; t.mark = 1; keep(&t); }"));
    assert_false(fresh_at_mark("static void *run(void *o) { return o; }\n"
                               "void f(void) { struct task t; pthread_t p; pthread_create(&p, "
                               "NULL, run, &t); t.mark = 1; }"));
}

static void test_what_a_fresh_object_points_to_is_not_fresh(void **state)
{
    (void)state;
    assert_false(fresh_at_mark(
        "void f(void) { struct task *t = malloc(8); t->next = all; t->next->mark = 1; }"));
}

static enum phase phase_of_call(const char *body, const char *callee)
{
    char *source = g_strconcat(HEAD "static void *run(void *o) { return o; }\n", body, NULL);
    struct program *program = link_test_program(source, NULL);
    const struct pfunction *f = link_test_function(program, "main");
    struct phases *phases = phases_new(program);
    enum phase phase = PHASE_ALONE;
    bool found = false;

    for (guint c = 0; c < f->calls->len; c++) {
        const struct pcall *call = f->calls->pdata[c];

        if (strcmp(((struct pfunction *)call->targets->pdata[0])->ir->name, callee) == 0) {
            found = true;
            phase = phase_at(phases, f, call->event);
        }
    }
    assert_true(found);
    phases_free(phases);
    link_test_free(program);
    g_free(source);
    return phase;
}

static void test_phases_follow_the_first_thread_and_the_last_join(void **state)
{
    static const char start[] =
        "static void start(pthread_t *t) { pthread_create(t, NULL, run, NULL); }\n"
        "void a(void); void b(void); void c(void);\n"
        "int main(void) { pthread_t t[4]; a(); for (int i = 0; i < 4; i++) start(&t[i]);\n"
        "  b(); for (int i = 0; i < 4; i++) pthread_join(t[i], NULL); c(); return 0; }\n";

    (void)state;
    assert_int_equal(phase_of_call(start, "a"), PHASE_ALONE);
    assert_int_equal(phase_of_call(start, "b"), PHASE_THREADED);
    assert_int_equal(phase_of_call(start, "c"), PHASE_JOINED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_objects_are_fresh_until_they_are_stored),
        cmocka_unit_test(test_a_copy_publishes_the_object),
        cmocka_unit_test(test_a_callee_that_stores_its_argument_publishes),
        cmocka_unit_test(test_a_constructor_returns_fresh_objects),
        cmocka_unit_test(test_fresh_on_one_way_only_is_not_fresh),
        cmocka_unit_test(test_local_objects_are_fresh_until_a_thread_has_them),
        cmocka_unit_test(test_what_a_fresh_object_points_to_is_not_fresh),
        cmocka_unit_test(test_phases_follow_the_first_thread_and_the_last_join),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
