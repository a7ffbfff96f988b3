/* Running a program in user mode: what src/cli hands over. */
#ifndef MORTISE_USER_RUN_H
#define MORTISE_USER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotations.h"

struct IMMUTABLE_AFTER_INIT user_options {
    const char *program; /* as given: a path, no search */
    int exec_fd;         /* the program's open file, or -1: opened by its path */
    char **argv;         /* the guest's, argv[0] included, ends with NULL */
    char **envp;         /* the guest's */
    const char *sysroot; /* -L: where absolute paths are looked up first; NULL: nowhere */
    uint64_t stack_size; /* 0: by the resource limit */
    size_t cache_size;   /* 0: the engine's default */
    bool one_insn_per_tb;
    bool lock_stats;
    bool seeded;
    uint64_t seed;
    /* Options to repeat when the guest executes another program: what
     * stands between "mortise user" and the program, ends with NULL. */
    char **kept;
};

/* Runs the program; returns only if it can't be started, then the exit
 * status (a message has been printed): 127 not found, 126 not executable. */
int user_run(const struct user_options *options);

/* Environment variables that act on the emulator's own start (its dynamic
 * loader, its malloc) travel under another name when the guest executes a
 * program. These translate one entry; the result is malloc'ed, or NULL
 * if the entry stays as it is. */
char *env_hide(const char *entry);
char *env_reveal(const char *entry);

#endif
