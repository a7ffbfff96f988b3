/* The mask, the file, and lines that do not mix: each call formats into one
 * buffer and writes it with one write(2), appending, so that processes that
 * share the file after a fork do not overwrite each other either. */
#include "base/annotations.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A line longer than this comes from the heap. */
#define LINE_MAX_STACK 2048

static const struct {
    const char *name;
    unsigned bit;
    const char *meaning;
} categories[] = {
    {"in_asm", LOG_IN_ASM, "guest code as it is translated"},
    {"op", LOG_OP, "what the translator decided for each instruction"},
    {"out_asm", LOG_OUT_ASM, "generated host code"},
    {"exec", LOG_EXEC, "entries into translated blocks from the dispatcher"},
    {"int", LOG_INT, "faults, exceptions and signals"},
    {"strace", LOG_STRACE, "guest system calls and their results"},
    {"page", LOG_PAGE, "guest mappings at start"},
    {"unimp", LOG_UNIMP, "what the guest asked for and is not implemented"},
    {"cpu", LOG_CPU, "registers before each block entered from the dispatcher"},
    {"nochain", LOG_NOCHAIN, "do not chain translated blocks"},
    {"aio", LOG_AIO, "event loops: fallbacks, and descriptors that went away"},
    {"cpu_reset", LOG_CPU_RESET, "registers before a CPU resets or shuts down"},
    {"guest_errors", LOG_GUEST_ERROR, "accesses to physical memory that is not there"},
    {"invalid_mem", LOG_GUEST_ERROR, "the same"},
};

/* QEMU's, which are not worth ending for. */
static const char *const not_logged[] = {"fpu",   "mmu", "op_ind", "op_opt", "op_plugin",
                                         "pcall", "tid", "vpu",    "plugin"};

static unsigned log_mask IMMUTABLE_AFTER_INIT;
static int log_fd IMMUTABLE_AFTER_INIT = STDERR_FILENO;
static bool appending IMMUTABLE_AFTER_INIT;     /* the file is another process's too */
static char *file_pattern IMMUTABLE_AFTER_INIT; /* with "%d" in it, or NULL */

static bool is_not_logged(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(not_logged) / sizeof(not_logged[0]); i++) {
        if (strlen(not_logged[i]) == length && memcmp(not_logged[i], name, length) == 0) {
            return true;
        }
    }
    return length > 6 && memcmp(name, "trace:", 6) == 0;
}

int log_parse(const char *text, unsigned *mask, bool *help, struct error *err)
{
    unsigned found = 0;

    *help = false;
    while (*text) {
        size_t length = strcspn(text, ",");
        size_t i = 0;

        if (length == 4 && memcmp(text, "help", 4) == 0) {
            *help = true;
            return 0;
        }
        while (i < sizeof(categories) / sizeof(categories[0]) &&
               (strncmp(categories[i].name, text, length) != 0 ||
                categories[i].name[length] != '\0')) {
            i++;
        }
        if (i < sizeof(categories) / sizeof(categories[0])) {
            found |= categories[i].bit;
        } else if (is_not_logged(text, length)) {
            fprintf(stderr, "mortise: warning: -d %.*s: nothing is logged for it\n",
                    length > 64 ? 64 : (int)length, text);
        } else {
            return error_set(err, EINVAL, "unknown log category '%.*s' (-d help lists them)",
                             length > 64 ? 64 : (int)length, text);
        }
        text += length;
        if (*text == ',') {
            text++;
        }
    }
    *mask = found;
    return 0;
}

void log_print_help(void)
{
    printf("Log categories (comma-separated, -d):\n");
    for (size_t i = 0; i < sizeof(categories) / sizeof(categories[0]); i++) {
        printf("  %-12s %s\n", categories[i].name, categories[i].meaning);
    }
}

/* Low numbers are the guest's: its next open gets the lowest free one. */
static int out_of_the_way(int fd)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 32) {
        rlim_t top = limit.rlim_cur < 65536 ? limit.rlim_cur : 65536;
        int high = fcntl(fd, F_DUPFD_CLOEXEC, (int)top - 16);
        if (high >= 0) {
            close(fd);
            return high;
        }
    }
    return fd;
}

/* The file's name with the process id in the place of the first "%d". */
static int open_file(const char *file)
{
    const char *at = strstr(file, "%d");
    char *name = NULL;
    int length, fd;

    if (!at) {
        length = asprintf(&name, "%s", file);
    } else {
        length = asprintf(&name, "%.*s%d%s", (int)(at - file), file, (int)getpid(), at + 2);
    }
    if (length < 0) {
        return -ENOMEM;
    }
    fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (appending ? 0 : O_TRUNC), 0666);
    if (fd < 0) {
        fd = -errno;
    }
    free(name);
    return fd < 0 ? fd : out_of_the_way(fd);
}

int log_start(unsigned mask, const char *file, struct error *err)
{
    log_mask = mask;
    if (!file) {
        return 0;
    }
    int fd = open_file(file);
    if (fd < 0) {
        return error_set(err, -fd, "cannot open log file %s: %s", file, error_text(-fd));
    }
    if (strstr(file, "%d")) {
        file_pattern = strdup(file);
        if (!file_pattern) {
            close(fd);
            return error_set(err, ENOMEM, "cannot open log file %s: out of memory", file);
        }
    }
    log_fd = fd;
    return 0;
}

void log_append(void)
{
    appending = true;
}

int log_descriptor(void)
{
    return log_fd;
}

bool log_on(unsigned mask)
{
    return (log_mask & mask) != 0;
}

static void write_all(const char *text, size_t length)
{
    const int saved = errno;

    while (length > 0) {
        ssize_t n = write(log_fd, text, length);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break; /* nobody to tell */
        }
        text += n;
        length -= (size_t)n;
    }
    errno = saved;
}

void log_printf(const char *fmt, ...)
{
    char line[LINE_MAX_STACK];
    char *text = line;
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int length = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (length >= (int)sizeof(line)) {
        text = malloc((size_t)length + 1);
        if (text) {
            (void)vsnprintf(text, (size_t)length + 1, fmt, again);
        } else {
            text = line;
            length = sizeof(line) - 1;
        }
    }
    va_end(again);
    if (length > 0) {
        write_all(text, (size_t)length);
    }
    if (text != line) {
        free(text);
    }
}

void log_after_fork(void)
{
    if (file_pattern) {
        int fd = open_file(file_pattern);

        if (fd >= 0) {
            close(log_fd);
            log_fd = fd;
        }
    }
}
