/* Two things can happen to a path: it may name one of this process's files
 * under /proc, and, with -L, something of its name may exist below the
 * prefix, which then comes first. */
#include "user/path.h"

#include <stdio.h>
#include <unistd.h>

#include "user/copy.h"
#include "user/process.h"

bool path_in_sysroot(const char *path, char out[PATH_MAX])
{
    const char *root = user_process.options->sysroot;
    if (!root || path[0] != '/') {
        return false;
    }
    int n = snprintf(out, PATH_MAX, "%s%s", root, path);
    return n > 0 && n < PATH_MAX && access(out, F_OK) == 0;
}

void path_look(struct guest_path *path, int dirfd, uint64_t guest)
{
    path->host = guest;
    path->kind = PATH_PLAIN;
    if (guest_read_string(path->buf, guest, sizeof(path->buf)) <= 0) {
        return;
    }
    int pid = 0;
    path->kind = proc_path_kind(dirfd, path->buf, &pid);
    if (path->kind == PATH_EXE) {
        path->exe = pid == 0 ? user_process.exe : path->prefixed;
        if (pid != 0 && !proc_peer_exe(pid, path->prefixed)) {
            path->kind = PATH_PLAIN;
        }
        return;
    }
    if (path->kind == PATH_PLAIN && path_in_sysroot(path->buf, path->prefixed)) {
        path->host = (uint64_t)path->prefixed;
    }
}
