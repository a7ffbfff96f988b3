/* What is legal C and seldom written. */
#include "front_test.h"

static void test_case_labels_lead_into_a_loop(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int n, char *to) { switch (n % 4) case 0: do { g(0); case 3: g(3); "
                 "case 2: g(2); } while (--n > 0); }\n",
                 "0:\n"
                 "set %0 = ?\n"
                 "if %0 == 0 goto 2 else 5\n"
                 "1:\n"
                 "return\n"
                 "2:\n"
                 "call g(0)\n"
                 "goto 3\n"
                 "3:\n"
                 "call g(3)\n"
                 "goto 4\n"
                 "4:\n"
                 "call g(2)\n"
                 "write n\n"
                 "if n > 0 goto 2 else 1\n"
                 "5:\n"
                 "if %0 == 3 goto 3 else 6\n"
                 "6:\n"
                 "if %0 == 2 goto 4 else 1\n");
}

static void test_continue_in_a_switch_is_the_loops(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (int i = 0, j = 1; i < j; i++, j--) switch (i) { case 1: "
                 "continue; case 2: break; default: g(i); } }\n",
                 "0:\n"
                 "set i = 0\n"
                 "set j = 1\n"
                 "goto 1\n"
                 "1:\n"
                 "if i < j goto 2 else 4\n"
                 "2:\n"
                 "if i == 1 goto 3 else 6\n"
                 "3:\n"
                 "write i\n"
                 "write j\n"
                 "goto 1\n"
                 "4:\n"
                 "return\n"
                 "5:\n"
                 "call g(i)\n"
                 "goto 3\n"
                 "6:\n"
                 "if i == 2 goto 3 else 5\n");
}

static void test_return_in_a_statement_expression(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "int f(int a) { int x = ({ if (a) return 3; g(1); 7; }); return x; }\n",
                 "0:\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "set x = 7\n"
                 "return x\n"
                 "2:\n"
                 "return 3\n");
}

static void test_local_labels_of_a_macro_are_told_apart(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "#define TRY(x) ({ __label__ done; int r = 0; if (g(x)) goto done; r = 1; "
                 "done: r; })\n"
                 "int f(int a) { return TRY(1) + TRY(2); }\n",
                 "0:\n"
                 "set r = 0\n"
                 "call g(1) -> %1 macro TRY\n"
                 "if %1 goto 2 else 1\n"
                 "1:\n"
                 "set r = 1\n"
                 "goto 2\n"
                 "2:\n"
                 "set r = 0\n"
                 "call g(2) -> %3 macro TRY\n"
                 "if %3 goto 4 else 3\n"
                 "3:\n"
                 "set r = 1\n"
                 "goto 4\n"
                 "4:\n"
                 "return ?\n");
}

static void test_functions_come_out_of_expressions(void **state)
{
    (void)state;
    front_test_f("typedef void (*fn)(int); fn pick(int); void a1(int x); fn tab[2] = {a1}; fn "
                 "*get(void);\n"
                 "void f(int i) { pick(1)(2); tab[i](3); get()[1](4); (*get())(5); ((void "
                 "(*)(int))pick)(6); (&a1)(7); (*a1)(8); }\n",
                 "0:\n"
                 "call pick(1) -> %0\n"
                 "call-through %0(2)\n"
                 "read tab[i]\n"
                 "call-through tab[i](3)\n"
                 "call get() -> %1\n"
                 "read %1[1]\n"
                 "call-through %1[1](4)\n"
                 "call get() -> %2\n"
                 "read *%2\n"
                 "call-through *%2(5)\n"
                 "call pick(6)\n"
                 "call a1(7)\n"
                 "call a1(8)\n"
                 "return\n");
}

static void test_arrays_of_locks_have_one_name(void **state)
{
    (void)state;
    front_test_f("struct l { int x; }; struct q { struct l *locks[4]; struct l (*pairs)[2]; "
                 "struct q *(*next)(struct q *); } *q; void lock(struct l *);\n"
                 "void f(int i, int j) { lock(q->locks[i]); lock(&q->pairs[i][j]); "
                 "lock(q->next(q)->locks[0]); lock(*q->locks); lock(*(q->locks + i)); "
                 "lock(q->pairs[i] + j); }\n",
                 "0:\n"
                 "read q\n"
                 "read q->locks[i]\n"
                 "call lock(q->locks[i])\n"
                 "read q\n"
                 "read q->pairs\n"
                 "call lock(&q->pairs[i][j])\n"
                 "read q\n"
                 "read q->next\n"
                 "read q\n"
                 "call-through q->next(q) -> %0\n"
                 "read %0->locks[0]\n"
                 "call lock(%0->locks[0])\n"
                 "read q\n"
                 "read q->locks[0]\n"
                 "call lock(q->locks[0])\n"
                 "read q\n"
                 "read q->locks[i]\n"
                 "call lock(q->locks[i])\n"
                 "read q\n"
                 "read q->pairs\n"
                 "call lock(&q->pairs[i][j])\n"
                 "return\n");
}

static void test_conditions_are_in_one_form(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a, int b) { if (!a == 0) g(1); if ((a && b) == 0) g(2); if "
                 "((_Bool)a) g(3); if (!!a) g(4); if (a - b) g(5); if ((a = g(6)) != 0) g(7); "
                 "if (a ? b : 0) g(8); while (({ g(9); a; })) ; }\n",
                 "0:\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "if a goto 5 else 4\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 1\n"
                 "3:\n"
                 "if a goto 7 else 6\n"
                 "4:\n"
                 "call g(2)\n"
                 "goto 3\n"
                 "5:\n"
                 "if b goto 3 else 4\n"
                 "6:\n"
                 "if a goto 9 else 8\n"
                 "7:\n"
                 "call g(3)\n"
                 "goto 6\n"
                 "8:\n"
                 "if ? goto 11 else 10\n"
                 "9:\n"
                 "call g(4)\n"
                 "goto 8\n"
                 "10:\n"
                 "call g(6) -> %0\n"
                 "set a = %0\n"
                 "if a != 0 goto 13 else 12\n"
                 "11:\n"
                 "call g(5)\n"
                 "goto 10\n"
                 "12:\n"
                 "if a goto 15 else 16\n"
                 "13:\n"
                 "call g(7)\n"
                 "goto 12\n"
                 "14:\n"
                 "call g(8)\n"
                 "goto 16\n"
                 "15:\n"
                 "if b goto 14 else 16\n"
                 "16:\n"
                 "call g(9)\n"
                 "if a goto 16 else 17\n"
                 "17:\n"
                 "return\n");
}

static void test_empty_statements_leave_nothing(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { if (a) ; else g(1); if (a) { } do { } while (0); ; { g(2); } "
                 "lbl: ; if (a) goto lbl; }\n",
                 "0:\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "goto 2\n"
                 "2:\n"
                 "call g(2)\n"
                 "goto 3\n"
                 "3:\n"
                 "if a goto 3 else 4\n"
                 "4:\n"
                 "return\n");
}

static void test_an_array_stands_for_its_first_element(void **state)
{
    (void)state;
    front_test_f("struct l { int x; }; struct q { struct l *locks[4]; struct l one[1]; } *q; "
                 "void lock(struct l *);\n"
                 "void f(struct l t[2]) { lock(*q->locks); q->one->x = 1; (*q->one).x = 2; t->x "
                 "= 1; lock(q->one); }\n",
                 "0:\n"
                 "read q\n"
                 "read q->locks[0]\n"
                 "call lock(q->locks[0])\n"
                 "read q\n"
                 "set q->one[0].x = 1\n"
                 "read q\n"
                 "set q->one[0].x = 2\n"
                 "set t->x = 1\n"
                 "read q\n"
                 "call lock(&q->one)\n"
                 "return\n");
}

static void test_marks_in_a_pointer_are_taken_off(void **state)
{
    (void)state;
    front_test_f("void g(void *);\n"
                 "void f(void *p) { unsigned long m = (unsigned long)p | 1; g((void "
                 "*)((unsigned long)p & ~3ul)); g((void *)((unsigned long)p + 8)); (void)m; }\n",
                 "0:\n"
                 "set m = offset(p, (unsigned long)p | 1)\n"
                 "call g(p)\n"
                 "call g(offset(p, (unsigned long)p + 8))\n"
                 "return\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_labels_lead_into_a_loop),
        cmocka_unit_test(test_continue_in_a_switch_is_the_loops),
        cmocka_unit_test(test_return_in_a_statement_expression),
        cmocka_unit_test(test_local_labels_of_a_macro_are_told_apart),
        cmocka_unit_test(test_functions_come_out_of_expressions),
        cmocka_unit_test(test_arrays_of_locks_have_one_name),
        cmocka_unit_test(test_conditions_are_in_one_form),
        cmocka_unit_test(test_empty_statements_leave_nothing),
        cmocka_unit_test(test_an_array_stands_for_its_first_element),
        cmocka_unit_test(test_marks_in_a_pointer_are_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
