/* Disassembly for the log, through Zydis' formatter. */
#include "x86/disas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "exec/code_cache.h"

static const char *const class_names[] = {
    [X86_INSN_COPY] = "copy",       [X86_INSN_LEA_RIP] = "constant",
    [X86_INSN_JMP] = "exit",        [X86_INSN_JCC] = "exit if",
    [X86_INSN_LOOP] = "exit loop",  [X86_INSN_CALL] = "push, exit",
    [X86_INSN_JMP_IND] = "lookup",  [X86_INSN_CALL_IND] = "push, lookup",
    [X86_INSN_RET] = "pop, lookup", [X86_INSN_SYSCALL] = "system call",
    [X86_INSN_INT3] = "breakpoint", [X86_INSN_INT80] = "int 0x80",
    [X86_INSN_EMULATE] = "emulate", [X86_INSN_ILLEGAL] = "#UD",
    [X86_INSN_PRIVILEGED] = "#GP",  [X86_INSN_FAR_RETURN] = "far return",
    [X86_INSN_SEG] = "copy, base",  [X86_INSN_XSTATE] = "copy, masked",
};
static const char *const mem_names[] = {
    [X86_MEM_AS_IS] = "", [X86_MEM_RIP] = ", rip-relative", [X86_MEM_SEG] = ", segment base"};

struct text {
    char *buf;
    size_t len, cap;
};

static void text_add(struct text *x, const char *s)
{
    size_t n = strlen(s);
    if (x->len + n + 1 > x->cap) {
        size_t cap = (x->cap + n + 1) * 2;
        char *buf = realloc(x->buf, cap);
        if (!buf) {
            return; /* a log line less */
        }
        x->buf = buf;
        x->cap = cap;
    }
    memcpy(x->buf + x->len, s, n + 1);
    x->len += n;
}

/* One line: address, bytes, text. Returns the instruction's length. */
static size_t add_insn(struct text *x, uint64_t pc, const uint8_t *bytes, size_t len)
{
    ZydisDisassembledInstruction d;
    char line[256], hex[2 * 15 + 1];
    size_t n = 1;
    const char *what = "(bad)";
    if (ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, pc, bytes, len, &d))) {
        n = d.info.length;
        what = d.text;
    }
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    (void)snprintf(line, sizeof(line), "0x%012llx:  %-24s %s", (unsigned long long)pc, hex, what);
    text_add(x, line);
    return n;
}

void x86_disas_log(const struct translation *t, const struct tb *tb)
{
    if (!log_on(LOG_IN_ASM | LOG_OP | LOG_OUT_ASM)) {
        return;
    }
    struct text x = {0};
    char line[128];
    if (log_on(LOG_IN_ASM | LOG_OP)) {
        text_add(&x, "----------------\nIN:\n");
        for (unsigned i = 0; i < t->insn_count; i++) {
            const struct x86_insn *in = &t->insns[i];
            add_insn(&x, in->pc, in->bytes, in->len);
            if (log_on(LOG_OP)) {
                (void)snprintf(line, sizeof(line), "    ; %s%s", class_names[in->cls],
                               mem_names[in->mem]);
                text_add(&x, line);
            }
            text_add(&x, "\n");
        }
    }
    if (log_on(LOG_OUT_ASM)) {
        (void)snprintf(line, sizeof(line), "OUT: [size=%u]\n", tb->host_size);
        text_add(&x, line);
        size_t data = 8UL * t->literal_count;
        for (size_t at = 0; at + data < tb->host_size;) {
            at +=
                add_insn(&x, tb->code_start + at, code_rw(tb->code_start) + at, tb->host_size - at);
            text_add(&x, "\n");
        }
    }
    if (x.buf) {
        log_printf("%s\n", x.buf);
    }
    free(x.buf);
}
