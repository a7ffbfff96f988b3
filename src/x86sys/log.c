/* See log.h. One write per block or event, so that vCPUs' lines do not mix. */
#include "x86sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "base/log.h"
#include "exec/code_cache.h"
#include "x86sys/machine.h"
#include "x86sys/vector.h"

static const char *const class_names[] = {
    [SYS_INSN_DATA] = "data",         [SYS_INSN_LEA] = "address",
    [SYS_INSN_STACK] = "stack",       [SYS_INSN_STRING] = "string",
    [SYS_INSN_JMP] = "exit",          [SYS_INSN_JCC] = "exit if",
    [SYS_INSN_LOOP] = "exit loop",    [SYS_INSN_CALL] = "push, exit",
    [SYS_INSN_JMP_IND] = "lookup",    [SYS_INSN_CALL_IND] = "push, lookup",
    [SYS_INSN_RET] = "pop, lookup",   [SYS_INSN_C] = "C",
    [SYS_INSN_NOP] = "nop",           [SYS_INSN_ILLEGAL] = "#UD",
    [SYS_INSN_TOO_LONG] = "too long",
};

static ZydisMachineMode machine_mode(uint32_t mode)
{
    return mode & SYS_MODE_CODE64   ? ZYDIS_MACHINE_MODE_LONG_64
           : mode & SYS_MODE_CODE32 ? ZYDIS_MACHINE_MODE_LEGACY_32
                                    : ZYDIS_MACHINE_MODE_LEGACY_16;
}

/* One line without its end. Returns the instruction's length. */
static size_t print_insn(FILE *f, ZydisMachineMode mode, uint64_t pc, const uint8_t *bytes,
                         size_t len)
{
    ZydisDisassembledInstruction d;
    char hex[2 * 15 + 1];
    size_t n = 1;
    const char *what = "(bad)";
    if (ZYAN_SUCCESS(ZydisDisassembleIntel(mode, pc, bytes, len, &d))) {
        n = d.info.length;
        what = d.text;
    }
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    (void)fprintf(f, "0x%012llx:  %-24s %s", (unsigned long long)pc, hex, what);
    return n;
}

static void print_guest(FILE *f, const struct sys_translation *t)
{
    (void)fprintf(f, "----------------\nIN: mode 0x%x%s\n", t->mode,
                  t->copied ? ", made from another linear address's" : "");
    for (unsigned i = 0; i < t->insn_count; i++) {
        const struct sys_insn *in = &t->insns[i];
        (void)print_insn(f, machine_mode(t->mode), in->linear, in->bytes, in->len);
        if (log_on(LOG_OP)) {
            (void)fprintf(f, "    ; %s%s", class_names[in->cls], t->live_in[i] ? ", flags" : "");
        }
        (void)fputc('\n', f);
    }
}

static void print_host(FILE *f, const struct tb *tb)
{
    (void)fprintf(f, "OUT: [size=%u]\n", tb->host_size);
    for (size_t at = 0; at < tb->host_size;) {
        at += print_insn(f, ZYDIS_MACHINE_MODE_LONG_64, tb->code_start + at,
                         code_rw(tb->code_start) + at, tb->host_size - at);
        (void)fputc('\n', f);
    }
}

void sys_log_tb(const struct sys_translation *t, const struct tb *tb)
{
    char *text = NULL;
    size_t size = 0;
    if (!log_on(LOG_IN_ASM | LOG_OP | LOG_OUT_ASM)) {
        return;
    }
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        return; /* a block less in the log */
    }
    if (log_on(LOG_IN_ASM | LOG_OP)) {
        print_guest(f, t);
    }
    if (log_on(LOG_OUT_ASM)) {
        print_host(f, tb);
    }
    if (fclose(f) == 0) {
        log_printf("%s\n", text);
    }
    free(text);
}

void sys_log_entry(struct sys_cpu *cpu, const struct tb *tb)
{
    if (!log_on(LOG_EXEC | LOG_CPU)) {
        return;
    }
    sys_vec_save(cpu);
    if (log_on(LOG_EXEC)) {
        log_printf("Trace %u: 0x%llx [%u instructions, mode 0x%x]\n", cpu->cpu.index,
                   (unsigned long long)tb->pc, tb->insns, tb->flags);
    }
    if (log_on(LOG_CPU)) {
        const uint64_t *r = cpu->gpr;
        log_printf("RAX=%016llx RBX=%016llx RCX=%016llx RDX=%016llx\n"
                   "RSI=%016llx RDI=%016llx RBP=%016llx RSP=%016llx\n"
                   "R8 =%016llx R9 =%016llx R10=%016llx R11=%016llx\n"
                   "R12=%016llx R13=%016llx R14=%016llx R15=%016llx\n"
                   "RIP=%016llx RFL=%08llx CS=%04x SS=%04x CR0=%08llx CR3=%016llx\n",
                   (unsigned long long)r[X86_RAX], (unsigned long long)r[X86_RBX],
                   (unsigned long long)r[X86_RCX], (unsigned long long)r[X86_RDX],
                   (unsigned long long)r[X86_RSI], (unsigned long long)r[X86_RDI],
                   (unsigned long long)r[X86_RBP], (unsigned long long)r[X86_RSP],
                   (unsigned long long)r[X86_R8], (unsigned long long)r[X86_R9],
                   (unsigned long long)r[X86_R10], (unsigned long long)r[X86_R11],
                   (unsigned long long)r[X86_R12], (unsigned long long)r[X86_R13],
                   (unsigned long long)r[X86_R14], (unsigned long long)r[X86_R15],
                   (unsigned long long)cpu->rip, (unsigned long long)cpu->rflags,
                   cpu->seg[SYS_CS].selector, cpu->seg[SYS_SS].selector,
                   (unsigned long long)cpu->cr0, (unsigned long long)cpu->cr3);
    }
}

void sys_log_exception(const struct sys_cpu *cpu)
{
    const struct sys_exception *x = &cpu->exception;
    if (log_on(LOG_INT)) {
        log_printf("CPU %u: exception %u, error 0x%x, address 0x%llx, at %04x:%llx, CPL %u, RSP "
                   "0x%llx\n",
                   cpu->cpu.index, x->vector, x->has_error ? x->error : 0,
                   (unsigned long long)x->addr, cpu->seg[SYS_CS].selector,
                   (unsigned long long)cpu->rip, sys_cpl(cpu),
                   (unsigned long long)cpu->gpr[X86_RSP]);
    }
}

void sys_log_reset(struct sys_cpu *cpu, const char *why)
{
    char *text = NULL;
    size_t size = 0;
    if (!log_on(LOG_CPU_RESET)) {
        return;
    }
    sys_vec_save(cpu);
    FILE *f = open_memstream(&text, &size);
    if (!f) {
        return; /* it is not in the log */
    }
    sys_cpu_dump(&cpu->cpu, f);
    if (fclose(f) == 0) {
        log_printf("%s (CPU %u)\n%s\n", why, cpu->cpu.index, text);
    }
    free(text);
}

void sys_log_no_memory(const struct sys_cpu *cpu, bool write, uint64_t addr, uint32_t size)
{
    if (log_on(LOG_GUEST_ERROR)) {
        log_printf("CPU %u: invalid %s at address 0x%llx, size %u, at %04x:%llx\n", cpu->cpu.index,
                   write ? "write" : "read", (unsigned long long)addr, size,
                   cpu->seg[SYS_CS].selector, (unsigned long long)cpu->rip);
    }
}

void sys_log_no_msr(struct sys_cpu *cpu, bool write, uint32_t index)
{
    if (log_on(LOG_UNIMP)) {
        sys_vec_save(cpu);
        log_printf("CPU %u: %s of MSR 0x%x, which is not there, at %04x:%llx\n", cpu->cpu.index,
                   write ? "write" : "read", index, cpu->seg[SYS_CS].selector,
                   (unsigned long long)cpu->rip);
    }
}

void sys_cpu_print_counts(struct cpu *c, FILE *out)
{
    static const char *const names[SYS_COUNTS] = {
        "unchained jumps",    "jump cache misses", "requests",       "instructions in C",
        "other exits",        "TLB misses",        "bounced writes", "blocks translated",
        "blocks copied",      "exceptions",        "interrupts",     "jump cache flushes",
        "vector states saved"};
    const struct sys_cpu *cpu = sys_cpu_of(c);
    for (unsigned i = 0; i < SYS_COUNTS; i++) {
        (void)fprintf(out, "%-20s %llu\n", names[i], (unsigned long long)cpu->counts[i]);
    }
}
