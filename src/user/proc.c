/* Recognising this process's own files under /proc, by whatever name. */
#include "user/proc.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/process.h"

static const struct {
    const char *name;
    enum path_kind kind;
} names[] = {
    {"exe", PATH_EXE},         {"maps", PATH_MAPS},       {"smaps", PATH_SMAPS},
    {"cmdline", PATH_CMDLINE}, {"environ", PATH_ENVIRON}, {"auxv", PATH_AUXV},
};

static enum path_kind kind_of_name(const char *name)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i].name) == 0) {
            return names[i].kind;
        }
    }
    return PATH_PLAIN;
}

/* The process that a component names: 0 for this one (or a thread of it, as
 * far as it is the calling one), -1 for none. */
static int process_of(const char *component, size_t length)
{
    if ((length == 4 && strncmp(component, "self", 4) == 0) ||
        (length == 11 && strncmp(component, "thread-self", 11) == 0)) {
        return 0;
    }
    if (length == 0 || length > 9) {
        return -1;
    }
    int id = 0;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)component[i])) {
            return -1;
        }
        id = id * 10 + (component[i] - '0');
    }
    return id == getpid() || id == gettid() ? 0 : id;
}

/* A path below /proc/: "self/maps", "123/task/124/maps". */
static enum path_kind kind_below_proc(const char *rest, int *pid)
{
    size_t length = strcspn(rest, "/");
    *pid = process_of(rest, length);
    if (*pid < 0 || rest[length] != '/') {
        return PATH_PLAIN;
    }
    rest += length + 1;
    if (strncmp(rest, "task/", 5) == 0) {
        rest += 5;
        length = strcspn(rest, "/");
        if (rest[length] != '/') {
            return PATH_PLAIN;
        }
        rest += length + 1;
    }
    enum path_kind kind = kind_of_name(rest);
    return *pid == 0 || kind == PATH_EXE ? kind : PATH_PLAIN;
}

/* A path relative to a directory in /proc. */
static enum path_kind kind_relative(int dirfd, const char *path, int *pid)
{
    char link[32], full[2 * PATH_MAX];
    if (dirfd == AT_FDCWD) {
        if (!getcwd(full, PATH_MAX)) {
            return PATH_PLAIN;
        }
    } else {
        (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
        ssize_t n = readlink(link, full, PATH_MAX - 1);
        if (n < 0) {
            return PATH_PLAIN;
        }
        full[n] = '\0';
    }
    if (strncmp(full, "/proc", 5) != 0 || (full[5] != '/' && full[5] != '\0')) {
        return PATH_PLAIN;
    }
    size_t length = strlen(full);
    (void)snprintf(full + length, sizeof(full) - length, "/%s", path);
    return kind_below_proc(full + 6, pid);
}

enum path_kind proc_path_kind(int dirfd, const char *path, int *pid)
{
    enum path_kind kind = PATH_PLAIN;
    if (path[0] == '/') {
        if (strncmp(path, "/proc/", 6) == 0) {
            kind = kind_below_proc(path + 6, pid);
        }
    } else {
        const char *slash = strrchr(path, '/');
        if (kind_of_name(slash ? slash + 1 : path) != PATH_PLAIN) {
            kind = kind_relative(dirfd, path, pid);
        }
    }
    return kind >= PATH_CMDLINE && user_process.kernel_knows ? PATH_PLAIN : kind;
}
