/* x and xp: memory, as the CPU sees it and as it is. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/monitor_internal.h"
#include "x86sys/machine.h"

#define DUMP_MAX 65536

/* Work that is done on the vCPU's thread. */
struct look {
    uint64_t addr;
    uint8_t *buf;
    size_t len, got;
};

static void peek_on_cpu(struct cpu *cpu, void *opaque)
{
    struct look *look = opaque;
    look->got = sys_cpu_peek(cpu, look->addr, look->buf, look->len);
}

/* Hexadecimal, of 64 bits at most, and nothing behind it. */
static bool parse_address(const char *text, uint64_t *addr)
{
    char *end;
    if (!isxdigit((unsigned char)*text)) { /* no sign */
        return false;
    }
    errno = 0;
    *addr = strtoull(text, &end, 16);
    return *end == '\0' && errno == 0;
}

/* "/COUNTx[bhwg] ADDRESS" or "ADDRESS". */
static bool parse_dump(const char *text, size_t *count, unsigned *size, uint64_t *addr)
{
    char *end;
    *count = 1;
    *size = 4;
    if (*text == '/') {
        text++;
        if (*text >= '0' && *text <= '9') {
            *count = strtoul(text, &end, 10);
            text = end;
        }
        for (; *text && *text != ' '; text++) {
            static const char letters[] = "bhwg";
            const char *at = strchr(letters, *text);
            if (at) {
                *size = 1U << (at - letters);
            } else if (*text != 'x') {
                return false;
            }
        }
    }
    text += strspn(text, " ");
    return parse_address(text, addr) && *count > 0 && *count <= DUMP_MAX / *size;
}

static void print_dump(FILE *out, uint64_t addr, const uint8_t *buf, size_t count, unsigned size)
{
    unsigned per_line = 16 / size;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = 0;
        for (unsigned b = 0; b < size; b++) {
            v |= (uint64_t)buf[i * size + b] << 8 * b;
        }
        if (i % per_line == 0) {
            fprintf(out, "%016" PRIx64 ":", addr + i * size);
        }
        fprintf(out, " 0x%0*" PRIx64 "%s", (int)(2 * size), v,
                (i + 1) % per_line == 0 || i + 1 == count ? "\n" : "");
    }
}

void monitor_dump(struct monitor_view *view, const char *argument, bool physical, FILE *out)
{
    size_t count;
    unsigned size;
    struct look look = {0};
    if (!parse_dump(argument, &count, &size, &look.addr)) {
        fputs("x[p] /COUNTx[bhwg] ADDRESS expected, at most 64 KiB\n", out);
        return;
    }
    look.len = count * size;
    look.buf = calloc(1, look.len);
    if (!look.buf) {
        fputs("out of memory\n", out);
        return;
    }
    bool ok = physical ? address_space_read(view->machine->memory_as, look.addr, look.buf,
                                            look.len) == MEMORY_OK
                       : monitor_on_cpu(view, peek_on_cpu, &look, out) && look.got == look.len;
    if (ok) {
        print_dump(out, look.addr, look.buf, count, size);
    } else {
        fprintf(out, "cannot access memory at 0x%" PRIx64 "\n", look.addr + look.got);
    }
    free(look.buf);
}
