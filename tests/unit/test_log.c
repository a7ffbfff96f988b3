/* -d and -D: names of categories, and where lines go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static void test_categories_are_read(void **unused)
{
    struct error err = {""};
    unsigned mask = 0;
    bool help;

    (void)unused;
    assert_int_equal(log_parse("in_asm,exec,strace", &mask, &help, &err), 0);
    assert_int_equal(mask, LOG_IN_ASM | LOG_EXEC | LOG_STRACE);
    assert_false(help);
    assert_int_equal(log_parse("op,out_asm,int,page,unimp,cpu,nochain", &mask, &help, &err), 0);
    assert_int_equal(mask,
                     LOG_OP | LOG_OUT_ASM | LOG_INT | LOG_PAGE | LOG_UNIMP | LOG_CPU | LOG_NOCHAIN);
    assert_int_equal(log_parse("int,cpu_reset,guest_errors", &mask, &help, &err), 0);
    assert_int_equal(mask, LOG_INT | LOG_CPU_RESET | LOG_GUEST_ERROR);
    assert_int_equal(log_parse("op,mmu,pcall,trace:ide_*", &mask, &help, &err), 0);
    assert_int_equal(mask, LOG_OP);
    assert_int_equal(log_parse("help", &mask, &help, &err), 0);
    assert_true(help);
}

static void test_an_unknown_category_is_named(void **unused)
{
    const char *const bad[] = {"exe", "execs", "in_asm,,op", "EXEC", " op", "in_asm op"};
    struct error err;
    unsigned mask = 77;
    bool help;

    (void)unused;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(log_parse(bad[i], &mask, &help, &err), -EINVAL);
        assert_int_equal(mask, 77);
    }
    assert_int_equal(log_parse("op,bogus,exec", &mask, &help, &err), -EINVAL);
    assert_non_null(strstr(err.text, "'bogus'"));
}

static void test_a_file_that_cannot_be_opened_is_named(void **unused)
{
    struct error err;

    (void)unused;
    assert_int_equal(log_start(LOG_EXEC, "/nonexistent/log", &err), -ENOENT);
    assert_non_null(strstr(err.text, "/nonexistent/log"));
}

static void test_lines_go_to_the_file_whole(void **unused)
{
    char dir[] = "/tmp/mortise-log-XXXXXX", pattern[64], name[64];
    static char text[20000], longest[10001];
    struct error err;

    (void)unused;
    assert_non_null(mkdtemp(dir));
    snprintf(pattern, sizeof(pattern), "%s/%%d.log", dir);
    snprintf(name, sizeof(name), "%s/%d.log", dir, (int)getpid());
    if (log_start(LOG_EXEC | LOG_INT, pattern, &err) != 0) {
        fail_msg("%s", err.text);
    }
    assert_true(log_on(LOG_EXEC));
    assert_true(log_on(LOG_EXEC | LOG_CPU));
    assert_false(log_on(LOG_CPU));

    memset(longest, 'x', sizeof(longest) - 1);
    log_printf("%s %d\n", "first", 1);
    log_printf("%s\n", longest);
    FILE *in = fopen(name, "r");
    assert_non_null(in);
    size_t n = fread(text, 1, sizeof(text) - 1, in);
    fclose(in);
    unlink(name);
    rmdir(dir);
    assert_int_equal(n, 8 + 10001);
    assert_int_equal(strncmp(text, "first 1\nxxx", 11), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_categories_are_read),
        cmocka_unit_test(test_an_unknown_category_is_named),
        cmocka_unit_test(test_a_file_that_cannot_be_opened_is_named),
        cmocka_unit_test(test_lines_go_to_the_file_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
