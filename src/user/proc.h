/* Files under /proc that describe the process: the host's would describe
 * the emulator. */
#ifndef MORTISE_USER_PROC_H
#define MORTISE_USER_PROC_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

enum path_kind {
    PATH_PLAIN, /* nothing special */
    PATH_EXE,   /* /proc/self/exe, of this process or of another one in the emulator */
    PATH_MAPS,
    PATH_SMAPS,
    PATH_CMDLINE, /* this and the following only while the kernel doesn't know better */
    PATH_ENVIRON,
    PATH_AUXV,
};

/* What a path of the guest names. dirfd as in openat. For PATH_EXE, *pid gets
 * the process, or 0 for this one. */
enum path_kind proc_path_kind(int dirfd, const char *path, int *pid);

/* The program that another emulator process runs. False if it isn't one, or
 * may not be looked at. */
bool proc_peer_exe(int pid, char exe[PATH_MAX]);

/* Makes a descriptor from which the file's text can be read, or -errno.
 * `flags` are those of open. */
int proc_open(enum path_kind kind, int flags);

#endif
