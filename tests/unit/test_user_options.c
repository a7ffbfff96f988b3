/* The command line of `mortise user`, sizes, suggestions, and variables that
 * travel under another name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/user_options.h"

static struct user_command command;

#define PARSE(...) parse((char *[]){(char *)(uintptr_t)"user", __VA_ARGS__, NULL})

static enum user_options_verdict parse(char **argv)
{
    int argc = 0;
    while (argv[argc]) {
        argc++;
    }
    user_command_free(&command); /* the last one's */
    return user_options_parse(argc, argv, &command);
}

static void test_options_end_at_the_program(void **unused)
{
    char program[] = "/bin/ls", option[] = "-l", dashes[] = "--", strace[] = "-strace";
    (void)unused;
    assert_int_equal(PARSE(program, option), USER_OPTIONS_RUN);
    assert_string_equal(command.options.program, "/bin/ls");
    assert_string_equal(command.options.argv[1], "-l");
    assert_int_equal(command.log_mask, 0);
    assert_int_equal(PARSE(strace, dashes, option), USER_OPTIONS_RUN);
    assert_string_equal(command.options.program, "-l");
    assert_int_equal(command.log_mask, LOG_STRACE);
}

static void test_values_are_taken_either_way(void **unused)
{
    char program[] = "x", cache[] = "-tb-size", two[] = "2", eq[] = "--tb-size=3M", s[] = "-s",
         size[] = "64k";
    (void)unused;
    assert_int_equal(PARSE(cache, two, program), USER_OPTIONS_RUN);
    assert_int_equal(command.options.cache_size, 2 << 20);
    assert_int_equal(PARSE(eq, s, size, program), USER_OPTIONS_RUN);
    assert_int_equal(command.options.cache_size, 3 << 20);
    assert_int_equal(command.options.stack_size, 65536);
}

static void test_what_execve_repeats_is_kept(void **unused)
{
    char strace[] = "-strace", zero[] = "-0", name[] = "name", d[] = "-d", items[] = "int",
         program[] = "x";
    (void)unused;
    assert_int_equal(PARSE(strace, zero, name, d, items, program), USER_OPTIONS_RUN);
    assert_string_equal(command.argv0, "name");
    assert_string_equal(command.options.kept[0], "-strace");
    assert_string_equal(command.options.kept[1], "-d");
    assert_string_equal(command.options.kept[2], "int");
    assert_null(command.options.kept[3]);
}

static void test_the_environment_counts_except_on_execve(void **unused)
{
    char program[] = "x", reexec[] = "-reexec";
    (void)unused;
    setenv("MORTISE_STRACE", "1", 1);
    assert_int_equal(PARSE(program), USER_OPTIONS_RUN);
    assert_int_equal(command.log_mask, LOG_STRACE);
    assert_int_equal(PARSE(reexec, program), USER_OPTIONS_RUN);
    assert_int_equal(command.log_mask, 0);
    unsetenv("MORTISE_STRACE");
}

static void test_mistakes_are_refused(void **unused)
{
    char program[] = "x", bad[] = "-nosuch", s[] = "-s", word[] = "lots", small[] = "1k",
         p[] = "-p", pages[] = "8192", b[] = "-B", e[] = "-E", novalue[] = "NAME", d[] = "-d",
         cpu[] = "-cpu", z80[] = "z80", strace[] = "-strace=1";
    (void)unused;
    assert_int_equal(PARSE(bad, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(s, word, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(s, small, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(s), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(p, pages, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(b, word, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(e, novalue, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(d, word, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(cpu, z80, program), USER_OPTIONS_ERROR);
    assert_int_equal(PARSE(strace, program), USER_OPTIONS_ERROR);
    assert_int_equal(parse((char *[]){(char *)(uintptr_t)"user", NULL}), USER_OPTIONS_ERROR);
}

static void test_sizes(void **unused)
{
    uint64_t size;
    (void)unused;
    assert_true(parse_size("8", 1, &size) && size == 8);
    assert_true(parse_size("0x10", 1UL << 20, &size) && size == 16UL << 20);
    assert_true(parse_size("3G", 1, &size) && size == 3UL << 30);
    assert_false(parse_size("", 1, &size));
    assert_false(parse_size("-1", 1, &size));
    assert_false(parse_size("1x", 1, &size));
    assert_true(parse_size("1.5G", 1, &size) && size == 3UL << 29);
    assert_true(parse_size("0.25", 1UL << 20, &size) && size == 1UL << 18);
    assert_true(parse_size("2T", 1, &size) && size == 2UL << 40);
    assert_false(parse_size("1.5", 1, &size));
    assert_false(parse_size("1.G", 1, &size));
    assert_false(parse_size("99999999999999999999", 1, &size));
    assert_false(parse_size("99999999999999999G", 1, &size));
}

static void test_suggestions_are_close(void **unused)
{
    static const char *const names[] = {"strace", "cpu", "tb-size", NULL};
    (void)unused;
    assert_string_equal(suggest_name("strce", names), "strace");
    assert_string_equal(suggest_name("tbsize", names), "tb-size");
    assert_null(suggest_name("frobnicate", names));
    assert_null(suggest_name("", (const char *const[]){NULL}));
}

static void test_variables_come_back_as_they_were(void **unused)
{
    static const char *const entries[] = {"LD_PRELOAD=/x",
                                          "GLIBC_TUNABLES=a",
                                          "MALLOC_ARENA_MAX=1",
                                          "MORTISE_GUEST_ENV_LD_X=1",
                                          "LD_",
                                          NULL};
    (void)unused;
    for (size_t i = 0; entries[i]; i++) {
        char *hidden = env_hide(entries[i]);
        assert_non_null(hidden);
        char *revealed = env_reveal(hidden);
        assert_string_equal(revealed, entries[i]);
        free(hidden);
        free(revealed);
    }
    assert_null(env_hide("PATH=/bin"));
    assert_null(env_hide(""));
    assert_null(env_reveal("LD_PRELOAD=x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_end_at_the_program),
        cmocka_unit_test(test_values_are_taken_either_way),
        cmocka_unit_test(test_what_execve_repeats_is_kept),
        cmocka_unit_test(test_the_environment_counts_except_on_execve),
        cmocka_unit_test(test_mistakes_are_refused),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_suggestions_are_close),
        cmocka_unit_test(test_variables_come_back_as_they_were),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    user_command_free(&command);
    return failed;
}
