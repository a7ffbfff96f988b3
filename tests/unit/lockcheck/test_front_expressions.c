/* Expressions as events: what is called, set, read and written, in which
 * order, and under which name. */
#include "front_test.h"

static void test_logical_operators_are_branches(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a, int b) { if (a && (b || !g(1))) g(2); }\n",
                 "0:\n"
                 "if a goto 3 else 1\n"
                 "1:\n"
                 "return\n"
                 "2:\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "3:\n"
                 "if b goto 2 else 4\n"
                 "4:\n"
                 "call g(1) -> %0\n"
                 "if %0 goto 1 else 2\n");
}

static void test_logical_operators_have_a_value(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "int f(int a, int b) { int x = a && g(b); return !x; }\n",
                 "0:\n"
                 "if a goto 4 else 2\n"
                 "1:\n"
                 "set %1 = 1\n"
                 "goto 3\n"
                 "2:\n"
                 "set %1 = 0\n"
                 "goto 3\n"
                 "3:\n"
                 "set x = %1\n"
                 "return !(x)\n"
                 "4:\n"
                 "call g(b) -> %2\n"
                 "if %2 goto 1 else 2\n");
}

static void test_conditional_has_a_value(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "int f(int a, int b) { return a ? g(1) : b; }\n",
                 "0:\n"
                 "if a goto 1 else 2\n"
                 "1:\n"
                 "call g(1) -> %1\n"
                 "set %0 = %1\n"
                 "goto 3\n"
                 "2:\n"
                 "set %0 = b\n"
                 "goto 3\n"
                 "3:\n"
                 "return %0\n");
}

static void test_conditional_without_middle(void **state)
{
    (void)state;
    front_test_f("int *g(int);\n"
                 "int f(int *b) { return *(g(1) ?: b); }\n",
                 "0:\n"
                 "call g(1) -> %1\n"
                 "set %0 = %1\n"
                 "if %1 goto 2 else 1\n"
                 "1:\n"
                 "set %0 = b\n"
                 "goto 2\n"
                 "2:\n"
                 "read *%0\n"
                 "return *%0\n");
}

static void test_places_are_paths_from_a_variable(void **state)
{
    (void)state;
    front_test_f("struct q { int n; struct q *next; int a[4]; } s;\n"
                 "void f(struct q *p, int i) { p->next->n = s.a[i + 1]; p->a[i]++; s.n += p->n; "
                 "p[i].n = (*p).n; p[3].next[i].n = 0; }\n",
                 "0:\n"
                 "read s.a[i + 1]\n"
                 "read p->next\n"
                 "set p->next->n = s.a[i + 1]\n"
                 "write p->a[i]\n"
                 "read p->n\n"
                 "write s.n\n"
                 "read p->n\n"
                 "set p[i].n = p->n\n"
                 "read p[3].next\n"
                 "set p[3].next[i].n = 0\n"
                 "return\n");
}

static void test_anonymous_members_are_members_of_the_outer_record(void **state)
{
    (void)state;
    front_test_f("struct q { int n; struct { int m; union { int u; int v; }; }; };\n"
                 "void f(struct q *p) { p->m = p->v; }\n",
                 "0:\n"
                 "read p->v\n"
                 "set p->m = p->v\n"
                 "return\n");
}

static void test_pointer_arithmetic_names_elements(void **state)
{
    (void)state;
    front_test_f("struct q { int n; }; int g(struct q *);\n"
                 "void f(struct q *p, struct q t[2], struct q **pp) { g(p + 1); g(t + 1); "
                 "g(&t[1]); g(*pp); g(&**pp); g(pp[2]); g((struct q *)((char *)p + 8)); }\n",
                 "0:\n"
                 "call g(&p[1])\n"
                 "call g(&t[1])\n"
                 "call g(&t[1])\n"
                 "read *pp\n"
                 "call g(*pp)\n"
                 "read *pp\n"
                 "call g(*pp)\n"
                 "read pp[2]\n"
                 "call g(pp[2])\n"
                 "call g(offset(p, (char *)p + 8))\n"
                 "return\n");
}

static void test_results_of_calls_are_variables(void **state)
{
    (void)state;
    front_test_f("struct q { int n; }; struct q *g(void); struct q h(void);\n"
                 "int f(void) { g()->n = h().n; return g()[1].n; }\n",
                 "0:\n"
                 "call h() -> %0\n"
                 "read %0.n\n"
                 "call g() -> %1\n"
                 "set %1->n = %0.n\n"
                 "call g() -> %2\n"
                 "read %2[1].n\n"
                 "return %2[1].n\n");
}

static void test_container_of_leads_back(void **state)
{
    (void)state;
    front_test_f("#define offsetof __builtin_offsetof\n"
                 "struct n { int x; }; struct q { int a; struct n n; };\n"
                 "#define container_of(p, T, m) ({ const __typeof__(((T *)0)->m) *q_ = (p); (T "
                 "*)((char *)q_ - offsetof(T, m)); })\n"
                 "void g(struct q *);\n"
                 "void f(struct n *n, struct q *q) { g(container_of(n, struct q, n)); "
                 "g(container_of(&q->n, struct q, n)); g((struct q *)((char *)n - (unsigned "
                 "long)&((struct q *)0)->n)); }\n",
                 "0:\n"
                 "set q_ = n\n"
                 "call g(offset(n, container_of(struct q.n)))\n"
                 "set q_ = &q->n\n"
                 "call g(q)\n"
                 "call g(offset(n, container_of(struct q.n)))\n"
                 "return\n");
}

static void test_expectations_leave_no_trace(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { if (__builtin_expect(!!(a == 1 && g(1)), 0)) g(2); if "
                 "(__builtin_expect(({ int b_; if (a) b_ = 1; else b_ = 0; b_; }), 1)) g(3); }\n",
                 "0:\n"
                 "if a == 1 goto 3 else 1\n"
                 "1:\n"
                 "if a goto 5 else 4\n"
                 "2:\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "3:\n"
                 "call g(1) -> %0\n"
                 "if %0 goto 2 else 1\n"
                 "4:\n"
                 "return\n"
                 "5:\n"
                 "call g(3)\n"
                 "goto 4\n");
}

static void test_statement_expression_is_its_last_statement(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { int x = ({ int t = g(a); t + 1; t; }); g(x); (void)({ g(1); "
                 "}); }\n",
                 "0:\n"
                 "call g(a) -> %2\n"
                 "set t = %2\n"
                 "set x = t\n"
                 "call g(x)\n"
                 "call g(1)\n"
                 "return\n");
}

static void test_calls_through_pointers(void **state)
{
    (void)state;
    front_test_f("struct ops { void (*run)(int); }; void a1(int x);\n"
                 "void f(struct ops *o, void (*cb)(int), int n) { o->run(1); (*o->run)(2); "
                 "cb(3); (**cb)(4); (n ? a1 : cb)(5); o->run = a1; o->run = &a1; }\n",
                 "0:\n"
                 "read o->run\n"
                 "call-through o->run(1)\n"
                 "read o->run\n"
                 "call-through o->run(2)\n"
                 "call-through cb(3)\n"
                 "call-through cb(4)\n"
                 "if n goto 1 else 2\n"
                 "1:\n"
                 "set %0 = a1\n"
                 "goto 3\n"
                 "2:\n"
                 "set %0 = cb\n"
                 "goto 3\n"
                 "3:\n"
                 "call-through %0(5)\n"
                 "set o->run = a1\n"
                 "set o->run = a1\n"
                 "return\n");
}

static void test_atomic_types_make_atomic_accesses(void **state)
{
    (void)state;
    front_test_f("_Atomic int n; int *_Atomic p;\n"
                 "void f(int *q) { n = 1; n++; int x = n; p = q; (void)x; }\n",
                 "0:\n"
                 "set n = 1 atomic\n"
                 "write n atomic\n"
                 "read n atomic\n"
                 "set x = n\n"
                 "set p = q atomic\n"
                 "return\n");
}

static void test_c11_atomics_are_calls_and_accesses(void **state)
{
    (void)state;
    front_test_f(
        "#include <stdatomic.h>\n"
        "atomic_int n; atomic_flag fl;\n"
        "void f(int x) { atomic_store_explicit(&n, x, memory_order_release); x = "
        "atomic_load_explicit(&n, memory_order_acquire); x = atomic_exchange(&n, 2); x "
        "= atomic_fetch_add_explicit(&n, 1, memory_order_relaxed); int e = 0; if "
        "(atomic_compare_exchange_strong(&n, &e, 5)) x = 1; "
        "atomic_thread_fence(memory_order_seq_cst); while "
        "(atomic_flag_test_and_set(&fl)) ; atomic_flag_clear(&fl); }\n",
        "0:\n"
        "call __atomic_store_n(&n, x, 3) macro atomic_store_explicit atomic\n"
        "set n = x atomic\n"
        "call __atomic_load_n(&n, 2) macro atomic_load_explicit atomic\n"
        "read n atomic\n"
        "set %0 = n\n"
        "set x = %0\n"
        "call __atomic_exchange_n(&n, 2, 5) -> %1 macro atomic_exchange atomic\n"
        "set n = 2 atomic\n"
        "set x = %1\n"
        "call __atomic_fetch_op(&n, 1, 0) -> %2 macro atomic_fetch_add_explicit atomic\n"
        "write n atomic\n"
        "set x = %2\n"
        "set e = 0\n"
        "call __atomic_compare_exchange_n(&n, &e, 5, 5, 5) -> %4 macro "
        "atomic_compare_exchange_strong atomic\n"
        "write e\n"
        "write n atomic\n"
        "if %4 goto 2 else 1\n"
        "1:\n"
        "call __atomic_thread_fence(5) macro atomic_thread_fence\n"
        "goto 3\n"
        "2:\n"
        "set x = 1\n"
        "goto 1\n"
        "3:\n"
        "call __atomic_exchange_n(&fl._Value, 1, 5) -> %5 macro atomic_flag_test_and_set atomic\n"
        "set fl._Value = 1 atomic\n"
        "if %5 goto 3 else 4\n"
        "4:\n"
        "call __atomic_store_n(&fl._Value, 0, 5) macro atomic_flag_clear atomic\n"
        "set fl._Value = 0 atomic\n"
        "return\n");
}

static void test_gnu_atomics_are_calls_and_accesses(void **state)
{
    (void)state;
    front_test_f("int n; int *p;\n"
                 "void f(int *q) { int x = __atomic_load_n(&n, __ATOMIC_ACQUIRE); "
                 "__atomic_store_n(&p, q, __ATOMIC_RELEASE); q = __atomic_exchange_n(&p, q, "
                 "__ATOMIC_ACQ_REL); x = __atomic_add_fetch(&n, 1, __ATOMIC_SEQ_CST); int y; "
                 "__atomic_load(&n, &y, __ATOMIC_RELAXED); __atomic_store(&n, &y, "
                 "__ATOMIC_RELAXED); __sync_fetch_and_add(&n, 1); __sync_synchronize(); "
                 "__sync_lock_release(&n); (void)x; }\n",
                 "0:\n"
                 "call __atomic_load_n(&n, 2) atomic\n"
                 "read n atomic\n"
                 "set %1 = n\n"
                 "set x = %1\n"
                 "call __atomic_store_n(&p, q, 3) atomic\n"
                 "set p = q atomic\n"
                 "call __atomic_exchange_n(&p, q, 4) -> %2 atomic\n"
                 "set p = q atomic\n"
                 "set q = %2\n"
                 "call __atomic_fetch_op(&n, 1, 5) -> %3 atomic\n"
                 "write n atomic\n"
                 "set x = %3\n"
                 "call __atomic_load_n(&n, 0) atomic\n"
                 "read n atomic\n"
                 "set y = n\n"
                 "call __atomic_store_n(&n, y, 0) atomic\n"
                 "set n = y atomic\n"
                 "call __sync_fetch_and_add(&n, 1) -> %5 atomic\n"
                 "write n atomic\n"
                 "call __sync_synchronize() atomic\n"
                 "call __sync_lock_release(&n) atomic\n"
                 "set n = 0 atomic\n"
                 "return\n");
}

static void test_generic_selection_takes_its_branch(void **state)
{
    (void)state;
    front_test_f("int g(int); int h(char);\n"
                 "void f(int a, char c) { _Generic(a, int: g, char: h)(1); _Generic(c, int: g, "
                 "char: h)(2); }\n",
                 "0:\n"
                 "call g(1)\n"
                 "call h(2)\n"
                 "return\n");
}

static void test_constants_are_folded(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { g(sizeof(a++)); g(3 * 4 + 1); g(-1); g(~0); g('a'); g(1 << 3 "
                 "| 1); if (0) g(1); g(1 ? 2 : 3); }\n",
                 "0:\n"
                 "call g(4)\n"
                 "call g(13)\n"
                 "call g(-1)\n"
                 "call g(-1)\n"
                 "call g(97)\n"
                 "call g(9)\n"
                 "set %0 = 2\n"
                 "call g(%0)\n"
                 "return\n");
}

static void test_increments_are_writes(void **state)
{
    (void)state;
    front_test_f(
        "int g(const char *);\n"
        "void f(int *p) { g(\"a\\tb\"); int x = (*p++, 1); x = *p--; x = ++*p; (void)x; }\n",
        "0:\n"
        "call g(\"a\\tb\")\n"
        "set %1 = p\n"
        "write p\n"
        "read *%1\n"
        "set x = 1\n"
        "set %2 = p\n"
        "write p\n"
        "read *%2\n"
        "set x = *%2\n"
        "write *p\n"
        "set x = *p\n"
        "return\n");
}

static void test_structs_are_written_as_a_whole(void **state)
{
    (void)state;
    front_test_f("struct q { int n; void (*fn)(int); }; void a1(int x);\n"
                 "void f(struct q *p, struct q *r) { *p = (struct q){.fn = a1, .n = 2}; *p = "
                 "*r; struct q c = *r; p->n = c.n; }\n",
                 "0:\n"
                 "write *p\n"
                 "set p->fn = a1\n"
                 "set p->n = 2\n"
                 "read *r\n"
                 "write *p\n"
                 "write c\n"
                 "read *r\n"
                 "set c = *r\n"
                 "read c.n\n"
                 "set p->n = c.n\n"
                 "return\n");
}

static void test_variadic_arguments_are_arguments(void **state)
{
    (void)state;
    front_test_f("void g(int n, ...);\n"
                 "void f(int a) { g(1, a, \"x\", &a); }\n",
                 "0:\n"
                 "call g(1, a, \"x\", &a)\n"
                 "return\n");
}

static void test_calls_know_their_macro(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "#define LOCK(x) g(x)\n"
                 "#define CHECK(x) if (x) g(9)\n"
                 "void f(int a) { LOCK(1); CHECK(LOCK(2)); CHECK(g(3)); }\n",
                 "0:\n"
                 "call g(1) macro LOCK\n"
                 "call g(2) -> %0 macro LOCK\n"
                 "if %0 goto 2 else 1\n"
                 "1:\n"
                 "call g(3) -> %1\n"
                 "if %1 goto 4 else 3\n"
                 "2:\n"
                 "call g(9) macro CHECK\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n"
                 "4:\n"
                 "call g(9) macro CHECK\n"
                 "goto 3\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logical_operators_are_branches),
        cmocka_unit_test(test_logical_operators_have_a_value),
        cmocka_unit_test(test_conditional_has_a_value),
        cmocka_unit_test(test_conditional_without_middle),
        cmocka_unit_test(test_places_are_paths_from_a_variable),
        cmocka_unit_test(test_anonymous_members_are_members_of_the_outer_record),
        cmocka_unit_test(test_pointer_arithmetic_names_elements),
        cmocka_unit_test(test_results_of_calls_are_variables),
        cmocka_unit_test(test_container_of_leads_back),
        cmocka_unit_test(test_expectations_leave_no_trace),
        cmocka_unit_test(test_statement_expression_is_its_last_statement),
        cmocka_unit_test(test_calls_through_pointers),
        cmocka_unit_test(test_atomic_types_make_atomic_accesses),
        cmocka_unit_test(test_c11_atomics_are_calls_and_accesses),
        cmocka_unit_test(test_gnu_atomics_are_calls_and_accesses),
        cmocka_unit_test(test_generic_selection_takes_its_branch),
        cmocka_unit_test(test_constants_are_folded),
        cmocka_unit_test(test_increments_are_writes),
        cmocka_unit_test(test_structs_are_written_as_a_whole),
        cmocka_unit_test(test_variadic_arguments_are_arguments),
        cmocka_unit_test(test_calls_know_their_macro),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
