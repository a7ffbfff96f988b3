/* Who holds what at a place, on which paths. */
#include "flow_test.h"

struct example {
    const char *source;
    const char *held;     /* where f() calls here() */
    const char *findings; /* "" for none */
};

static void check(const struct example *example)
{
    struct findings *findings;
    struct program *program = flow_test_run(example->source, &findings);
    char *held = flow_test_held(program, "f");

    if (!example->held) {
        assert_null(held);
    } else {
        assert_non_null(held);
        assert_string_equal(held, example->held);
    }
    flow_test_assert_findings(findings, example->findings);
    g_free(held);
    flow_test_free(program, findings);
}

#define EXAMPLE(name, ...)                                                                         \
    static void name(void **state)                                                                 \
    {                                                                                              \
        const struct example example = {__VA_ARGS__};                                              \
                                                                                                   \
        (void)state;                                                                               \
        check(&example);                                                                           \
    }

EXAMPLE(test_lock_and_unlock,
        "void f(void) { pthread_mutex_lock(&a); here();"
        " pthread_mutex_unlock(&a); }",
        "a", "")
EXAMPLE(test_branches_on_one_flag_go_together,
        "void f(int need) { if (need) pthread_mutex_lock(&a);\n"
        " other++;\n if (need) { here(); pthread_mutex_unlock(&a); } }",
        "a", "")
EXAMPLE(test_branches_on_one_global_go_together,
        "void f(void) { if (flag) pthread_mutex_lock(&a);\n"
        " other++;\n if (flag) { here(); pthread_mutex_unlock(&a); } }",
        "a", "")
EXAMPLE(test_switch_on_one_value_goes_together,
        "void f(int k) { switch (k) { case 1: pthread_mutex_lock(&a); break;\n"
        " case 2: pthread_mutex_lock(&b); break; default: return; }\n"
        " here();\n"
        " switch (k) { case 1: pthread_mutex_unlock(&a); break;\n"
        " case 2: pthread_mutex_unlock(&b); break; } }",
        "a|b", "")
EXAMPLE(
    test_trylock_compared_with_zero,
    "void f(void) { if (pthread_mutex_trylock(&a) == 0) { here(); pthread_mutex_unlock(&a); } }",
    "a", "")
EXAMPLE(test_trylock_negated,
        "void f(void) { if (!pthread_mutex_trylock(&a)) { here(); pthread_mutex_unlock(&a); } }",
        "a", "")
EXAMPLE(test_trylock_in_a_loop,
        "void f(void) { while (pthread_mutex_trylock(&a)) other++; here();"
        " pthread_mutex_unlock(&a); }",
        "a", "")
EXAMPLE(test_trylock_result_kept,
        "int f(void) { int ret = pthread_mutex_trylock(&a); if (ret) return ret;\n"
        " here(); pthread_mutex_unlock(&a); return 0; }",
        "a", "")
EXAMPLE(test_alias_of_a_field,
        "void f(struct s *s) { struct s *p = s; pthread_mutex_t *m = &p->lock;\n"
        " pthread_mutex_lock(m); here(); pthread_mutex_unlock(&s->lock); }",
        "s->lock", "")
EXAMPLE(test_parameter_that_is_set_anew_is_another_object,
        "void f(struct s *s) { struct s *p = s; pthread_mutex_lock(&s->lock); s = s->next;\n"
        " here(); pthread_mutex_unlock(&p->lock); }",
        "s->lock", "")
EXAMPLE(test_callee_takes_and_drops,
        "static void lock(struct s *s) { pthread_mutex_lock(&s->lock); }\n"
        "static void unlock(struct s *s) { pthread_mutex_unlock(&s->lock); }\n"
        "void f(struct s *s) { lock(s); here(); unlock(s); }",
        "s->lock", "")
EXAMPLE(test_callee_takes_if_told_to,
        "static void lock(struct s *s) { if (s->mt) pthread_mutex_lock(&s->lock); }\n"
        "static void unlock(struct s *s) { if (s->mt) pthread_mutex_unlock(&s->lock); }\n"
        "void f(struct s *s) { lock(s); here(); unlock(s); }",
        "|s->lock", "")
EXAMPLE(test_callee_takes_if_it_succeeds,
        "static int enter(struct s *s) { pthread_mutex_lock(&s->lock);\n"
        " if (s->n) { pthread_mutex_unlock(&s->lock); return -1; } return 0; }\n"
        "int f(struct s *s) { if (enter(s) < 0) return -1; here();\n"
        " pthread_mutex_unlock(&s->lock); return 0; }",
        "s->lock", "")
EXAMPLE(test_callee_returns_the_lock,
        "static pthread_mutex_t *lock_of(struct s *s) { return &s->lock; }\n"
        "void f(struct s *s) { pthread_mutex_lock(lock_of(s)); here();"
        " pthread_mutex_unlock(&s->lock); }",
        "s->lock", "")
EXAMPLE(test_callee_drops_and_takes_again,
        "static void yield(struct s *s) { pthread_mutex_unlock(&s->lock); other++;\n"
        " pthread_mutex_lock(&s->lock); }\n"
        "void f(struct s *s) { pthread_mutex_lock(&s->lock); yield(s); here();"
        " pthread_mutex_unlock(&s->lock); }",
        "s->lock", "")
EXAMPLE(
    test_recursion_ends,
    "static void walk(struct s *s, int n) { if (n == 0) { pthread_mutex_lock(&s->lock); return; }"
    " walk(s, n - 1); }\n"
    "void f(struct s *s, int n) { walk(s, n); here(); pthread_mutex_unlock(&s->lock); }",
    "s->lock", "")
EXAMPLE(test_mutual_recursion_ends,
        "static void odd(int n);\n"
        "static void even(int n) { pthread_mutex_lock(&a); pthread_mutex_unlock(&a);"
        " if (n) odd(n - 1); }\n"
        "static void odd(int n) { pthread_mutex_lock(&b); pthread_mutex_unlock(&b);"
        " if (n) even(n - 1); }\n"
        "void f(int n) { even(n); here(); }",
        "", "")
EXAMPLE(test_goto_to_the_common_end,
        "int f(int n) { int r = 0; pthread_mutex_lock(&a); if (n < 0) { r = -1; goto out; }\n"
        " here();\nout: pthread_mutex_unlock(&a); return r; }",
        "a", "")
EXAMPLE(test_leak_on_the_error_path,
        "int f(int n) { pthread_mutex_lock(&a); here();\n if (n < 0)\n return -1;\n"
        " pthread_mutex_unlock(&a); return 0; }",
        "a", "balance:3")
EXAMPLE(test_leak_of_the_error_path_is_one_finding,
        "int f(int n) { int r = 0; pthread_mutex_lock(&a); here();\n"
        " if (n == 1) { r = -1; goto out; }\n if (n == 2) { r = -2; goto out; }\n"
        " pthread_mutex_unlock(&a);\nout:\n return r; }",
        "a", "balance:6")
EXAMPLE(test_taken_twice,
        "void f(void) { pthread_mutex_lock(&a); here();\n"
        " pthread_mutex_lock(&a);\n pthread_mutex_unlock(&a); }",
        "a", "self-deadlock:2")
EXAMPLE(test_taken_twice_through_a_pointer,
        "void f(struct s *s) { pthread_mutex_t *m = &s->lock; pthread_mutex_lock(m); here();\n"
        " pthread_mutex_lock(&s->lock);\n pthread_mutex_unlock(m); }",
        "s->lock", "self-deadlock:2")
EXAMPLE(test_two_objects_are_two_locks,
        "void f(struct s *s, struct s *t) { pthread_mutex_lock(&s->lock);\n"
        " pthread_mutex_lock(&t->lock);\n here(); pthread_mutex_unlock(&t->lock);"
        " pthread_mutex_unlock(&s->lock); }",
        "s->lock+t->lock", "")
EXAMPLE(test_dropped_twice,
        "void f(void) { pthread_mutex_lock(&a); here();\n"
        " pthread_mutex_unlock(&a);\n pthread_mutex_unlock(&a); }",
        "a", "double-release:3")
EXAMPLE(test_wait_in_a_loop,
        "static pthread_cond_t cond;\n"
        "void f(void) { pthread_mutex_lock(&a); while (!flag) pthread_cond_wait(&cond, &a);\n"
        " here(); pthread_mutex_unlock(&a); }",
        "a", "")
EXAMPLE(test_wait_that_keeps_another_lock,
        "static pthread_cond_t cond;\n"
        "void f(void) { pthread_mutex_lock(&b); pthread_mutex_lock(&a); while (!flag)\n"
        " pthread_cond_wait(&cond, &a);\n"
        " here(); pthread_mutex_unlock(&a); pthread_mutex_unlock(&b); }",
        "a+b", "wait:3")
EXAMPLE(test_wait_without_the_mutex,
        "static pthread_cond_t cond;\n"
        "void f(void) { here();\n pthread_cond_wait(&cond, &a);\n}",
        "", "wait:3")
EXAMPLE(test_all_of_an_array,
        "static pthread_mutex_t all[8];\n"
        "void f(void) { for (int i = 0; i < 8; i++) pthread_mutex_lock(&all[i]);\n"
        " other++; for (int i = 0; i < 8; i++) pthread_mutex_unlock(&all[i]); }\n"
        "void g(void) { f(); }",
        NULL, "")
EXAMPLE(test_fresh_object_is_returned_locked,
        "static struct s *create(void) { struct s *s = malloc(sizeof *s); if (!s) return NULL;\n"
        " pthread_mutex_init(&s->lock, NULL); pthread_mutex_lock(&s->lock); return s; }\n"
        "void f(void) { struct s *s = create(); if (!s) return; pthread_mutex_unlock(&s->lock);\n"
        " here(); }",
        "", "")
EXAMPLE(test_noreturn_ends_a_path,
        "void f(int n) { pthread_mutex_lock(&a); if (n < 0) abort(); here();"
        " pthread_mutex_unlock(&a); }",
        "a", "")
EXAMPLE(test_requires_is_held_from_the_start,
        NOTE("requires:&s->lock") " static void g(struct s *s) { s->n++; }\n" NOTE(
            "requires:&s->lock") " void f(struct s *s) { here(); g(s); }",
        "s->lock", "")
EXAMPLE(test_contract_is_compared_with_the_body,
        NOTE("acquire:&s->lock") " void f(struct s *s) { pthread_mutex_lock(&s->lock); here();\n"
                                 " if (s->n) {\n pthread_mutex_unlock(&s->lock);\n return; } }",
        "s->lock", "balance:4")

#undef EXAMPLE

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lock_and_unlock),
        cmocka_unit_test(test_branches_on_one_flag_go_together),
        cmocka_unit_test(test_branches_on_one_global_go_together),
        cmocka_unit_test(test_switch_on_one_value_goes_together),
        cmocka_unit_test(test_trylock_compared_with_zero),
        cmocka_unit_test(test_trylock_negated),
        cmocka_unit_test(test_trylock_in_a_loop),
        cmocka_unit_test(test_trylock_result_kept),
        cmocka_unit_test(test_alias_of_a_field),
        cmocka_unit_test(test_parameter_that_is_set_anew_is_another_object),
        cmocka_unit_test(test_callee_takes_and_drops),
        cmocka_unit_test(test_callee_takes_if_told_to),
        cmocka_unit_test(test_callee_takes_if_it_succeeds),
        cmocka_unit_test(test_callee_returns_the_lock),
        cmocka_unit_test(test_callee_drops_and_takes_again),
        cmocka_unit_test(test_recursion_ends),
        cmocka_unit_test(test_mutual_recursion_ends),
        cmocka_unit_test(test_goto_to_the_common_end),
        cmocka_unit_test(test_leak_on_the_error_path),
        cmocka_unit_test(test_leak_of_the_error_path_is_one_finding),
        cmocka_unit_test(test_taken_twice),
        cmocka_unit_test(test_taken_twice_through_a_pointer),
        cmocka_unit_test(test_two_objects_are_two_locks),
        cmocka_unit_test(test_dropped_twice),
        cmocka_unit_test(test_wait_in_a_loop),
        cmocka_unit_test(test_wait_that_keeps_another_lock),
        cmocka_unit_test(test_wait_without_the_mutex),
        cmocka_unit_test(test_all_of_an_array),
        cmocka_unit_test(test_fresh_object_is_returned_locked),
        cmocka_unit_test(test_noreturn_ends_a_path),
        cmocka_unit_test(test_requires_is_held_from_the_start),
        cmocka_unit_test(test_contract_is_compared_with_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
