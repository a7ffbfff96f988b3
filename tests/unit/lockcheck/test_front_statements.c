/* Statements as graphs: every way that control can take, and what is cleaned
 * up on it. */
#include "front_test.h"

static void test_else_if_is_a_chain(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { if (a) g(1); else if (a == 2) g(2); else g(3); g(4); }\n",
                 "0:\n"
                 "if a goto 2 else 3\n"
                 "1:\n"
                 "call g(4)\n"
                 "return\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 1\n"
                 "3:\n"
                 "if a == 2 goto 4 else 5\n"
                 "4:\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "5:\n"
                 "call g(3)\n"
                 "goto 1\n");
}

static void test_while_has_continue_and_break(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { while (g(a)) { if (a == 1) continue; if (a == 2) break; g(2); "
                 "} }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(a) -> %0\n"
                 "if %0 goto 2 else 3\n"
                 "2:\n"
                 "if a == 1 goto 1 else 4\n"
                 "3:\n"
                 "return\n"
                 "4:\n"
                 "if a == 2 goto 3 else 5\n"
                 "5:\n"
                 "call g(2)\n"
                 "goto 1\n");
}

static void test_do_tests_at_the_end(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { do g(1); while (g(2)); }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "call g(2) -> %0\n"
                 "if %0 goto 1 else 2\n"
                 "2:\n"
                 "return\n");
}

static void test_for_without_parts_never_ends(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (;;) { g(1); } }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "goto 1\n");
}

static void test_for_may_have_a_test_only(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (; a;) g(1); }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "if a goto 2 else 3\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n");
}

static void test_for_may_have_a_declaration_only(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (int i = 0;;) { if (i) break; g(i); } }\n",
                 "0:\n"
                 "set i = 0\n"
                 "goto 1\n"
                 "1:\n"
                 "if i goto 2 else 3\n"
                 "2:\n"
                 "return\n"
                 "3:\n"
                 "call g(i)\n"
                 "goto 1\n");
}

static void test_for_may_have_a_step_only(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (;; a++) { if (g(a)) break; } }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(a) -> %0\n"
                 "if %0 goto 3 else 2\n"
                 "2:\n"
                 "write a\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n");
}

static void test_for_may_lack_its_test(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (a = 1; ; g(2)) if (a) return; }\n",
                 "0:\n"
                 "set a = 1\n"
                 "goto 1\n"
                 "1:\n"
                 "if a goto 3 else 2\n"
                 "2:\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n");
}

static void test_for_may_lack_its_step(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (a = 1; g(1); ) g(3); }\n",
                 "0:\n"
                 "set a = 1\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(1) -> %0\n"
                 "if %0 goto 2 else 3\n"
                 "2:\n"
                 "call g(3)\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n");
}

static void test_for_may_lack_its_start(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { for (; g(1); g(2)) g(3); }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "call g(1) -> %0\n"
                 "if %0 goto 2 else 3\n"
                 "2:\n"
                 "call g(3)\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "3:\n"
                 "return\n");
}

static void test_parts_of_a_for_in_a_macro_are_guessed(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "#define LOOP(x) for (x = 0; x < 3;)\n"
                 "#define FOREVER(x) for (;; x++)\n"
                 "void f(int a) { LOOP(a) g(1); FOREVER(a) if (a) break; }\n",
                 "0:\n"
                 "set a = 0\n"
                 "goto 1\n"
                 "1:\n"
                 "if a < 3 goto 2 else 3\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 1\n"
                 "3:\n"
                 "if a goto 5 else 4\n"
                 "4:\n"
                 "write a\n"
                 "goto 3\n"
                 "5:\n"
                 "return\n");
}

static void test_switch_falls_through_and_has_ranges(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "int f(int a) { switch (a) { case 1: g(1); case 2: g(2); break; case 4 ... 6: "
                 "g(3); break; default: return 0; } return 1; }\n",
                 "0:\n"
                 "if a == 1 goto 2 else 6\n"
                 "1:\n"
                 "return 1\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 3\n"
                 "3:\n"
                 "call g(2)\n"
                 "goto 1\n"
                 "4:\n"
                 "call g(3)\n"
                 "goto 1\n"
                 "5:\n"
                 "return 0\n"
                 "6:\n"
                 "if a == 2 goto 3 else 7\n"
                 "7:\n"
                 "if a <= 6 goto 8 else 5\n"
                 "8:\n"
                 "if a >= 4 goto 4 else 5\n");
}

static void test_case_labels_can_follow_each_other(void **state)
{
    (void)state;
    front_test_f("enum e { A, B }; int g(int);\n"
                 "void f(enum e a) { switch (a) { case A: case B: g(1); } }\n",
                 "0:\n"
                 "if a == 0 goto 2 else 3\n"
                 "1:\n"
                 "return\n"
                 "2:\n"
                 "call g(1)\n"
                 "goto 1\n"
                 "3:\n"
                 "if a == 1 goto 2 else 1\n");
}

static void test_goto_goes_forward(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { if (a) goto out; g(1); out: g(2); }\n",
                 "0:\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "goto 2\n"
                 "2:\n"
                 "call g(2)\n"
                 "return\n");
}

static void test_computed_goto_goes_to_all_labels(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { void *to[] = {&&one, &&two}; goto *to[a]; one: g(1); two: "
                 "g(2); }\n",
                 "0:\n"
                 "write to\n"
                 "set to[0] = ?\n"
                 "set to[1] = ?\n"
                 "if ? goto 1 else 2\n"
                 "1:\n"
                 "call g(1)\n"
                 "goto 2\n"
                 "2:\n"
                 "call g(2)\n"
                 "return\n");
}

static void test_computed_goto_through_a_static_table(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "void f(int a) { static void *to[] = {&&one, &&two}; goto *to[a]; one: g(1); "
                 "return; two: g(2); }\n",
                 "0:\n"
                 "read f.to[a]\n"
                 "if ? goto 1 else 2\n"
                 "1:\n"
                 "call g(1)\n"
                 "return\n"
                 "2:\n"
                 "call g(2)\n"
                 "return\n");
}

static void test_return_runs_cleanups_after_its_value(void **state)
{
    (void)state;
    front_test_f("void end(int *p); int g(int);\n"
                 "int f(int a) { int x __attribute__((cleanup(end))) = 1; { int y "
                 "__attribute__((cleanup(end))) = 2; if (a) return x; g(1); } return 0; }\n",
                 "0:\n"
                 "set x = 1\n"
                 "set y = 2\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "call end(&y) cleanup\n"
                 "call end(&x) cleanup\n"
                 "return 0\n"
                 "2:\n"
                 "set %2 = x\n"
                 "call end(&y) cleanup\n"
                 "call end(&x) cleanup\n"
                 "return %2\n");
}

static void test_break_and_continue_run_cleanups(void **state)
{
    (void)state;
    front_test_f("void end(int *p); int g(int);\n"
                 "void f(int a) { while (a) { int y __attribute__((cleanup(end))) = 2; if "
                 "(g(1)) continue; if (g(2)) break; } }\n",
                 "0:\n"
                 "goto 1\n"
                 "1:\n"
                 "if a goto 2 else 3\n"
                 "2:\n"
                 "set y = 2\n"
                 "call g(1) -> %1\n"
                 "if %1 goto 5 else 4\n"
                 "3:\n"
                 "return\n"
                 "4:\n"
                 "call g(2) -> %2\n"
                 "if %2 goto 7 else 6\n"
                 "5:\n"
                 "call end(&y) cleanup\n"
                 "goto 1\n"
                 "6:\n"
                 "call end(&y) cleanup\n"
                 "goto 1\n"
                 "7:\n"
                 "call end(&y) cleanup\n"
                 "goto 3\n");
}

static void test_goto_runs_cleanups_of_scopes_that_it_leaves(void **state)
{
    (void)state;
    front_test_f("void end(int *p); int g(int);\n"
                 "void f(int a) { int x __attribute__((cleanup(end))) = 1; { int y "
                 "__attribute__((cleanup(end))) = 2; if (a) goto out; g(1); } g(2); out: g(3); }\n",
                 "0:\n"
                 "set x = 1\n"
                 "set y = 2\n"
                 "if a goto 2 else 1\n"
                 "1:\n"
                 "call g(1)\n"
                 "call end(&y) cleanup\n"
                 "call g(2)\n"
                 "goto 3\n"
                 "2:\n"
                 "call end(&y) cleanup\n"
                 "goto 3\n"
                 "3:\n"
                 "call g(3)\n"
                 "call end(&x) cleanup\n"
                 "return\n");
}

static void test_for_is_a_scope(void **state)
{
    (void)state;
    front_test_f("void end(int *p); int g(int);\n"
                 "void f(int a) { for (int y __attribute__((cleanup(end))) = 2; y; y = 0) g(1); "
                 "g(2); }\n",
                 "0:\n"
                 "set y = 2\n"
                 "goto 1\n"
                 "1:\n"
                 "if y goto 2 else 3\n"
                 "2:\n"
                 "call g(1)\n"
                 "set y = 0\n"
                 "goto 1\n"
                 "3:\n"
                 "call end(&y) cleanup\n"
                 "call g(2)\n"
                 "return\n");
}

static void test_what_does_not_return_ends_a_path(void **state)
{
    (void)state;
    front_test_f("void die(void) __attribute__((noreturn)); _Noreturn void end(void); int "
                 "g(int);\n"
                 "int f(int a) { if (a == 1) die(); if (a == 2) end(); if (a == 3) "
                 "__builtin_unreachable(); if (a == 4) __builtin_trap(); return g(1); }\n",
                 "0:\n"
                 "if a == 1 goto 2 else 1\n"
                 "1:\n"
                 "if a == 2 goto 4 else 3\n"
                 "2:\n"
                 "call die()\n"
                 "unreachable\n"
                 "3:\n"
                 "if a == 3 goto 6 else 5\n"
                 "4:\n"
                 "call end()\n"
                 "unreachable\n"
                 "5:\n"
                 "if a == 4 goto 8 else 7\n"
                 "6:\n"
                 "unreachable\n"
                 "7:\n"
                 "call g(1) -> %0\n"
                 "return %0\n"
                 "8:\n"
                 "unreachable\n");
}

static void test_code_behind_return_is_dropped(void **state)
{
    (void)state;
    front_test_f("int g(int);\n"
                 "int f(int a) { return g(1), a; g(2); }\n",
                 "0:\n"
                 "call g(1)\n"
                 "return a\n");
}

static void test_asm_reads_and_writes_its_places(void **state)
{
    (void)state;
    front_test_f(
        "void f(int *p, int v) { __asm__ volatile(\"\" : \"=m\"(*p) : \"r\"(v) : \"memory\"); }\n",
        "0:\n"
        "read *p\n"
        "write *p\n"
        "return\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_else_if_is_a_chain),
        cmocka_unit_test(test_while_has_continue_and_break),
        cmocka_unit_test(test_do_tests_at_the_end),
        cmocka_unit_test(test_for_without_parts_never_ends),
        cmocka_unit_test(test_for_may_have_a_test_only),
        cmocka_unit_test(test_for_may_have_a_declaration_only),
        cmocka_unit_test(test_for_may_have_a_step_only),
        cmocka_unit_test(test_for_may_lack_its_test),
        cmocka_unit_test(test_for_may_lack_its_step),
        cmocka_unit_test(test_for_may_lack_its_start),
        cmocka_unit_test(test_parts_of_a_for_in_a_macro_are_guessed),
        cmocka_unit_test(test_switch_falls_through_and_has_ranges),
        cmocka_unit_test(test_case_labels_can_follow_each_other),
        cmocka_unit_test(test_goto_goes_forward),
        cmocka_unit_test(test_computed_goto_goes_to_all_labels),
        cmocka_unit_test(test_computed_goto_through_a_static_table),
        cmocka_unit_test(test_return_runs_cleanups_after_its_value),
        cmocka_unit_test(test_break_and_continue_run_cleanups),
        cmocka_unit_test(test_goto_runs_cleanups_of_scopes_that_it_leaves),
        cmocka_unit_test(test_for_is_a_scope),
        cmocka_unit_test(test_what_does_not_return_ends_a_path),
        cmocka_unit_test(test_code_behind_return_is_dropped),
        cmocka_unit_test(test_asm_reads_and_writes_its_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
