/* `mortise user`: options, then the program. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/user_options.h"
#include "locks/stats.h"

#define FLAGS_PRESERVE_ARGV0 1 /* AT_FLAGS of binfmt_misc with flag P */

/* What execve has renamed gets its name back. */
static void reveal_environment(char **envp)
{
    for (; *envp; envp++) {
        char *revealed = env_reveal(*envp);
        if (revealed) {
            *envp = revealed;
        }
    }
}

/* A name without a slash is looked up as a shell would, unless such a file
 * is here. */
static const char *search_path(const char *name)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no second thread yet */
    const char *path = getenv("PATH");
    if (strchr(name, '/') || access(name, F_OK) == 0 || !path) {
        return name;
    }
    while (*path) {
        size_t length = strcspn(path, ":");
        char *candidate;
        if (length > 0 && asprintf(&candidate, "%.*s/%s", (int)length, path, name) > 0) {
            if (access(candidate, X_OK) == 0) {
                return candidate;
            }
            free(candidate);
        }
        path += length + (path[length] == ':');
    }
    return name;
}

/* As the kernel's binfmt_misc starts an interpreter: it may hand over the
 * program's open file and the original argv[0]. */
static void take_binfmt(struct user_command *command)
{
    struct user_options *o = &command->options;
    unsigned long fd = getauxval(AT_EXECFD);
    if (fd > 2 && o->exec_fd < 0) {
        o->exec_fd = (int)fd;
    }
    if ((getauxval(AT_FLAGS) & FLAGS_PRESERVE_ARGV0) && o->argv[1]) {
        o->argv++;
    }
}

static int run(struct user_command *command)
{
    struct error err = {.text = ""};
    struct user_options *o = &command->options;
    if (command->reexec) {
        reveal_environment(o->envp);
        log_append();
    } else {
        take_binfmt(command);
        o->program = search_path(o->program);
    }
    if (command->argv0) {
        o->argv[0] = (char *)(uintptr_t)command->argv0;
    }
    if (log_start(command->log_mask, command->log_file, &err) < 0) {
        fprintf(stderr, "mortise: %s\n", err.text);
        return 1;
    }
    if (o->lock_stats) {
        lock_stats_enable();
    }
    return user_run(o);
}

int cli_user(int argc, char **argv)
{
    struct user_command command;
    int status;
    switch (user_options_parse(argc, argv, &command)) {
    case USER_OPTIONS_DONE:
        status = 0;
        break;
    case USER_OPTIONS_ERROR:
        status = 1;
        break;
    default:
        status = run(&command);
        break;
    }
    user_command_free(&command);
    return status;
}
