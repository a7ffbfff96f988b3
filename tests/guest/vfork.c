/* vfork and posix_spawn: memory shared with the waiting parent, failures of
 * execve that come back, dispositions and masks that do not. */
#include "guest_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

extern char **environ;
static volatile int shared_value;
static atomic_int stop;
static volatile int *volatile nowhere = (volatile int *)8;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
    shared_value += 100;
}

static void finish(const char *what, pid_t pid)
{
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("%s: exit %d signal %d\n", what, WIFEXITED(status) ? WEXITSTATUS(status) : -1,
           WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void vforks(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        shared_value = 3;
        _exit(5);
    }
    finish("vfork", pid);
    printf("value %d\n", shared_value);
    pid = vfork();
    if (pid == 0) {
        execl("/nonexistent/program", "x", (char *)NULL);
        shared_value = errno;
        _exit(6);
    }
    finish("vfork, exec fails", pid);
    printf("errno of the child: %s\n", strerror(shared_value));
    pid = vfork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
        _exit(7);
    }
    finish("vfork and exec", pid);
    pid = vfork();
    if (pid == 0) {
        kill(getpid(), SIGKILL);
    }
    finish("vfork, killed", pid);
    pid = vfork();
    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        *nowhere = 1;
    }
    finish("vfork, fault", pid);
    /* the child's dispositions are its own */
    handle(SIGUSR1, handler, 0);
    shared_value = 0;
    pid = vfork();
    if (pid == 0) {
        raise(SIGUSR1);
        signal(SIGUSR1, SIG_IGN);
        raise(SIGUSR1);
        _exit(0);
    }
    finish("vfork, signal", pid);
    raise(SIGUSR1);
    printf("handled %d\n", shared_value);
}

static void spawn(const char *what, const char *path, char *const argv[],
                  const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *attr)
{
    pid_t pid;
    int r = posix_spawn(&pid, path, fa, attr, argv, environ);
    if (r) {
        printf("%s: %s\n", what, strerror(r));
    } else {
        finish(what, pid);
    }
}

static void spawns(void)
{
    char *const t[] = {"true", NULL};
    char *const sh[] = {"sh", "-c", "echo spawned; exit 3", NULL};
    char *const self_kill[] = {"sh", "-c", "kill -USR2 $$; exit 4", NULL};
    spawn("true", "/bin/true", t, NULL, NULL);
    spawn("sh", "/bin/sh", sh, NULL, NULL);
    spawn("missing", "/bin/does-not-exist", t, NULL, NULL);
    spawn("directory", "/", t, NULL, NULL);
    spawn("not executable", "/etc/passwd", t, NULL, NULL);
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 1, "/dev/null", O_WRONLY, 0);
    spawn("to /dev/null", "/bin/sh", sh, &fa, NULL);
    posix_spawn_file_actions_addclose(&fa, 77);
    posix_spawn_file_actions_addopen(&fa, 3, "/nonexistent", O_RDONLY, 0);
    spawn("file action fails", "/bin/sh", sh, &fa, NULL);
    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    posix_spawnattr_setsigdefault(&attr, &set);
    sigemptyset(&set);
    posix_spawnattr_setsigmask(&attr, &set);
    signal(SIGUSR2, SIG_IGN);
    spawn("ignores", "/bin/sh", self_kill, NULL, NULL);
    spawn("default again", "/bin/sh", self_kill, NULL, &attr);
    FILE *p = popen("echo from popen", "r");
    char line[64] = "";
    MUST(p && fgets(line, sizeof(line), p));
    printf("%s", line);
    printf("pclose %d\n", WEXITSTATUS(pclose(p)));
    printf("system %d\n", WEXITSTATUS(system("exit 8")));
}

static void *spinner(void *arg)
{
    while (!atomic_load(&stop)) {
    }
    return arg;
}

static void *spawner(void *arg)
{
    char *const t[] = {"true", NULL};
    for (int i = 0; i < 10; i++) {
        pid_t pid;
        int status = -1;
        MUST(posix_spawn(&pid, "/bin/true", NULL, NULL, t, environ) == 0);
        MUST(waitpid(pid, &status, 0) == pid && status == 0);
        MUST(posix_spawn(&pid, "/bin/nothing", NULL, NULL, t, environ) == ENOENT);
    }
    return arg;
}

static void threads(void)
{
    pthread_t s, t[3];
    MUST(pthread_create(&s, NULL, spinner, NULL) == 0);
    for (int i = 0; i < 3; i++) {
        MUST(pthread_create(&t[i], NULL, spawner, NULL) == 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], NULL);
    }
    atomic_store(&stop, 1);
    pthread_join(s, NULL);
    printf("threads spawned\n");
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    vforks();
    spawns();
    threads();
    return 0;
}
