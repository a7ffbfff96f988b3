/* Files under /proc that describe the process: the host's would describe
 * the emulator. */
#ifndef MORTISE_USER_PROC_H
#define MORTISE_USER_PROC_H

#include <limits.h>
#include <stdint.h>

enum path_kind {
    PATH_PLAIN, /* nothing special */
    PATH_EXE,   /* this process's /proc/self/exe */
    PATH_MAPS,
    PATH_SMAPS,
    PATH_CMDLINE, /* this and the following only while the kernel doesn't know better */
    PATH_ENVIRON,
    PATH_AUXV,
};

/* What a path of the guest names. dirfd as in openat. */
enum path_kind proc_path_kind(int dirfd, const char *path);

/* Makes a descriptor from which the file's text can be read, or -errno.
 * `flags` are those of open. */
int proc_open(enum path_kind kind, int flags);

#endif
