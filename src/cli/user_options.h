/* Options of `mortise user`. */
#ifndef MORTISE_CLI_USER_OPTIONS_H
#define MORTISE_CLI_USER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "user/run.h"

enum user_options_verdict {
    USER_OPTIONS_RUN,
    USER_OPTIONS_DONE,  /* help or the like has been printed */
    USER_OPTIONS_ERROR, /* a message has been printed */
};

/* What the command line asks for. */
struct user_command {
    struct user_options options;
    unsigned log_mask;
    const char *log_file; /* NULL: standard error */
    bool reexec;          /* started by a guest's execve */
    bool preserve_argv0;  /* by binfmt_misc with flag P: argv[0] comes after the path */
    const char *argv0;    /* -0, or NULL */
};

/* Everything `argv` and the environment say. */
enum user_options_verdict user_options_parse(int argc, char **argv, struct user_command *command);

/* Frees what user_options_parse has allocated, whatever its verdict was. */
void user_command_free(struct user_command *command);

/* A size: a number with k, M or G. False if it isn't one. `unit` is what a
 * bare number counts. */
bool parse_size(const char *text, uint64_t unit, uint64_t *size);

/* -cpu: 0 if the model is known. */
NODISCARD int cpu_model_check(const char *name, struct error *err);
void cpu_model_print(void);

#endif
