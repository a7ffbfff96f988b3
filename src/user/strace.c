/* System calls in text, in the manner of strace. One line is built in a
 * buffer and written at once, when the call has returned: what the kernel
 * filled in is known then, and lines of several threads do not mix. */
#include "user/strace.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "user/copy.h"

#define STRING_SHOWN 256
#define BYTES_SHOWN  32

struct line {
    char text[2048];
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line->text + line->length, sizeof(line->text) - line->length, fmt, ap);
    va_end(ap);
    if (n > 0) {
        line->length += (size_t)n;
        if (line->length >= sizeof(line->text)) {
            line->length = sizeof(line->text) - 1;
        }
    }
}

static void put_bytes(struct line *line, const char *bytes, size_t n, bool more)
{
    put(line, "\"");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c == '"' || c == '\\') {
            put(line, "\\%c", c);
        } else if (c == '\n') {
            put(line, "\\n");
        } else if (c == '\t') {
            put(line, "\\t");
        } else if (c == '\r') {
            put(line, "\\r");
        } else if (isprint(c)) {
            put(line, "%c", c);
        } else if (i + 1 < n && isdigit((unsigned char)bytes[i + 1])) {
            put(line, "\\%03o", c);
        } else {
            put(line, "\\%o", c);
        }
    }
    put(line, more ? "\"..." : "\"");
}

static void put_pointer(struct line *line, uint64_t p)
{
    if (p) {
        put(line, "0x%" PRIx64, p);
    } else {
        put(line, "NULL");
    }
}

static void put_string(struct line *line, uint64_t p)
{
    char text[STRING_SHOWN];
    size_t n = p ? guest_read_some(text, p, sizeof(text)) : 0;
    size_t length = strnlen(text, n);
    if (n == 0) {
        put_pointer(line, p);
    } else {
        put_bytes(line, text, length, length == n);
    }
}

static void put_buffer(struct line *line, uint64_t p, uint64_t size)
{
    char bytes[BYTES_SHOWN];
    size_t want = size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
    if (!p || guest_read_some(bytes, p, want) < want) {
        put_pointer(line, p);
    } else {
        put_bytes(line, bytes, want, size > want);
    }
}

struct flag {
    uint64_t bit;
    const char *name;
};

static const struct flag open_flags[] = {
    {O_CREAT, "O_CREAT"},         {O_EXCL, "O_EXCL"},         {O_NOCTTY, "O_NOCTTY"},
    {O_TRUNC, "O_TRUNC"},         {O_APPEND, "O_APPEND"},     {O_NONBLOCK, "O_NONBLOCK"},
    {O_SYNC, "O_SYNC"},           {O_DSYNC, "O_DSYNC"},       {O_ASYNC, "O_ASYNC"},
    {O_DIRECT, "O_DIRECT"},       {0100000, "O_LARGEFILE"},   {O_TMPFILE, "O_TMPFILE"},
    {O_DIRECTORY, "O_DIRECTORY"}, {O_NOFOLLOW, "O_NOFOLLOW"}, {O_NOATIME, "O_NOATIME"},
    {O_CLOEXEC, "O_CLOEXEC"},     {O_PATH, "O_PATH"},         {0, NULL},
};

static const struct flag prot_flags[] = {
    {PROT_READ, "PROT_READ"},
    {PROT_WRITE, "PROT_WRITE"},
    {PROT_EXEC, "PROT_EXEC"},
    {PROT_GROWSDOWN, "PROT_GROWSDOWN"},
    {0, NULL},
};

static const struct flag map_flags[] = {
    {MAP_SHARED_VALIDATE, "MAP_SHARED_VALIDATE"},
    {MAP_SHARED, "MAP_SHARED"},
    {MAP_PRIVATE, "MAP_PRIVATE"},
    {MAP_FIXED, "MAP_FIXED"},
    {MAP_ANONYMOUS, "MAP_ANONYMOUS"},
    {MAP_32BIT, "MAP_32BIT"},
    {MAP_GROWSDOWN, "MAP_GROWSDOWN"},
    {MAP_DENYWRITE, "MAP_DENYWRITE"},
    {MAP_LOCKED, "MAP_LOCKED"},
    {MAP_NORESERVE, "MAP_NORESERVE"},
    {MAP_POPULATE, "MAP_POPULATE"},
    {MAP_NONBLOCK, "MAP_NONBLOCK"},
    {MAP_STACK, "MAP_STACK"},
    {MAP_HUGETLB, "MAP_HUGETLB"},
    {MAP_FIXED_NOREPLACE, "MAP_FIXED_NOREPLACE"},
    {0, NULL},
};

static void put_flags(struct line *line, uint64_t value, const struct flag *flags,
                      const char *start, const char *none)
{
    bool first = *start == '\0';
    put(line, "%s", start);
    for (; flags->name; flags++) {
        if ((value & flags->bit) == flags->bit) {
            put(line, "%s%s", first ? "" : "|", flags->name);
            value &= ~flags->bit;
            first = false;
        }
    }
    if (value != 0) {
        put(line, "%s0x%" PRIx64, first ? "" : "|", value);
    } else if (first) {
        put(line, "%s", none);
    }
}

static void put_open_flags(struct line *line, uint64_t flags)
{
    static const char *const access[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};
    put_flags(line, flags & ~(uint64_t)O_ACCMODE, open_flags, access[flags & O_ACCMODE], "");
}

static void put_signal(struct line *line, uint64_t sig)
{
    const char *name = sig < 32 ? sigabbrev_np((int)sig) : NULL;
    if (name) {
        put(line, "SIG%s", name);
    } else if (sig >= 32 && sig <= 64) {
        put(line, "SIGRT_%" PRIu64, sig - 32);
    } else {
        put(line, "%" PRId64, (int64_t)sig);
    }
}

static void put_arg(struct line *line, char letter, const uint64_t *a, size_t i, int64_t ret)
{
    uint64_t v = a[i];
    switch (letter) {
    case 'd':
    case 'f':
        put(line, "%d", (int)v);
        break;
    case 'u':
        put(line, "%" PRIu64, v);
        break;
    case 'o':
        put(line, "0%o", (unsigned)v);
        break;
    case 's':
        put_string(line, v);
        break;
    case 'D':
        if ((int)v == AT_FDCWD) {
            put(line, "AT_FDCWD");
        } else {
            put(line, "%d", (int)v);
        }
        break;
    case 'O':
        put_open_flags(line, v);
        break;
    case 'P':
        put_flags(line, v, prot_flags, "", "PROT_NONE");
        break;
    case 'M':
        put_flags(line, v, map_flags, "", "0");
        break;
    case 'S':
        put_signal(line, v);
        break;
    case 'b':
        put_buffer(line, v, a[i + 1]);
        break;
    case 'B':
        put_buffer(line, ret < 0 ? 0 : v,
                   ret > 0 && (uint64_t)ret < a[i + 1] ? (uint64_t)ret : a[i + 1]);
        break;
    case 'x':
        put(line, v ? "0x%" PRIx64 : "%" PRIx64, v);
        break;
    default:
        put_pointer(line, v);
        break;
    }
}

static void put_call(struct line *line, const struct syscall_entry *entry, const uint64_t *a,
                     int64_t ret)
{
    put(line, "%d %s(", (int)gettid(), entry->name);
    for (size_t i = 0; entry->format[i] != '\0'; i++) {
        if (i > 0 && entry->format[i - 1] == 'O' && !(a[i - 1] & (O_CREAT | __O_TMPFILE))) {
            break; /* no mode without a new file */
        }
        put(line, "%s", i ? ", " : "");
        put_arg(line, entry->format[i], a, i, ret);
    }
    put(line, ")");
}

static bool returns_address(uint64_t nr)
{
    return nr == SYS_mmap || nr == SYS_brk || nr == SYS_mremap || nr == SYS_shmat;
}

static void put_result(struct line *line, uint64_t nr, int64_t ret)
{
    if (ret >= 0) {
        put(line, returns_address(nr) ? " = 0x%" PRIx64 : " = %" PRId64, ret);
    } else if (ret > -4096 && ret < -USER_ERESTARTSYS + 1 && ret >= -520) {
        put(line, " = ? (to be restarted after a signal)");
    } else if (ret > -4096) {
        const char *name = strerrorname_np((int)-ret);
        put(line, " = -1 %s (%s)", name ? name : "?", error_text((int)-ret));
    } else if (ret == -USER_SIGRETURN) {
        put(line, " = ?");
    } else {
        put(line, " = 0x%" PRIx64, (uint64_t)ret);
    }
}

static bool does_not_return(uint64_t nr)
{
    return nr == SYS_exit || nr == SYS_exit_group || nr == SYS_execve || nr == SYS_execveat;
}

void strace_enter(struct user_thread *t, const struct syscall_entry *entry, uint64_t nr,
                  const uint64_t *a)
{
    (void)t;
    if (does_not_return(nr)) {
        struct line line = {.length = 0};
        put_call(&line, entry, a, 0);
        log_printf("%s%s\n", line.text, nr == SYS_exit || nr == SYS_exit_group ? " = ?" : "");
    }
}

void strace_leave(struct user_thread *t, const struct syscall_entry *entry, uint64_t nr,
                  const uint64_t *a, int64_t ret)
{
    (void)t;
    struct line line = {.length = 0};
    if (nr == SYS_exit) {
        return; /* the thread ends only now */
    }
    put_call(&line, entry, a, ret);
    put_result(&line, nr, ret);
    log_printf("%s\n", line.text);
}
