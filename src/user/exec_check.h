/* Finding out whether a file can be executed, the way the kernel would:
 * before anything of the old program is given up. */
#ifndef MORTISE_USER_EXEC_CHECK_H
#define MORTISE_USER_EXEC_CHECK_H

#include <limits.h>
#include <stdbool.h>

#include "base/error.h"
#include "user/elf.h"

#define EXEC_SCRIPT_LINE 256 /* how much of a #! line the kernel looks at */

/* A program ready to be run: the ELF file behind any #! lines. */
struct OWNED_BY(the thread that executes it) exec_target {
    int fd;              /* the ELF file, open for reading */
    char path[PATH_MAX]; /* its path as far as known */
    char **argv;         /* malloc'ed array: what the #! lines made of the arguments */
    size_t borrowed;     /* from this index on the strings are the caller's */
    struct elf_image image;
    int interp_fd; /* PT_INTERP's file, or -1 */
    struct elf_image interp;
};

/* Opens `path` (relative to dirfd as in openat; or, if exec_fd is not -1,
 * that file, which is called `path`) and what it needs. -errno as execve
 * would have it, and a sentence. */
NODISCARD int exec_resolve(int dirfd, const char *path, bool follow, int exec_fd, char *const *argv,
                           struct exec_target *out, struct error *err);

/* Closes what it has open and frees what it has allocated. */
void exec_target_free(struct exec_target *target);

#endif
