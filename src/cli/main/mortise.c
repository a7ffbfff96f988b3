/* The mortise command: picks the subcommand. Under the name mortise-x86_64,
 * for binfmt_misc, it is `mortise user`; under mortise-system-x86_64, `mortise
 * system`. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli.h"

static const struct {
    const char *name;
    const char *meaning;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"user", "run an x86-64 Linux program", cli_user},
    {"system", "run an x86 PC", cli_system},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fputs("usage: mortise COMMAND [OPTION]... [ARGUMENT]...\n\ncommands:\n", out);
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].meaning);
    }
    fputs("\n`mortise COMMAND --help` describes a command.\n", out);
}

static int unknown(const char *word)
{
    const char *names[COMMANDS + 1] = {NULL};
    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *meant = suggest_name(word, names);
    if (meant) {
        fprintf(stderr, "mortise: unknown command '%s'; did you mean '%s'?\n", word, meant);
    } else {
        fprintf(stderr, "mortise: unknown command '%s' (see mortise --help)\n", word);
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
    const char *self = argc > 0 ? (slash ? slash + 1 : argv[0]) : "";
    if (strncmp(self, "mortise-x86_64", 14) == 0) {
        return cli_user(argc, argv);
    }
    if (strncmp(self, "mortise-system-x86_64", 21) == 0) {
        return cli_system(argc, argv);
    }
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-version") == 0) {
        puts("mortise " MORTISE_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    return unknown(word);
}
