/* From a path to an ELF image: permissions, #! lines, the program
 * interpreter. Used at start-up and, to return the right error, by
 * execve. */
#include "user/exec_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "user/path.h"

#define MAX_SCRIPTS 5 /* nested #! lines; one more is ELOOP */

static int open_file(int dirfd, const char *path, bool follow)
{
    char prefixed[PATH_MAX];
    if (path_in_sysroot(path, prefixed)) {
        path = prefixed;
    }
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (follow ? 0 : O_NOFOLLOW);
    int fd = openat(dirfd, path, flags);
    return fd < 0 ? -errno : fd;
}

/* A regular file that may be executed, from a file system that allows it. */
static int check_permission(int fd)
{
    struct stat st;
    struct statvfs fs;
    if (fstat(fd, &st) != 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EACCES;
    }
    if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOEXEC)) {
        return -EACCES;
    }
    char self[32];
    (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (faccessat(AT_FDCWD, self, X_OK, AT_EACCESS) != 0 && errno != ENOENT) {
        return -EACCES;
    }
    return (st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) ? 0 : -EACCES;
}

struct script {
    char line[EXEC_SCRIPT_LINE + 1];
    char *interp;
    char *argument; /* NULL: none */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Takes "#! interp argument" apart. False if it isn't that. */
static bool parse_script(struct script *script, size_t size)
{
    char *text = script->line;
    text[size] = '\0';
    char *end = memchr(text, '\n', size);
    if (!end) {
        end = text + size;
        /* A line that goes on beyond what is read may cut the argument, but
         * not the interpreter's name. */
        char *p = text + 2;
        while (is_blank(*p)) {
            p++;
        }
        if (size == EXEC_SCRIPT_LINE && !strpbrk(p, " \t")) {
            return false;
        }
    }
    while (end > text + 2 && is_blank(end[-1])) {
        end--;
    }
    *end = '\0';
    char *p = text + 2;
    while (is_blank(*p)) {
        p++;
    }
    if (*p == '\0') {
        return false;
    }
    script->interp = p;
    while (*p != '\0' && !is_blank(*p)) {
        p++;
    }
    script->argument = NULL;
    if (*p != '\0') {
        *p++ = '\0';
        while (is_blank(*p)) {
            p++;
        }
        script->argument = *p != '\0' ? p : NULL;
    }
    return true;
}

/* argv becomes: interpreter, its argument, the script's path, the arguments
 * but the old argv[0]. */
static int rewrite_argv(struct exec_target *target, const struct script *script)
{
    size_t count = 0;
    while (target->argv[count]) {
        count++;
    }
    size_t front = script->argument ? 3 : 2;
    char **argv = calloc(count + front + 1, sizeof(*argv));
    if (!argv) {
        return -ENOMEM;
    }
    argv[0] = strdup(script->interp);
    if (script->argument) {
        argv[1] = strdup(script->argument);
    }
    argv[front - 1] = strdup(target->path);
    if (!argv[0] || !argv[1] || !argv[front - 1]) {
        for (size_t i = 0; i < front; i++) {
            free(argv[i]);
        }
        free(argv);
        return -ENOMEM;
    }
    size_t skip = count > 0 ? 1 : 0;
    memcpy(argv + front, target->argv + skip, (count - skip) * sizeof(*argv));
    if (target->borrowed > 0) {
        free(target->argv[0]);
    }
    /* Ours: the new front, and what was ours behind the old argv[0]. */
    target->borrowed = front + (target->borrowed > skip ? target->borrowed - skip : 0);
    free(target->argv);
    target->argv = argv;
    return 0;
}

static int parse_elf(int fd, struct elf_image *image, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return error_set(err, errno, "%s", error_text(errno));
    }
    return elf_parse(elf_read_fd, &fd, (uint64_t)st.st_size, image, err);
}

static int open_interp(struct exec_target *target, struct error *err)
{
    const char *name = target->image.interp;
    int fd = open_file(AT_FDCWD, name, true);
    int rc = fd < 0 ? fd : check_permission(fd);
    if (rc < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(err, -rc, "its interpreter %s can't be opened: %s", name, error_text(-rc));
    }
    target->interp_fd = fd;
    rc = parse_elf(fd, &target->interp, err);
    if (rc < 0) {
        error_prefix(err, "its interpreter %s is", name);
        return rc == -ENOEXEC ? -ELIBBAD : rc;
    }
    return 0;
}

/* Opens target->path and follows one #! line. 1: there was one. */
static int resolve_step(int dirfd, bool follow, int fd, struct exec_target *target,
                        struct error *err)
{
    if (fd < 0) {
        fd = open_file(dirfd, target->path, follow);
    }
    int rc = fd < 0 ? fd : check_permission(fd);
    if (rc < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return error_set(err, -rc, "%s", error_text(-rc));
    }
    struct script script;
    ssize_t size = pread(fd, script.line, EXEC_SCRIPT_LINE, 0);
    if (size < 2 || memcmp(script.line, "#!", 2) != 0) {
        target->fd = fd;
        rc = parse_elf(fd, &target->image, err);
        if (rc == 0 && target->image.has_interp) {
            rc = open_interp(target, err);
        }
        return rc;
    }
    close(fd);
    if (!parse_script(&script, (size_t)size)) {
        return error_set(err, ENOEXEC, "a script whose #! line names no interpreter");
    }
    size_t length = strlen(script.interp);
    if (length >= sizeof(target->path)) {
        return error_set(err, ENAMETOOLONG, "%s", error_text(ENAMETOOLONG));
    }
    rc = rewrite_argv(target, &script);
    if (rc < 0) {
        return error_set(err, -rc, "%s", error_text(-rc));
    }
    memcpy(target->path, script.interp, length + 1);
    return 1;
}

int exec_resolve(int dirfd, const char *path, bool follow, int exec_fd, char *const *argv,
                 struct exec_target *out, struct error *err)
{
    out->fd = out->interp_fd = -1;
    out->borrowed = 0;
    out->argv = NULL;
    size_t length = strlen(path);
    if (length >= sizeof(out->path)) {
        return error_set(err, ENAMETOOLONG, "%s", error_text(ENAMETOOLONG));
    }
    memcpy(out->path, path, length + 1);
    size_t count = 0;
    while (argv[count]) {
        count++;
    }
    out->argv = calloc(count + 1, sizeof(*out->argv));
    if (!out->argv) {
        return error_set(err, ENOMEM, "%s", error_text(ENOMEM));
    }
    memcpy(out->argv, argv, count * sizeof(*argv));

    for (int depth = 0;; depth++) {
        int rc = resolve_step(dirfd, follow, exec_fd, out, err);
        if (rc <= 0) {
            if (rc < 0 && depth > 0) {
                error_prefix(err, "its interpreter %s", out->path);
            }
            return rc;
        }
        if (depth == MAX_SCRIPTS) {
            return error_set(err, ELOOP, "too many scripts that are each other's interpreters");
        }
        dirfd = AT_FDCWD;
        follow = true;
        exec_fd = -1;
    }
}

void exec_target_free(struct exec_target *target)
{
    if (target->fd >= 0) {
        close(target->fd);
    }
    if (target->interp_fd >= 0) {
        close(target->interp_fd);
    }
    for (size_t i = 0; target->argv && i < target->borrowed; i++) {
        free(target->argv[i]);
    }
    free(target->argv);
    *target = (struct exec_target){.fd = -1, .interp_fd = -1};
}
