/* How processes end, as their parent sees it, by wait and waitid; stopping
 * and continuing; the leader's end before its threads'. */
#include "guest_test.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static void report(const char *how, pid_t pid)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    int status;
    MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    MUST(waitpid(pid, &status, 0) == pid);
    printf("%s: code %d status %d pid ok %d; exited %d %d signaled %d %d\n", how, info.si_code,
           info.si_status, info.si_pid == pid, WIFEXITED(status),
           WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status),
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void child(const char *how, void (*fn)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_DUMPABLE, 0);
        fn();
        _exit(100);
    }
    report(how, pid);
}

static void exit_0(void)
{
    exit(0);
}

static void exit_300(void)
{
    exit(300);
}

static void *exit_group_there(void *arg)
{
    (void)arg;
    exit(21);
}

static void thread_exits_process(void)
{
    pthread_t t;
    pthread_create(&t, NULL, exit_group_there, NULL);
    for (;;) {
        pause();
    }
}

static void *late(void *arg)
{
    usleep(50000);
    (void)!write(STDOUT_FILENO, "thread outlives the leader\n", 27);
    return arg;
}

static void leader_first(void)
{
    pthread_t t;
    pthread_create(&t, NULL, late, NULL);
    syscall(SYS_exit, 33);
}

static void leader_first_pthread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, late, NULL);
    pthread_exit(NULL);
}

static void *kills(void *arg)
{
    kill(getpid(), SIGTERM);
    return arg;
}

static void killed_by_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, kills, NULL);
    for (;;) {
        pause();
    }
}

static void *spins(void *arg)
{
    for (volatile long i = 0;; i++) {
    }
    return arg;
}

static void killed_while_spinning(void)
{
    pthread_t t;
    pthread_create(&t, NULL, spins, NULL);
    pthread_create(&t, NULL, spins, NULL);
    usleep(20000);
    raise(SIGUSR1);
}

static void stop_and_go(void)
{
    int status, go[2];
    char c = 0;
    MUST(pipe(go) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* A group of its own, whose leader's parent is in another group of the
         * session: not orphaned, or SIGTSTP would do nothing. */
        MUST(setpgid(0, 0) == 0);
        raise(SIGSTOP);
        MUST(read(go[0], &c, 1) == 1);
        raise(SIGTSTP);
        _exit(9);
    }
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    kill(pid, SIGCONT);
    MUST(waitpid(pid, &status, WCONTINUED) == pid);
    printf("continued %d\n", WIFCONTINUED(status));
    MUST(write(go[1], &c, 1) == 1);
    MUST(waitpid(pid, &status, WUNTRACED) == pid);
    printf("stopped %d by %d\n", WIFSTOPPED(status), WSTOPSIG(status));
    kill(pid, SIGCONT);
    report("after that", pid);
}

static void parent_death(void)
{
    int fds[2];
    char c;
    MUST(pipe(fds) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            close(fds[0]);
            pause();
            _exit(0);
        }
        prctl(PR_SET_PDEATHSIG, 0);
        kill(grandchild, SIGKILL);
        waitpid(grandchild, NULL, 0);
        _exit(4);
    }
    close(fds[1]);
    printf("pipe ends: %zd\n", read(fds[0], &c, 1));
    report("child", pid);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    child("exit 0", exit_0);
    child("exit 300", exit_300);
    child("exit by thread", thread_exits_process);
    child("leader exits first", leader_first);
    child("leader calls pthread_exit", leader_first_pthread);
    child("killed by a thread", killed_by_thread);
    child("killed while threads spin", killed_while_spinning);
    stop_and_go();
    parent_death();
    static const int sigs[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGABRT, SIGKILL,
                               SIGUSR1, SIGPIPE, SIGALRM, SIGTERM, SIGSYS,
                               34,      64,      SIGILL,  SIGSEGV, SIGTRAP};
    for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++) {
        pid_t pid = fork();
        if (pid == 0) {
            prctl(PR_SET_DUMPABLE, 0);
            raise(sigs[i]);
            _exit(50);
        }
        char name[32];
        snprintf(name, sizeof(name), "raise %d", sigs[i]);
        report(name, pid);
    }
    printf("no child: %d", waitpid(-1, NULL, 0));
    printf(" %s\n", strerror(errno));
    return 42;
}
