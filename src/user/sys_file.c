/* Opening and asking about files by path. Everything passes but what names
 * this process under /proc, and what -L redirects. */
#include "user/sys_file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "user/copy.h"
#include "user/host_syscall_asm.h"
#include "user/path.h"

static int64_t open_path(int dirfd, uint64_t name, uint64_t flags, uint64_t mode)
{
    struct guest_path path;
    path_look(&path, dirfd, name);
    if (path.kind == PATH_EXE && !(flags & O_NOFOLLOW)) {
        path.host = (uint64_t)path.exe;
    } else if (path.kind > PATH_EXE && !(flags & O_PATH)) {
        return proc_open(path.kind, (int)flags);
    }
    return safe_syscall(SYS_openat, (uint64_t)(int64_t)dirfd, path.host, flags, mode, 0, 0);
}

int64_t sys_open(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return open_path(AT_FDCWD, a[0], a[1], a[2]);
}

int64_t sys_openat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return open_path((int)a[0], a[1], a[2], a[3]);
}

int64_t sys_openat2(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    struct open_how how;
    path_look(&path, (int)a[0], a[1]);
    if (path.kind != PATH_PLAIN && a[3] >= sizeof(how) &&
        guest_read(&how, a[2], sizeof(how)) == 0 && how.resolve == 0) {
        return open_path((int)a[0], a[1], how.flags, how.mode);
    }
    return safe_syscall(SYS_openat2, a[0], path.host, a[2], a[3], 0, 0);
}

/* The path to pass for a call that follows symbolic links unless `link`. */
static uint64_t asked_path(struct guest_path *path, uint64_t dirfd, uint64_t name, bool link)
{
    path_look(path, (int)dirfd, name);
    return path->kind == PATH_EXE && !link ? (uint64_t)path->exe : path->host;
}

int64_t sys_stat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, (uint64_t)AT_FDCWD, a[0], false);
    return host_syscall(SYS_stat, name, a[1], 0, 0, 0, 0);
}

int64_t sys_lstat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, (uint64_t)AT_FDCWD, a[0], true);
    return host_syscall(SYS_lstat, name, a[1], 0, 0, 0, 0);
}

int64_t sys_newfstatat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, a[0], a[1], (a[3] & AT_SYMLINK_NOFOLLOW) != 0);
    return host_syscall(SYS_newfstatat, a[0], name, a[2], a[3], 0, 0);
}

int64_t sys_statx(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, a[0], a[1], (a[2] & AT_SYMLINK_NOFOLLOW) != 0);
    return host_syscall(SYS_statx, a[0], name, a[2], a[3], a[4], 0);
}

int64_t sys_access(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, (uint64_t)AT_FDCWD, a[0], false);
    return host_syscall(SYS_access, name, a[1], 0, 0, 0, 0);
}

int64_t sys_faccessat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, a[0], a[1], false);
    return host_syscall(SYS_faccessat, a[0], name, a[2], 0, 0, 0);
}

int64_t sys_faccessat2(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    struct guest_path path;
    uint64_t name = asked_path(&path, a[0], a[1], (a[3] & AT_SYMLINK_NOFOLLOW) != 0);
    return host_syscall(SYS_faccessat2, a[0], name, a[2], a[3], 0, 0);
}

static int64_t read_link(int dirfd, uint64_t name, uint64_t buf, uint64_t size)
{
    struct guest_path path;
    path_look(&path, dirfd, name);
    if (path.kind == PATH_EXE) {
        if ((int)size <= 0) {
            return -EINVAL;
        }
        size_t n = strlen(path.exe);
        n = n < size ? n : size;
        return guest_write(buf, path.exe, n) < 0 ? -EFAULT : (int64_t)n;
    }
    return host_syscall(SYS_readlinkat, (uint64_t)(int64_t)dirfd, path.host, buf, size, 0, 0);
}

int64_t sys_readlink(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return read_link(AT_FDCWD, a[0], a[1], a[2]);
}

int64_t sys_readlinkat(struct user_thread *t, const uint64_t a[6])
{
    (void)t;
    return read_link((int)a[0], a[1], a[2], a[3]);
}
