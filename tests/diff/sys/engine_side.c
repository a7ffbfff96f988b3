/* Runs cases in the system engine. As in user mode an INT3 is behind each case; here
 * it can be read as data, too.
 *
 * Arithmetic flags that no instruction is going to read may be anything: when a run
 * ends with a fault, and where an instruction leaves some undefined. */
#include "engine_side.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "gen.h"
#include "host.h"
#include "machine.h"
#include "x86sys/insn.h"

#define CACHE_SIZE (8u << 20)
#define PF_PRESENT 1u
#define PF_FETCH   0x10u
#define USER_SPACE 0x7ffffffff000u
#define INT3       0xcc

const unsigned gen_neighbours_percent = 20; /* see x86sys/group.c */

static struct {
    uint8_t *code, *arena;
} ram[REGIONS];

void engine_init(size_t cache_size, bool one_insn_per_tb)
{
    machine_init(cache_size ? cache_size : CACHE_SIZE, one_insn_per_tb);
    for (unsigned i = 0; i < REGIONS; i++) {
        ram[i].code = machine_map(regions[i].code, CODE_SIZE, MACHINE_USER);
        memset(ram[i].code, INT3, CODE_SIZE);
        ram[i].arena =
            machine_map(regions[i].arena, ARENA_RW, MACHINE_USER | MACHINE_WRITABLE | MACHINE_NX);
        uint8_t *last = machine_map(regions[i].arena + ARENA_RW, PAGE, MACHINE_USER | MACHINE_NX);
        memcpy(last, (const void *)(uintptr_t)(regions[i].arena + ARENA_RW), PAGE);
    }
}

static uint64_t undefined_flags; /* by any instruction of the case */
static bool incomparable;        /* it reads such flags, or see is_comparable */

/* Linux answers these itself on a CPU with UMIP, and reports their page faults its own way. */
static bool is_answered_by_host(const struct sys_insn *in)
{
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_STR:
        return host_has_umip();
    default:
        return false;
    }
}

/* What no CPU model has; what CPUs differ in; what depends on the tables of the host's
 * kernel. */
static bool is_comparable(const struct sys_insn *in)
{
    if (is_answered_by_host(in)) {
        return false;
    }
    switch (in->mnemonic) {
    case ZYDIS_MNEMONIC_MOVDIR64B:
    case ZYDIS_MNEMONIC_CLZERO:
    case ZYDIS_MNEMONIC_INT: /* hypervisors have been seen to answer 0x19 to 0x1b */
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_MASKMOVQ: /* may leave MMX state even if it faults */
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
        return false;
    default:
        if (in->cls == SYS_INSN_NOP && in->opcode == 0x0d && in->modrm >= 0xc0) {
            return false; /* no prefetch, without memory: #UD on some */
        }
        if (in->map == 0 && (in->opcode & 0xfe) == 0xa6) {
            return host_is_amd(); /* CMPS: which operand is read first */
        }
        if (in->mask != SYS_MASK_NONE && in->mem_aligned) {
            return false; /* whether an address is checked from which nothing is selected */
        }
        return !(in->mnemonic == ZYDIS_MNEMONIC_MOV && in->cls == SYS_INSN_C && in->map == 0);
    }
}

static void look_at(const struct diff_case *c)
{
    uint64_t undefined = 0;
    bool jumps = false;
    undefined_flags = 0;
    incomparable = false;
    for (unsigned i = 0; i < c->insn_count; i++) {
        struct sys_insn in;
        unsigned at = c->insn_off[i];
        if (sys_decode(&in, machine_cpu->mode, c->start + at, c->start + at, c->code + at,
                       c->code_len - at) == 0) {
            incomparable |= !is_comparable(&in);
            incomparable |= in.cls != SYS_INSN_C && in.flags_read & undefined;
            jumps |= in.cls != SYS_INSN_DATA && in.cls != SYS_INSN_LEA && in.cls != SYS_INSN_NOP;
            undefined = jumps ? undefined : undefined & ~(uint64_t)in.flags_written;
            undefined |= in.flags_undefined;
            undefined_flags |= in.flags_undefined;
        }
    }
}

static uint8_t *code_of(const struct diff_case *c)
{
    return ram[c->region].code + (c->start - regions[c->region].code);
}

void engine_put_code(const struct diff_case *c)
{
    uint8_t *at = code_of(c);
    machine_reset(true);
    look_at(c);
    memcpy(at, c->code, c->code_len);
    memcpy(at + c->code_len, c->tail, sizeof(c->tail));
    at[c->code_len] = INT3;
    machine_written(at, c->code_len + sizeof(c->tail));
}

void engine_drop_code(const struct diff_case *c)
{
    uint8_t *at = code_of(c);
    memset(at, INT3, c->code_len + sizeof(c->tail));
    machine_written(at, c->code_len + sizeof(c->tail));
}

/* Data of the arenas between where the tester has it and the machine's RAM. */
static void copy_in(const struct diff_case *c)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (c->arenas & 1u << i) {
            memcpy(ram[i].arena, (const void *)(uintptr_t)regions[i].arena, ARENA_RW);
        }
    }
}

static void copy_out(const struct diff_case *c)
{
    for (unsigned i = 0; i < REGIONS; i++) {
        if (c->arenas & 1u << i) {
            memcpy((void *)(uintptr_t)regions[i].arena, ram[i].arena, ARENA_RW);
        }
    }
}

/* What Linux makes of pending floating-point exceptions. */
static int float_code(unsigned pending)
{
    return pending & 1      ? FPE_FLTINV
           : pending & 4    ? FPE_FLTDIV
           : pending & 8    ? FPE_FLTOVF
           : pending & 0x12 ? FPE_FLTUND
           : pending & 0x20 ? FPE_FLTRES
                            : 0;
}

static unsigned x87_pending(const uint8_t *image)
{
    uint16_t control, status;
    memcpy(&control, image, 2);
    memcpy(&status, image + 2, 2);
    return status & ~(unsigned)control & 0x3f;
}

static unsigned sse_pending(const uint8_t *image)
{
    uint32_t mxcsr;
    memcpy(&mxcsr, image + 24, 4);
    return ~(mxcsr >> 7) & mxcsr & 0x3f;
}

static void set_signal(struct diff_result *res, int signo, int code, uint64_t addr)
{
    res->outcome = OUTCOME_FAULT;
    res->signo = signo;
    res->code = code;
    res->addr = addr;
}

static void set_page_fault(struct diff_result *res, const struct machine_end *end)
{
    if (end->error & PF_FETCH) {
        res->outcome = OUTCOME_NOCODE;
        res->signo = SIGSEGV;
        return;
    }
    bool mapped = end->error & PF_PRESENT && end->cr2 < USER_SPACE;
    set_signal(res, SIGSEGV, mapped ? SEGV_ACCERR : SEGV_MAPERR, end->cr2);
}

/* The signal that Linux would send. */
static void set_outcome(struct diff_result *res, const struct machine_end *end)
{
    switch (end->vector) {
    case MACHINE_TIMEOUT:
        res->outcome = OUTCOME_TIMEOUT;
        break;
    case SYS_BP:
        res->outcome = OUTCOME_INT3;
        break;
    case SYS_DE:
        set_signal(res, SIGFPE, FPE_INTDIV, 0);
        break;
    case SYS_UD:
        set_signal(res, SIGILL, ILL_ILLOPN, 0);
        break;
    case SYS_MF:
        set_signal(res, SIGFPE, float_code(x87_pending(res->xsave)), 0);
        break;
    case SYS_XM:
        set_signal(res, SIGFPE, float_code(sse_pending(res->xsave)), 0);
        break;
    case SYS_GP:
        set_signal(res, SIGSEGV, SI_KERNEL, 0);
        break;
    case SYS_NP:
    case SYS_SSF:
        set_signal(res, SIGBUS, SI_KERNEL, 0);
        break;
    case SYS_PF:
        set_page_fault(res, end);
        break;
    case MACHINE_SYSCALL:
        res->outcome = OUTCOME_SYSCALL;
        break;
    default:
        res->outcome = OUTCOME_SKIP;
    }
}

void engine_run(const struct diff_case *c, const struct diff_state *st, struct diff_result *res)
{
    struct sys_cpu *cpu = machine_cpu;
    struct machine_end end;
    *res = (struct diff_result){.outcome = OUTCOME_NONE};
    memory_apply(st);
    copy_in(c);
    machine_reset(true);
    memcpy(cpu->gpr, st->gpr, sizeof(cpu->gpr));
    memcpy(cpu->xsave, st->xsave, xsave_size());
    cpu->vec_live = false;
    cpu->rflags = st->rflags | X86_IF | SYS_RF_ONE;
    cpu->rip = c->start;
    cpu->seg[SYS_FS].base = c->fs_base;
    cpu->seg[SYS_GS].base = c->gs_base;
    sys_mode_update(cpu);
    machine_run(&end);
    copy_out(c);
    memcpy(res->gpr, cpu->gpr, sizeof(res->gpr));
    memcpy(res->xsave, cpu->xsave, xsave_size());
    res->gpr[X86_RSP] = end.rsp;
    res->rip = end.rip;
    res->rflags = end.rflags;
    set_outcome(res, &end);
    res->unknown_flags = res->outcome == OUTCOME_FAULT || res->outcome == OUTCOME_NOCODE
                             ? SYS_RF_ARITH
                             : undefined_flags;
    if (incomparable || (st->rflags | end.rflags) & X86_AC) { /* alignment checks are not made */
        res->outcome = OUTCOME_SKIP;
    }
    memory_collect(c, res);
}
