/* The ways between C and guest code, and the slow path.
 *
 * Guest code runs on the thread's C stack, with RSP a multiple of 16 and constant,
 * so what leaves just goes on with C's conventions. Guest registers are saved to
 * and loaded from gpr[]; flags are taken out of RFLAGS by C; back in, they are put
 * aside in cpu->flags, and the TB's entry takes them from there if it needs them.
 * DF alone is set here, since nothing else keeps it.
 *
 * Vector state stays in the registers on each way out. C that needs them saves
 * first, and clears vec_live; the ways in look at that. */
#include "x86sys/stubs.h"

#include <stdlib.h>

#include "exec/code_cache.h"
#include "x86/emit.h"
#include "x86/host.h"
#include "x86sys/translate.h"
#include "x86sys/vector.h"

struct sys_stubs sys_stubs IMMUTABLE_AFTER_INIT;

#define OFF(field) offsetof(struct sys_cpu, field)

/* Guest registers in host registers that C does not preserve. */
static const uint8_t volatile_regs[] = {X86_RAX, X86_RCX, X86_RDX, X86_RSI, X86_RDI,
                                        X86_R8,  X86_R9,  X86_R10, X86_R13};

static void bytes2(struct emit *e, uint8_t a, uint8_t b)
{
    emit_u8(e, a);
    emit_u8(e, b);
}

static void bytes3(struct emit *e, uint8_t a, uint8_t b, uint8_t c)
{
    bytes2(e, a, b);
    emit_u8(e, c);
}

static void store_all(struct emit *e)
{
    for (unsigned r = 0; r < X86_GPRS; r++) {
        uint8_t host = sys_host_reg((uint8_t)r);

        if (host != X86_NONE) {
            emit_store_state(e, OFF(gpr) + 8UL * r, host);
        }
    }
}

static void load_all(struct emit *e)
{
    for (unsigned r = 0; r < X86_GPRS; r++) {
        uint8_t host = sys_host_reg((uint8_t)r);

        if (host != X86_NONE) {
            emit_load_state(e, host, OFF(gpr) + 8UL * r);
        }
    }
}

static void load_volatile(struct emit *e)
{
    for (size_t i = 0; i < sizeof(volatile_regs); i++) {
        emit_load_state(e, sys_host_reg(volatile_regs[i]), OFF(gpr) + 8UL * volatile_regs[i]);
    }
}

static void call_c(struct emit *e, uintptr_t fn)
{
    emit_mov_imm(e, X86_RAX, fn);
    bytes2(e, 0xff, 0xd0); /* call rax */
}

static void call_stub(struct emit *e, uintptr_t stub)
{
    emit_u8(e, 0xe8);
    emit_u32(e, (uint32_t)(stub - (emit_pc(e) + 4)));
}

/* jz target */
static void jump_if_zero(struct emit *e, uintptr_t target)
{
    bytes2(e, 0x0f, 0x84);
    emit_u32(e, (uint32_t)(target - (emit_pc(e) + 4)));
}

/* xsave64 (/4) or xrstor64 (/5) of the components in cpu->xsave_mask. */
static void emit_xsave_op(struct emit *e, uint8_t op)
{
    struct emit_mem lo = emit_gs(OFF(xsave_mask)), hi = emit_gs(OFF(xsave_mask) + 4);
    emit_load_state(e, X86_RCX, OFF(xsave));
    emit_op_mem(e, 0, false, 0x8b, X86_RAX, &lo, 0);
    emit_op_mem(e, 0, false, 0x8b, X86_RDX, &hi, 0);
    bytes3(e, 0x48, 0x0f, 0xae);
    emit_u8(e, (uint8_t)(op << 3 | X86_RCX));
}

/* mov byte gs:[vec_live], value */
static void set_live(struct emit *e, bool live)
{
    struct emit_mem m = emit_gs(OFF(vec_live));
    emit_op_mem(e, 0, false, 0xc6, 0, &m, 1);
    emit_u8(e, live);
}

/* Skips the next `skip` bytes if vector state is live. */
static void skip_if_live(struct emit *e, uint8_t skip)
{
    struct emit_mem m = emit_gs(OFF(vec_live));
    emit_op_mem(e, 0, false, 0x80, 7, &m, 1); /* cmp byte gs:[vec_live], 0 */
    emit_u8(e, 0);
    bytes2(e, 0x75, skip);
}

/* Functions for C. C gets clean x87 and SSE control. */
static uintptr_t emit_vec_save(struct emit *e)
{
    uintptr_t start = emit_pc(e);
    emit_xsave_op(e, 4);
    bytes2(e, 0xdb, 0xe3); /* fninit */
    emit_u8(e, 0x68);      /* push 0x1f80; ldmxcsr [rsp]; pop rax */
    emit_u32(e, 0x1f80);
    bytes2(e, 0x0f, 0xae);
    bytes3(e, 0x14, 0x24, 0x58);
    if (x86_host.avx) {
        bytes3(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
    }
    set_live(e, false);
    emit_u8(e, 0xc3);
    return start;
}

static uintptr_t emit_vec_restore(struct emit *e)
{
    uintptr_t start = emit_pc(e);
    emit_xsave_op(e, 5);
    set_live(e, true);
    emit_u8(e, 0xc3);
    return start;
}

/* Before and after a call of C from within guest code. */
static void before_c(struct emit *e, const struct sys_stubs *s)
{
    emit_u8(e, 0xfc); /* cld */
    if (SYS_C_USES_VECTORS) {
        call_stub(e, (uintptr_t)s->vec_save);
    }
    emit_load_state(e, X86_RDI, OFF(self));
}

static void after_c(struct emit *e, const struct sys_stubs *s)
{
    skip_if_live(e, 5);
    call_stub(e, (uintptr_t)s->vec_restore);
}

/* The C stack is as sys_stubs.enter found it; back to the loop. */
static uintptr_t emit_out(struct emit *e)
{
    static const uint8_t pops[] = {0x58, 0x41, 0x5f, 0x41, 0x5e, 0x41,
                                   0x5d, 0x41, 0x5c, 0x5d, 0x5b, 0xc3};
    uintptr_t start = emit_pc(e);
    emit_load_state(e, X86_RSP, OFF(host_rsp));
    emit_bytes(e, pops, sizeof(pops));
    return start;
}

static uintptr_t emit_enter(struct emit *e, const struct sys_stubs *s, uintptr_t *reenter)
{
    static const uint8_t pushes[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55,
                                     0x41, 0x56, 0x41, 0x57, 0x50};
    uintptr_t start = emit_pc(e);
    emit_bytes(e, pushes, sizeof(pushes));
    emit_store_state(e, OFF(host_rsp), X86_RSP);
    *reenter = emit_pc(e);
    after_c(e, s);
    struct emit_mem df = emit_gs(OFF(rflags) + 1);
    emit_op_mem(e, 0, false, 0xf6, 0, &df, 1); /* test byte gs:[rflags + 1], 4 */
    emit_u8(e, X86_DF >> 8);
    bytes3(e, 0x74, 1, 0xfd); /* jz over; std */
    load_all(e);
    struct emit_mem entry = emit_gs(OFF(entry));
    emit_op_mem(e, 0, false, 0xff, 4, &entry, 0); /* jmp gs:[entry] */
    return start;
}

static uintptr_t emit_leave(struct emit *e, const struct sys_stubs *s, uintptr_t reenter,
                            uintptr_t out)
{
    uintptr_t start = emit_pc(e);
    store_all(e);
    struct emit_mem flags = emit_gs(OFF(scratch));
    emit_u8(e, 0x9c);                             /* pushfq */
    emit_op_mem(e, 0, false, 0x8f, 0, &flags, 0); /* pop gs:[scratch] */
    before_c(e, s);
    emit_mov_reg_reg(e, X86_RSI, SYS_HOST_S0);
    emit_mov_reg_reg(e, X86_RDX, SYS_HOST_S1);
    call_c(e, (uintptr_t)sys_light_exit);
    bytes3(e, 0x48, 0x85, 0xc0); /* test rax, rax */
    jump_if_zero(e, out);
    emit_store_state(e, OFF(entry), X86_RAX);
    emit_jmp(e, reenter);
    return start;
}

/* rcx op= gs:[rax + field]: a field of the victim. */
static void rcx_with_victim(struct emit *e, uint8_t opcode, size_t field)
{
    struct emit_mem m = {
        .base = X86_RAX,
        .index = X86_NONE,
        .gs = true,
        .disp = (int64_t)(OFF(tlb.e) + SYS_TLB_ENTRIES * sizeof(struct sys_tlb_entry) + field)};
    emit_op_mem(e, 0, true, opcode, X86_RCX, &m, 0);
}

/* jcc forward; land says to where. */
static uintptr_t jump_ahead(struct emit *e, uint8_t cc)
{
    bytes2(e, 0x0f, 0x80 | cc);
    emit_u32(e, 0);
    return emit_pc(e) - 4;
}

static void land(struct emit *e, uintptr_t field)
{
    emit_patch_rel32(e, field, emit_pc(e));
}

/* test r14d, imm32 */
static void test_s1(struct emit *e, uint32_t bits)
{
    bytes3(e, 0x41, 0xf7, 0xc6);
    emit_u32(e, bits);
}

/* Returns to the TB if S0 is on a page that is a victim and the access may be made
 * there. Flags are nothing here: the look-up in line has cost them already. Falls
 * through with all registers as they were. */
static void emit_try_victims(struct emit *e)
{
    static const uint8_t last_byte[] = {
        0x41, 0x0f, 0xb7, 0xc6,       /* movzx eax, r14w */
        0x41, 0x8d, 0x44, 0x05, 0xff, /* lea eax, [r13 + rax - 1] */
        0x44, 0x31, 0xe8,             /* xor eax, r13d */
        0x25, 0x00, 0xf0, 0xff, 0xff, /* and eax, -4096 */
    };
    static const uint8_t page[] = {
        0x4c, 0x89, 0xe8,               /* mov rax, r13 */
        0x48, 0xc1, 0xe8, 12,           /* shr rax, 12 */
        0x48, 0x89, 0xc1,               /* mov rcx, rax */
        0x48, 0xc1, 0xe9, SYS_TLB_BITS, /* shr rcx, bits */
        0x31, 0xc8,                     /* xor eax, ecx */
        0x25,                           /* and eax, imm32 */
    };
    static const uint8_t mode_mask[] = {
        0xc1, 0xe0, 5,                  /* shl eax, 5 */
        0xc1, 0xe9, SYS_MODE_MMU_SHIFT, /* shr ecx, shift */
        0x83, 0xe1, 3,                  /* and ecx, 3 */
        0x69, 0xc9,                     /* imul ecx, ecx, imm32 */
    };
    struct emit_mem mode = emit_gs(OFF(mode)), run = emit_gs(OFF(tlb.victim_run));
    enum { AE = 3, Z = 4, NZ = 5 };
    uintptr_t other, crosses, no_tag, enough, write, compare;

    test_s1(e, (uint32_t)(SYS_SLOW_SEGMENT | SYS_SLOW_MISALIGNED) << 16);
    other = jump_ahead(e, NZ);
    emit_store_state(e, OFF(gpr[X86_RAX]), X86_RAX);
    emit_store_state(e, OFF(gpr[X86_RCX]), X86_RCX);
    emit_bytes(e, last_byte, sizeof(last_byte));
    crosses = jump_ahead(e, NZ);
    emit_bytes(e, page, sizeof(page));
    emit_u32(e, SYS_TLB_VICTIMS - 1);
    emit_op_mem(e, 0, false, 0x8b, X86_RCX, &mode, 0);
    emit_bytes(e, mode_mask, sizeof(mode_mask));
    emit_u32(e, sizeof(((struct sys_tlb *)NULL)->e[0]));
    bytes2(e, 0x01, 0xc8); /* add eax, ecx */
    emit_mov_reg_reg(e, X86_RCX, SYS_HOST_S0);
    test_s1(e, (uint32_t)SYS_WRITE << 16);
    write = jump_ahead(e, NZ);
    rcx_with_victim(e, 0x2b, offsetof(struct sys_tlb_entry, read));
    emit_u8(e, 0xe9); /* jmp */
    emit_u32(e, 0);
    compare = emit_pc(e) - 4;
    land(e, write);
    rcx_with_victim(e, 0x2b, offsetof(struct sys_tlb_entry, write));
    land(e, compare);
    bytes3(e, 0x48, 0x81, 0xf9); /* cmp rcx, 4096 */
    emit_u32(e, GUEST_PAGE_SIZE);
    no_tag = jump_ahead(e, AE);
    emit_op_mem(e, 0, false, 0xff, 1, &run, 0); /* dec dword gs:[victim_run] */
    enough = jump_ahead(e, Z);
    rcx_with_victim(e, 0x03, offsetof(struct sys_tlb_entry, host));
    emit_mov_reg_reg(e, SYS_HOST_S0, X86_RCX);
    bytes3(e, 0x45, 0x31, 0xf6); /* xor r14d, r14d: nothing to commit */
    emit_load_state(e, X86_RAX, OFF(gpr[X86_RAX]));
    emit_load_state(e, X86_RCX, OFF(gpr[X86_RCX]));
    emit_u8(e, 0xc3);
    land(e, crosses);
    land(e, no_tag);
    land(e, enough);
    emit_load_state(e, X86_RAX, OFF(gpr[X86_RAX]));
    emit_load_state(e, X86_RCX, OFF(gpr[X86_RCX]));
    land(e, other);
}

static uintptr_t emit_slow(struct emit *e, const struct sys_stubs *s, uintptr_t out)
{
    struct emit_mem flags = {.base = X86_RSP, .index = X86_NONE};
    struct emit_mem ret = {.base = X86_RSP, .index = X86_NONE, .disp = 8};
    struct emit_mem commit = emit_gs(OFF(commit));
    uintptr_t start = emit_pc(e);
    emit_try_victims(e);
    emit_u8(e, 0x9c); /* pushfq */
    store_all(e);
    before_c(e, s);
    emit_mov_reg_reg(e, X86_RSI, SYS_HOST_S0);
    static const uint8_t movzx_edx_r14w[] = {0x41, 0x0f, 0xb7, 0xd6};
    static const uint8_t mov_ecx_r14d[] = {0x44, 0x89, 0xf1};
    emit_bytes(e, movzx_edx_r14w, sizeof(movzx_edx_r14w));
    emit_bytes(e, mov_ecx_r14d, sizeof(mov_ecx_r14d));
    bytes3(e, 0xc1, 0xe9, 16); /* shr ecx, 16 */
    emit_mov_reg_mem(e, X86_R8, &ret);
    emit_mov_reg_mem(e, X86_R9, &flags);
    call_c(e, (uintptr_t)sys_slow_begin);
    bytes2(e, 0x84, 0xc0); /* test al, al */
    jump_if_zero(e, out);
    after_c(e, s);
    emit_load_state(e, SYS_HOST_S0, OFF(slow.result));
    load_volatile(e);
    emit_op_mem(e, 0, false, 0x8b, SYS_HOST_S1, &commit, 0); /* mov r14d, gs:[commit] */
    bytes2(e, 0x9d, 0xc3);                                   /* popfq; ret */
    return start;
}

static uintptr_t emit_commit(struct emit *e, const struct sys_stubs *s, uintptr_t out)
{
    struct emit_mem flags = {.base = X86_RSP, .index = X86_NONE};
    struct emit_mem ret = {.base = X86_RSP, .index = X86_NONE, .disp = 8};
    uintptr_t start = emit_pc(e);
    emit_u8(e, 0x9c); /* pushfq */
    store_all(e);
    before_c(e, s);
    emit_mov_reg_mem(e, X86_RSI, &ret);
    emit_mov_reg_mem(e, X86_RDX, &flags);
    call_c(e, (uintptr_t)sys_slow_commit);
    bytes2(e, 0x84, 0xc0); /* test al, al */
    jump_if_zero(e, out);
    after_c(e, s);
    load_volatile(e);
    bytes2(e, 0x9d, 0xc3); /* popfq; ret */
    return start;
}

static void align16(struct emit *e)
{
    emit_nops(e, -emit_pc(e) & 15);
}

static void (*as_function(uintptr_t address))(struct sys_cpu *)
{
    union {
        uintptr_t address;
        void (*fn)(struct sys_cpu *);
    } u = {.address = address};
    return u.fn;
}

void sys_stubs_generate(void)
{
    uintptr_t start = code_cache_rx_start(), reenter = 0;
    struct emit e = {.rw = code_rw(start), .rx = start, .cap = SYS_STUBS_SIZE};
    struct sys_stubs s = {0};

    s.vec_save = as_function(emit_vec_save(&e));
    align16(&e);
    s.vec_restore = as_function(emit_vec_restore(&e));
    align16(&e);
    s.enter = as_function(emit_enter(&e, &s, &reenter));
    align16(&e);
    uintptr_t out = emit_out(&e);
    align16(&e);
    s.miss = emit_pc(&e);
    emit_mov_imm(&e, SYS_HOST_S1, SYS_LEAVE_MISS | SYS_FLAGS_ASIDE << SYS_LEAVE_FLAGS_SHIFT);
    s.leave = emit_leave(&e, &s, reenter, out);
    align16(&e);
    s.slow = emit_slow(&e, &s, out);
    align16(&e);
    s.commit = emit_commit(&e, &s, out);
    if (e.overflow) {
        abort(); /* SYS_STUBS_SIZE is too small: our own bug */
    }
    sys_stubs = s;
}
