/* The host executes the emulator again, with the options it was given and
 * the guest's program behind them. Everything that can fail for the guest's
 * sake is looked at before, so that the error comes from this execve and
 * not from the next emulator's start.
 *
 * Argument and environment strings stay where they are in guest memory: the
 * kernel copies them from there, and says EFAULT where there is nothing. */
#include "user/sys_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/tsan.h"
#include "user/copy.h"
#include "user/exec_check.h"
#include "user/host_syscall_asm.h"
#include "user/limits.h"
#include "user/path.h"
#include "user/process.h"

#define MAX_STRINGS    (1UL << 24)    /* the kernel stops earlier, by bytes */
#define MAX_ARG_STRING (128UL * 1024) /* the kernel's limit on one string */
#define ENV_PROBE      24             /* enough of a variable to see that it is dangerous */

/* A NULL-terminated array of pointers that grows. */
struct pointers {
    char **v;
    size_t count, room;
};

static int add(struct pointers *list, char *p)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        char **v = realloc(list->v, room * sizeof(*v));
        if (!v) {
            return -ENOMEM;
        }
        list->v = v;
        list->room = room;
    }
    list->v[list->count++] = p;
    return 0;
}

/* Appends the guest's array, from index `from` on; not its NULL. */
static int add_guest(struct pointers *list, uint64_t array, size_t from)
{
    for (size_t i = from; array != 0; i++) {
        char *p;
        if (i > MAX_STRINGS) {
            return -E2BIG;
        }
        if (guest_read(&p, array + i * sizeof(p), sizeof(p)) < 0) {
            return -EFAULT;
        }
        if (!p) {
            return 0;
        }
        int rc = add(list, p);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

/* The environment, with what would act on the emulator renamed. The renamed
 * strings are added to `ours`. */
static int build_env(struct pointers *env, struct pointers *ours, uint64_t array)
{
    int rc = add_guest(env, array, 0);
    for (size_t i = 0; rc == 0 && i < env->count; i++) {
        char start[ENV_PROBE + 1];
        size_t n = guest_read_some(start, (uint64_t)env->v[i], ENV_PROBE);
        start[n] = '\0';
        char *probe = env_hide(start);
        if (!probe) {
            continue;
        }
        free(probe);
        char *copy = malloc(MAX_ARG_STRING);
        ssize_t length = copy ? guest_read_string(copy, (uint64_t)env->v[i], MAX_ARG_STRING) : 0;
        char *hidden = copy && length >= 0 ? env_hide(copy) : NULL;
        free(copy);
        if (!hidden) {
            return length == -ENAMETOOLONG ? -E2BIG : length < 0 ? (int)length : -ENOMEM;
        }
        rc = add(ours, hidden);
        env->v[i] = hidden;
    }
    return rc < 0 ? rc : add(env, NULL);
}

/* What is to be executed, as far as this process has to know. */
struct request {
    int dirfd;
    const char *path;
    bool follow;
    int fd;           /* the file itself, or -1 */
    const char *name; /* what the program is told it is called */
};

/* Whether the file can be executed. *script: it begins with "#!".
 *
 * A child of vfork shares its parent's memory, but has descriptors of its own; TSan
 * takes equal numbers for one descriptor, so it does not look at what is opened here. */
static int check(const struct request *r, bool *script)
{
    char *no_args[] = {(char[]){""}, NULL};
    struct exec_target *target = malloc(sizeof(*target));
    if (!target) {
        return -ENOMEM;
    }
    tsan_ignore_writes_begin();
    int fd = r->fd >= 0 ? fcntl(r->fd, F_DUPFD_CLOEXEC, 3) : -1;
    int rc = exec_resolve(r->dirfd, r->path, r->follow, fd, no_args, target, NULL);
    *script = target->borrowed > 0;
    exec_target_free(target);
    tsan_ignore_writes_end();
    free(target);
    return rc;
}

/* The command line of the next emulator. `fd_text` holds a number if the
 * program goes over as an open file. */
static int build_argv(struct pointers *argv, const struct request *r, const char *fd_text,
                      const char *limits, uint64_t guest_argv)
{
    char *argv0 = NULL;
    if (guest_argv != 0 && guest_read(&argv0, guest_argv, sizeof(argv0)) < 0) {
        return -EFAULT;
    }
    const char *const front[] = {"mortise", "user", "-reexec"};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof(front) / sizeof(front[0]); i++) {
        rc = add(argv, (char *)(uintptr_t)front[i]);
    }
    for (char **kept = user_process.options->kept; rc == 0 && *kept; kept++) {
        rc = add(argv, *kept);
    }
    const struct {
        const char *option, *value;
        bool given;
    } rest[] = {
        {"-0", argv0 ? argv0 : "", true},
        {"-execfd", fd_text, fd_text[0] != '\0'},
        {"-limits", limits, limits[0] != '\0'},
        {"--", r->name, true},
    };
    for (size_t i = 0; rc == 0 && i < sizeof(rest) / sizeof(rest[0]); i++) {
        if (rest[i].given) {
            rc = add(argv, (char *)(uintptr_t)rest[i].option);
            rc = rc < 0 ? rc : add(argv, (char *)(uintptr_t)rest[i].value);
        }
    }
    if (rc == 0 && argv0) {
        rc = add_guest(argv, guest_argv, 1);
    }
    return rc < 0 ? rc : add(argv, NULL);
}

/* What is allocated for one execve. */
struct exec_lists {
    struct pointers argv, env, ours;
};

static void free_lists(struct exec_lists *lists)
{
    for (size_t i = 0; i < lists->ours.count; i++) {
        free(lists->ours.v[i]);
    }
    free(lists->ours.v);
    free(lists->argv.v);
    free(lists->env.v);
    free(lists);
}

void exec_free_abandoned(struct user_thread *t)
{
    if (t->exec_lists) {
        free_lists(t->exec_lists);
        t->exec_lists = NULL;
    }
}

/* The kernel's names for this program. The first has gone when the first
 * thread has ended before the others. */
static int64_t execute_self(char *const *argv, char *const *env)
{
    static const char *const names[] = {"/proc/self/exe", "/proc/thread-self/exe"};
    int64_t rc = -ENOENT;
    for (size_t i = 0; rc == -ENOENT && i < sizeof(names) / sizeof(names[0]); i++) {
        rc = host_syscall(SYS_execve, (uint64_t)names[i], (uint64_t)argv, (uint64_t)env, 0, 0, 0);
    }
    return rc;
}

static int64_t execute(struct user_thread *t, const struct request *r, uint64_t guest_argv,
                       uint64_t guest_env)
{
    struct exec_lists *lists = calloc(1, sizeof(*lists));
    char limits[LIMITS_TEXT];
    char fd_text[16] = "";
    int passed = -1;
    bool script;
    int64_t rc = lists ? check(r, &script) : -ENOMEM;
    if (rc == 0 && r->fd >= 0 && !script) {
        passed = fcntl(r->fd, F_DUPFD, 3);
        if (passed < 0) {
            rc = -errno;
        } else {
            (void)snprintf(fd_text, sizeof(fd_text), "%d", passed);
        }
    }
    if (rc == 0) {
        limits_export(limits);
        rc = build_argv(&lists->argv, r, fd_text, limits, guest_argv);
    }
    if (rc == 0) {
        rc = build_env(&lists->env, &lists->ours, guest_env);
    }
    if (rc == 0) {
        user_signals_before_exec(t);
        t->exec_lists = lists; /* in a vfork child they stay behind in the parent */
        rc = execute_self(lists->argv.v, lists->env.v);
        t->exec_lists = NULL;
        user_signals_exec_failed(t);
    }
    if (passed >= 0) {
        close(passed);
    }
    if (lists) {
        free_lists(lists);
    }
    return rc;
}

static int64_t exec_path(struct user_thread *t, uint64_t guest_path, bool follow, uint64_t argv,
                         uint64_t env)
{
    struct guest_path path;
    path_look(&path, AT_FDCWD, guest_path);
    ssize_t n = guest_read_string(path.buf, guest_path, sizeof(path.buf));
    if (n <= 0) {
        return n < 0 ? n : -ENOENT;
    }
    struct request r = {AT_FDCWD, path.buf, follow, -1, path.buf};
    if (path.kind == PATH_EXE && follow) {
        r.fd = open(path.exe, O_RDONLY | O_CLOEXEC);
        if (r.fd < 0) {
            return -errno;
        }
    }
    int64_t rc = execute(t, &r, argv, env);
    if (r.fd >= 0) {
        close(r.fd);
    }
    return rc;
}

int64_t sys_execve(struct user_thread *t, const uint64_t a[6])
{
    return exec_path(t, a[0], true, a[1], a[2]);
}

/* The file behind a directory descriptor and a path, for a program that is
 * handed over open. */
static int open_at(int dirfd, const char *path, bool follow)
{
    char link[32];
    int fd;
    if (path[0] == '\0') {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
        fd = open(link, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    } else {
        fd = openat(dirfd, path,
                    O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW));
    }
    return fd < 0 ? -errno : fd;
}

int64_t sys_execveat(struct user_thread *t, const uint64_t a[6])
{
    char path[PATH_MAX], name[PATH_MAX + 32];
    int dirfd = (int)a[0];
    uint64_t flags = a[4];
    ssize_t n = guest_read_string(path, a[1], sizeof(path));
    if (n < 0) {
        return n;
    }
    if (n == 0 && !(flags & AT_EMPTY_PATH)) {
        return -ENOENT;
    }
    if ((flags & ~(uint64_t)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) != 0) {
        return -EINVAL;
    }
    bool follow = (flags & AT_SYMLINK_NOFOLLOW) == 0;
    if (path[0] == '/' || (dirfd == AT_FDCWD && n > 0)) {
        return exec_path(t, a[1], follow, a[2], a[3]);
    }
    if (dirfd == AT_FDCWD) {
        return -EACCES; /* the current directory */
    }
    int fd_flags = fcntl(dirfd, F_GETFD);
    if (fd_flags < 0) {
        return -EBADF;
    }
    int fd = open_at(dirfd, path, follow);
    if (fd < 0) {
        return fd;
    }
    (void)snprintf(name, sizeof(name), "/dev/fd/%d%s%s", dirfd, n ? "/" : "", path);
    struct request r = {AT_FDCWD, name, follow, fd, name};
    bool script;
    int64_t rc = check(&r, &script);
    if (rc == 0 && script && (fd_flags & FD_CLOEXEC)) {
        rc = -ENOENT; /* its interpreter would not find it */
    }
    if (rc == 0) {
        rc = execute(t, &r, a[2], a[3]);
    }
    close(fd);
    return rc;
}
