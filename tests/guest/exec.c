/* execve: errors, arguments, environment, scripts, descriptors, and what the
 * new program is told about itself. Started with arguments it is the new
 * program. */
#include "guest_test.h"

#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

static char dir[] = "/tmp/exec-test-XXXXXX";
static char self[4096];

static const char *without_dir(const char *text)
{
    const char *at = strstr(text, "/exec-test-");
    return at ? at + strlen("/exec-test-XXXXXX") : text;
}

/* The new program: says what it sees. */
static int child(int argc, char **argv)
{
    char exe[4096] = "", comm[64] = "", cmdline[4096];
    for (int i = 0; i < argc; i++) {
        printf("  argv[%d] = %s\n", i, without_dir(argv[i]));
    }
    for (char **e = environ; *e; e++) {
        printf("  env %s\n", *e);
    }
    MUST(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0);
    printf("  exe is the test: %d\n", strcmp(exe, getenv("SELF") ? getenv("SELF") : exe) == 0);
    int fd = open("/proc/self/comm", O_RDONLY);
    MUST(fd >= 0 && read(fd, comm, sizeof(comm) - 1) > 0);
    close(fd);
    printf("  comm %s", comm);
    fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, cmdline, sizeof(cmdline));
    close(fd);
    size_t want = 0;
    for (int i = 0; i < argc; i++) {
        want += strlen(argv[i]) + 1;
    }
    printf("  cmdline as argv: %d\n", n == (ssize_t)want && memcmp(cmdline, argv[0], want) == 0);
    const char *fn = (const char *)getauxval(AT_EXECFN);
    printf("  execfn %s\n", fn ? without_dir(fn) : "none");
    for (fd = 3; fd < 20; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            printf("  descriptor %d is open\n", fd);
        }
    }
    fflush(stdout);
    return argc;
}

static void run(const char *what, const char *path, char *const *argv, char *const *envp)
{
    printf("%s\n", what);
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        execve(path, argv, envp);
        printf("  %s\n", strerrorname_np(errno));
        fflush(stdout);
        _exit(88);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("  status %x\n", status);
}

static char *path_of(const char *name)
{
    char *path;
    MUST(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

static char *make(const char *name, const char *text, size_t size, mode_t mode)
{
    char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && write(fd, text, size) == (ssize_t)size && fchmod(fd, mode) == 0);
    close(fd);
    return path;
}

static char *script(const char *name, const char *interp)
{
    char text[8192];
    int n = snprintf(text, sizeof(text), "#!%s\n", interp);
    return make(name, text, (size_t)n, 0755);
}

#define RUN(what, path, ...) run(what, path, (char *[]){__VA_ARGS__, NULL}, (char *[]){"A=1", NULL})

static void errors(void)
{
    char header[64] = "\177ELF\1\1\1";
    header[16] = 2, header[18] = 3; /* an i386 program, if it were longer */
    RUN("no such file", path_of("none"), "x");
    RUN("empty path", "", "x");
    RUN("directory", dir, "x");
    RUN("below a file", "/proc/version/x", "x");
    RUN("not executable", make("plain", "text\n", 5, 0644), "x");
    RUN("text", make("text", "text\n", 5, 0755), "x");
    RUN("empty", make("empty", "", 0, 0755), "x");
    RUN("truncated ELF", make("short", header, 20, 0755), "x");
    RUN("missing interpreter", script("lost", "/no/such/interpreter"), "x");
    RUN("interpreter is a directory", script("dir", "/tmp"), "x");
    RUN("nothing after #!", make("bare", "#!\n", 3, 0755), "x");
    run("bad argv", self, (char **)1, NULL);
    run("bad string", self, (char *[]){(char *)1, NULL}, NULL);
    run("bad environment", self, (char *[]){"x", NULL}, (char **)1);
    RUN("path too long", memset(calloc(1, 8192), 'x', 8000), "x");
    char *loop = path_of("loop");
    MUST(symlink(loop, loop) == 0);
    RUN("loop", loop, "x");
}

static void scripts(void)
{
    char text[5000];
    script("s1", self);
    RUN("script", path_of("s1"), "zero", "one", "two");
    snprintf(text, sizeof(text), " \t %s \t first second  ", self);
    RUN("script with an argument", script("s2", text), "zero", "one");
    const char *last = self;
    for (int i = 0; i < 6; i++) {
        char name[16], what[32];
        snprintf(name, sizeof(name), "n%d", i);
        last = script(name, last);
        snprintf(what, sizeof(what), "%d scripts", i + 1);
        RUN(what, last, "zero");
    }
    snprintf(text, sizeof(text), "#!%s", self);
    RUN("no newline", make("s3", text, strlen(text), 0755), "zero");
    memset(text, 'y', sizeof(text));
    RUN("interpreter's name too long", script("s4", memcpy(text, "/", 1)), "zero");
}

static void environments(void)
{
    char *selfenv;
    MUST(asprintf(&selfenv, "SELF=%s", self) > 0);
    run("no environment", self, (char *[]){"x", "y", NULL}, NULL);
    run("no arguments", self, NULL, (char *[]){"CHILD=1", NULL});
    run("all kinds", self, (char *[]){"name", "", "-strace", "--", NULL},
        (char *[]){selfenv, "EMPTY=", "noequals", "=x", "LD_LIBRARY_PATH=/nowhere", "LD_BIND_NOW=1",
                   "GLIBC_TUNABLES=glibc.malloc.check=0", "MALLOC_ARENA_MAX=1", "MORTISE_STRACE=1",
                   "MORTISE_GUEST_ENV_X=1", "twice=1", "twice=2", NULL});
    run("through /proc/self/exe", "/proc/self/exe", (char *[]){"name", "x", NULL},
        (char *[]){selfenv, NULL});
}

static void exec_at(const char *what, int fd, const char *path, int flags)
{
    printf("%s\n", what);
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        syscall(SYS_execveat, fd, path, (char *[]){"zero", "one", NULL}, (char *[]){NULL}, flags);
        printf("  %s\n", strerrorname_np(errno));
        fflush(stdout);
        _exit(88);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("  status %x\n", status);
}

static void at(void)
{
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    int script_fd = open(path_of("s1"), O_RDONLY | O_CLOEXEC);
    MUST(dirfd >= 0 && fd >= 0 && script_fd >= 0);
    MUST(symlinkat(self, dirfd, "link") == 0);
    exec_at("descriptor", fd, "", AT_EMPTY_PATH);
    exec_at("descriptor without the flag", fd, "", 0);
    exec_at("in a directory", dirfd, "link", 0);
    exec_at("symbolic link not followed", dirfd, "link", AT_SYMLINK_NOFOLLOW);
    exec_at("not there", dirfd, "none", 0);
    exec_at("script that closes", script_fd, "", AT_EMPTY_PATH);
    exec_at("absolute", -1, self, 0);
    exec_at("bad descriptor", 77, "x", 0);
    exec_at("bad flags", fd, "", 0x10000);
}

int main(int argc, char **argv)
{
    if (argc != 1 || getenv("CHILD") || strcmp(argv[0], "zero") == 0) {
        return child(argc, argv);
    }
    MUST(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    MUST(mkdtemp(dir));
    errors();
    scripts();
    environments();
    at();
    char *command;
    MUST(asprintf(&command, "rm -rf %s", dir) > 0 && system(command) == 0);
    return 0;
}
