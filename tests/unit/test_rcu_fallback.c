/* RCU where the kernel has no membarrier(2): asked for, and by a filter that
 * makes the system call fail. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rcu_torture.h"

static void refuse_membarrier(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        _exit(77);
    }
}

/* First, while RCU has not been used in this process. */
static void test_a_kernel_without_membarrier_is_noticed(void **state)
{
    pid_t child = fork();
    int status;

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        bool fenced;

        refuse_membarrier();
        rcu_read_lock();
        fenced = !rcu_uses_membarrier();
        rcu_read_unlock();
        synchronize_rcu();
        _exit(fenced ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_sections_nest_with_fences(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    (void)state;
    rcu_avoid_membarrier();
    assert_false(rcu_uses_membarrier());
    assert_false(rcu_read_held());
    for (int i = 0; i < 100; i++) {
        rcu_read_lock();
    }
    for (int i = 0; i < 100; i++) {
        assert_true(rcu_read_held());
        rcu_read_unlock();
    }
    assert_false(rcu_read_held());
}

static void test_no_reader_with_fences_sees_a_reclaimed_object(void **state)
{
    (void)state;
    assert_int_equal(torture_run(), 0);
    assert_int_equal(torture.freed, torture.retired);
}

static void test_a_section_with_fences_is_never_announced_late(void **state)
{
    (void)state;
    assert_int_equal(torture_run_late(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_kernel_without_membarrier_is_noticed),
        cmocka_unit_test(test_sections_nest_with_fences),
        cmocka_unit_test(test_no_reader_with_fences_sees_a_reclaimed_object),
        cmocka_unit_test(test_a_section_with_fences_is_never_announced_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
