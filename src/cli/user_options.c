/* The options of `mortise user`: those of qemu-user where there are such.
 * Long ones take one dash or two. Each may also be given by an environment
 * variable, which the command line overrides. */
#include "cli/user_options.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "user/limits.h"

#define MIN_CACHE (1UL << 20)
#define MAX_CACHE (2047UL << 20)

extern char **environ;

enum option_id {
    OPT_HELP = 256,
    OPT_VERSION,
    OPT_SET,
    OPT_UNSET,
    OPT_PREFIX,
    OPT_ARGV0,
    OPT_STACK,
    OPT_STRACE,
    OPT_LOG,
    OPT_LOG_FILE,
    OPT_CPU,
    OPT_ONE_INSN,
    OPT_SEED,
    OPT_PAGE_SIZE,
    OPT_CACHE,
    OPT_STATS,
    OPT_GUEST_BASE,
    OPT_RESERVED,
    OPT_GDB,
    OPT_REEXEC,
    OPT_EXEC_FD,
    OPT_LIMITS,
};

/* name with its dash, argument, id, environment variable, kept across execve, meaning. A
 * NULL meaning keeps the option out of the help text. */
static const struct description {
    const char *name, *argument;
    int id;
    const char *variable;
    bool kept;
    const char *meaning;
} descriptions[] = {
    {"-h", NULL, OPT_HELP, NULL, false, "this text"},
    {"-help", NULL, OPT_HELP, NULL, false, "this text"},
    {"-version", NULL, OPT_VERSION, NULL, false, "the version"},
    {"-E", "VAR=VALUE", OPT_SET, NULL, false, "set a variable in the program's environment"},
    {"-U", "VAR", OPT_UNSET, NULL, false, "remove a variable from it"},
    {"-L", "PATH", OPT_PREFIX, "MORTISE_LD_PREFIX", true,
     "look up absolute paths under PATH first (interpreter, libraries)"},
    {"-0", "NAME", OPT_ARGV0, "MORTISE_ARGV0", false, "the program's argv[0]"},
    {"-s", "SIZE", OPT_STACK, "MORTISE_STACK_SIZE", true, "stack size (bytes, or with k, M, G)"},
    {"-strace", NULL, OPT_STRACE, "MORTISE_STRACE", true, "log system calls"},
    {"-d", "ITEM,...", OPT_LOG, "MORTISE_LOG", true, "log these items (-d help lists them)"},
    {"-D", "FILE", OPT_LOG_FILE, "MORTISE_LOG_FILENAME", true,
     "log to FILE (%d: process id) instead of standard error"},
    {"-cpu", "MODEL", OPT_CPU, "MORTISE_CPU", true, "CPU model (-cpu help lists them)"},
    {"-one-insn-per-tb", NULL, OPT_ONE_INSN, "MORTISE_ONE_INSN_PER_TB", true,
     "translate instruction by instruction"},
    {"-singlestep", NULL, OPT_ONE_INSN, NULL, true, NULL},
    {"-tb-size", "MIB", OPT_CACHE, "MORTISE_TB_SIZE", true,
     "size of the translation cache (MiB, or with k, M, G)"},
    {"-seed", "NUMBER", OPT_SEED, "MORTISE_RAND_SEED", true, "seed of the program's AT_RANDOM"},
    {"-p", "SIZE", OPT_PAGE_SIZE, "MORTISE_PAGESIZE", false, "page size: 4096"},
    {"-lock-stats", NULL, OPT_STATS, "MORTISE_LOCK_STATS", true, "print lock statistics at exit"},
    {"-B", "ADDRESS", OPT_GUEST_BASE, NULL, false, NULL},
    {"-R", "SIZE", OPT_RESERVED, NULL, false, NULL},
    {"-g", "PORT", OPT_GDB, NULL, false, NULL},
    {"-reexec", NULL, OPT_REEXEC, NULL, false, NULL},
    {"-execfd", "FD", OPT_EXEC_FD, NULL, false, NULL},
    {"-limits", "LIST", OPT_LIMITS, NULL, false, NULL},
};

#define OPTIONS (sizeof(descriptions) / sizeof(descriptions[0]))

static void print_help(void)
{
    puts("usage: mortise user [OPTION]... PROGRAM [ARGUMENT]...\n"
         "Runs an x86-64 Linux program.\n\noptions (or environment variables):");
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct description *d = &descriptions[i];
        char left[64];
        if (!d->meaning) {
            continue;
        }
        (void)snprintf(left, sizeof(left), "%s%s%s", d->name, d->argument ? " " : "",
                       d->argument ? d->argument : "");
        printf("  %-18s %s%s%s%s\n", left, d->meaning, d->variable ? " [" : "",
               d->variable ? d->variable : "", d->variable ? "]" : "");
    }
}

static enum user_options_verdict complain(const struct error *err)
{
    fprintf(stderr, "mortise: %s\n", err->text);
    return USER_OPTIONS_ERROR;
}

static enum user_options_verdict bad_value(const struct description *d, const char *value,
                                           const char *wanted)
{
    fprintf(stderr, "mortise: %s %s: %s expected\n", d->name, value, wanted);
    return USER_OPTIONS_ERROR;
}

static enum user_options_verdict refuse(const struct description *d, const char *why)
{
    fprintf(stderr, "mortise: %s is not supported: %s\n", d->name, why);
    return USER_OPTIONS_ERROR;
}

static enum user_options_verdict set_log(struct user_command *command, const char *items)
{
    struct error err = {.text = ""};
    unsigned mask;
    bool help = false;
    if (log_parse(items, &mask, &help, &err) < 0) {
        return complain(&err);
    }
    if (help) {
        log_print_help();
        return USER_OPTIONS_DONE;
    }
    command->log_mask |= mask;
    return USER_OPTIONS_RUN;
}

static enum user_options_verdict set_cpu(const char *model)
{
    struct error err = {.text = ""};
    assert(model); /* its row says that it has an argument */
    if (strcmp(model, "help") == 0 || strcmp(model, "?") == 0) {
        cpu_model_print();
        return USER_OPTIONS_DONE;
    }
    return cpu_model_check(model, &err) < 0 ? complain(&err) : USER_OPTIONS_RUN;
}

/* Of our own process, before it has a second thread. */
static enum user_options_verdict set_environment(int id, const char *value)
{
    assert(value); /* its row says that it has an argument */
    if (id == OPT_SET) {
        if (!strchr(value, '=') || value[0] == '=') {
            fprintf(stderr, "mortise: -E %s: VAR=VALUE expected\n", value);
            return USER_OPTIONS_ERROR;
        }
        (void)putenv((char *)(uintptr_t)value); /* NOLINT(concurrency-mt-unsafe): see above */
    } else if (strchr(value, '=') || value[0] == '\0') {
        fprintf(stderr, "mortise: -U %s: the name of a variable expected\n", value);
        return USER_OPTIONS_ERROR;
    } else {
        (void)unsetenv(value); /* NOLINT(concurrency-mt-unsafe): see above */
    }
    return USER_OPTIONS_RUN;
}

static enum user_options_verdict apply(struct user_command *command, const struct description *d,
                                       const char *value)
{
    struct user_options *o = &command->options;
    uint64_t number = 0;
    switch (d->id) {
    case OPT_HELP:
        print_help();
        return USER_OPTIONS_DONE;
    case OPT_VERSION:
        puts("mortise " MORTISE_VERSION);
        return USER_OPTIONS_DONE;
    case OPT_SET:
    case OPT_UNSET:
        return set_environment(d->id, value);
    case OPT_PREFIX:
        o->sysroot = value;
        break;
    case OPT_ARGV0:
        command->argv0 = value;
        break;
    case OPT_STACK:
        if (!parse_size(value, 1, &o->stack_size) || o->stack_size < 65536) {
            return bad_value(d, value, "a size of at least 64k");
        }
        o->stack_size = (o->stack_size + 4095) & ~4095UL;
        if (o->stack_size == 0) {
            return bad_value(d, value, "a size that fits the address space");
        }
        break;
    case OPT_STRACE:
        command->log_mask |= LOG_STRACE;
        break;
    case OPT_LOG:
        return set_log(command, value);
    case OPT_LOG_FILE:
        command->log_file = value;
        break;
    case OPT_CPU:
        return set_cpu(value);
    case OPT_ONE_INSN:
        o->one_insn_per_tb = true;
        break;
    case OPT_SEED:
        if (!parse_size(value, 1, &o->seed)) {
            return bad_value(d, value, "a number");
        }
        o->seeded = true;
        break;
    case OPT_PAGE_SIZE:
        if (!parse_size(value, 1, &number) || number != 4096) {
            return bad_value(d, value, "4096, the only page size there is,");
        }
        break;
    case OPT_CACHE:
        if (!parse_size(value, 1UL << 20, &number) || number < MIN_CACHE || number > MAX_CACHE) {
            return bad_value(d, value, "a size from 1 to 2047 MiB");
        }
        o->cache_size = number;
        break;
    case OPT_STATS:
        o->lock_stats = true;
        break;
    case OPT_GUEST_BASE:
    case OPT_RESERVED:
        return refuse(d, "guest addresses are host addresses");
    case OPT_GDB:
        return refuse(d, "there is no gdb stub yet");
    case OPT_REEXEC:
        command->reexec = true;
        break;
    case OPT_EXEC_FD:
        if (!parse_size(value, 1, &number) || number > INT32_MAX) {
            return bad_value(d, value, "a file descriptor");
        }
        o->exec_fd = (int)number;
        break;
    case OPT_LIMITS:
        if (!limits_import(value)) {
            return bad_value(d, value, "resource limits");
        }
        break;
    default:
        break;
    }
    return USER_OPTIONS_RUN;
}

static enum user_options_verdict unknown_option(const char *word)
{
    const char *names[OPTIONS + 1] = {NULL};
    size_t count = 0;
    for (size_t i = 0; i < OPTIONS; i++) {
        if (descriptions[i].meaning && strlen(descriptions[i].name) > 2) {
            names[count++] = descriptions[i].name + 1;
        }
    }
    const char *meant = suggest_name(word + strspn(word, "-"), names);
    if (meant) {
        fprintf(stderr, "mortise: unknown option %s; did you mean -%s?\n", word, meant);
    } else {
        fprintf(stderr, "mortise: unknown option %s (see mortise user --help)\n", word);
    }
    return USER_OPTIONS_ERROR;
}

/* Options that the guest's execve repeats: collected as they come. */
static void keep(struct user_command *command, size_t *count, const struct description *d,
                 const char *value)
{
    command->options.kept[(*count)++] = (char *)(uintptr_t)d->name;
    if (value) {
        command->options.kept[(*count)++] = (char *)(uintptr_t)value;
    }
}

static bool is_off(const char *value)
{
    return value[0] == '\0' || strcmp(value, "0") == 0;
}

static enum user_options_verdict from_environment(struct user_command *command, size_t *kept)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const struct description *d = &descriptions[i];
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is no second thread yet */
        const char *value = d->variable ? getenv(d->variable) : NULL;
        if (!value || (!d->argument && is_off(value))) {
            continue;
        }
        value = d->argument ? value : NULL;
        enum user_options_verdict verdict = apply(command, d, value);
        if (verdict != USER_OPTIONS_RUN) {
            return verdict;
        }
        if (d->kept) {
            keep(command, kept, d, value);
        }
    }
    return USER_OPTIONS_RUN;
}

static const struct description *find(const char *name)
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (strcmp(descriptions[i].name + 1, name) == 0) {
            return &descriptions[i];
        }
    }
    return NULL;
}

/* Splits "-name=value" or "--name"; the name must be an option's whole name. */
static const struct description *match(const char *word, const char **value)
{
    char name[32];
    const char *start = word + (word[1] == '-' ? 2 : 1);
    size_t length = strcspn(start, "=");
    *value = start[length] == '=' ? start + length + 1 : NULL;
    if (length >= sizeof(name)) {
        return NULL;
    }
    memcpy(name, start, length);
    name[length] = '\0';
    return find(name);
}

enum user_options_verdict user_options_parse(int argc, char **argv, struct user_command *command)
{
    size_t kept = 0;
    *command = (struct user_command){.options = {.exec_fd = -1}};
    command->options.kept = calloc(2 * ((size_t)argc + OPTIONS) + 1, sizeof(char *));
    if (!command->options.kept) {
        abort();
    }
    bool reexec = argc > 1 && strcmp(argv[1], "-reexec") == 0;
    enum user_options_verdict verdict =
        reexec ? USER_OPTIONS_RUN : from_environment(command, &kept);
    int i = 1;
    for (; verdict == USER_OPTIONS_RUN && i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *value;
        if (strcmp(argv[i], "--") == 0) {
            i++;
            break;
        }
        const struct description *d = match(argv[i], &value);
        if (!d) {
            return unknown_option(argv[i]);
        }
        if (d->argument && !value) {
            if (i + 1 == argc) {
                fprintf(stderr, "mortise: %s needs an argument: %s\n", d->name, d->argument);
                return USER_OPTIONS_ERROR;
            }
            value = argv[++i];
        } else if (!d->argument && value) {
            fprintf(stderr, "mortise: %s takes no argument\n", d->name);
            return USER_OPTIONS_ERROR;
        }
        verdict = apply(command, d, value);
        if (d->kept) {
            keep(command, &kept, d, value);
        }
    }
    if (verdict != USER_OPTIONS_RUN) {
        return verdict;
    }
    if (i >= argc) {
        fputs("mortise: no program given (see mortise user --help)\n", stderr);
        return USER_OPTIONS_ERROR;
    }
    command->options.program = argv[i];
    command->options.argv = argv + i;
    command->options.envp = environ;
    return USER_OPTIONS_RUN;
}

void user_command_free(struct user_command *command)
{
    free(command->options.kept);
    command->options.kept = NULL;
}
