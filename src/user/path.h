/* The guest's paths on their way to the host. */
#ifndef MORTISE_USER_PATH_H
#define MORTISE_USER_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "user/proc.h"

struct guest_path {
    uint64_t host;       /* what to pass to the kernel */
    enum path_kind kind; /* for other kinds than PATH_PLAIN, host is still the guest's own path */
    const char *exe;     /* PATH_EXE: the program's path */
    char buf[PATH_MAX];
    char prefixed[PATH_MAX];
};

/* Looks at the path string at `guest`. What can't be read or is too long is
 * left to the kernel to complain about. */
void path_look(struct guest_path *path, int dirfd, uint64_t guest);

/* The -L prefix: writes the path under it to `out` if something is there. */
bool path_in_sysroot(const char *path, char out[PATH_MAX]);

#endif
