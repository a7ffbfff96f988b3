/* The record of lock orders that lockdep keeps on request. The environment is
 * read at start, so the program runs itself again with it set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "locks/lockdep.h"
#include "locks/mutex.h"
#include "locks/spinlock.h"

#ifdef MORTISE_LOCKDEP

LOCK_CLASS_DEFINE(alpha_class, RANK_LEAF);
LOCK_CLASS_DEFINE(beta_class, RANK_LEAF);
LOCK_CLASS_DEFINE(gamma_class, RANK_LEAF);

static struct mutex alpha = MUTEX_INIT(&alpha_class);
static struct mutex beta = MUTEX_INIT(&beta_class);
static struct spinlock twist = SPINLOCK_INIT(&gamma_class);

/* What the program does when it runs itself: alpha, beta twice; then a child
 * takes beta, gamma and ends without ceremony. */
static void nest(void)
{
    int status;

    for (int i = 0; i < 2; i++) {
        mutex_lock(&alpha);
        mutex_lock(&beta);
        mutex_unlock(&beta);
        mutex_unlock(&alpha);
    }
    pid_t pid = fork();
    if (pid == 0) {
        mutex_lock(&beta);
        spinlock_lock(&twist);
        abort();
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        _exit(1);
    }
}

static char directory[] = "/tmp/test_locks_order.XXXXXX";

/* Runs this program again; all lines of all files that it left. */
static unsigned run(const char *where, char lines[8][200], unsigned *files)
{
    unsigned count = 0;
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setenv("MORTISE_LOCKDEP_ORDER", where, 1);
        execl("/proc/self/exe", "test_locks_order", "--nest", (char *)NULL);
        _exit(127);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    DIR *dir = opendir(directory);
    assert_non_null(dir);
    *files = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[400];

        if (entry->d_name[0] == '.') {
            continue;
        }
        assert_int_equal(strncmp(entry->d_name, "lock-order.", 11), 0);
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        while (count < 8 && fgets(lines[count], 200, file)) {
            count++;
        }
        fclose(file);
        unlink(path);
        ++*files;
    }
    closedir(dir);
    return count;
}

static void assert_one_begins(char lines[8][200], unsigned count, const char *start)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        found += strncmp(lines[i], start, strlen(start)) == 0;
    }
    if (found != 1) {
        fail_msg("%u of %u lines begin with: %s", found, count, start);
    }
}

static void test_each_order_is_written_once_by_the_process_that_saw_it(void **state)
{
    char lines[8][200];
    unsigned files, count = run(directory, lines, &files);

    (void)state;
    assert_int_equal(files, 2);
    assert_int_equal(count, 2);
    assert_one_begins(lines, count,
                      "EDGE \"alpha_class\" \"beta_class\" tests/unit/test_locks_order.c:");
    assert_one_begins(lines, count,
                      "EDGE \"beta_class\" \"gamma_class\" tests/unit/test_locks_order.c:");
}

static void test_a_directory_that_is_not_there_is_no_harm(void **state)
{
    char lines[8][200];
    unsigned files;

    (void)state;
    assert_int_equal(run("/nonexistent/directory", lines, &files), 0);
    assert_int_equal(run("", lines, &files), 0);
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_order_is_written_once_by_the_process_that_saw_it),
        cmocka_unit_test(test_a_directory_that_is_not_there_is_no_harm),
    };

    if (argc > 1 && strcmp(argv[1], "--nest") == 0) {
        nest();
        return 0;
    }
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

#else

int main(void)
{
    return 0;
}

#endif
