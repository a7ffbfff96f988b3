/* The ways between C and guest code.
 *
 * A full exit saves everything and returns to C. A light exit saves the GPRs
 * and flags only, calls x86_light_exit on the C stack with the guest's vector
 * state live, and mostly goes straight on. Re-entry always jumps through
 * cpu->entry, so that a signal handler that comes too late to be seen by C
 * and too early to find guest code can divert it to the interrupt stub.
 *
 * The guest's stack is never written here: what lies below its RSP is the
 * guest's red zone. */
#include "x86/stubs.h"

#include <stdlib.h>

#include "exec/code_cache.h"
#include "exec/tb.h"
#include "x86/emit.h"
#include "x86/host.h"

struct x86_stubs x86_stubs;

#define OFF(field) offsetof(struct x86_cpu, field)

/* Instrumented C code uses vector registers: it gets them saved first. */
#ifdef MORTISE_SANITIZE
#define C_USES_VECTORS true
#else
#define C_USES_VECTORS false
#endif

static void bytes2(struct emit *e, uint8_t a, uint8_t b)
{
    emit_u8(e, a);
    emit_u8(e, b);
}

/* xsave64 (/4) or xrstor64 (/5) of the components in cpu->xsave_mask. */
static void emit_xsave_op(struct emit *e, uint8_t op)
{
    struct emit_mem lo = emit_gs(OFF(xsave_mask)), hi = emit_gs(OFF(xsave_mask) + 4);
    emit_load_state(e, X86_RCX, OFF(xsave));
    emit_op_mem(e, 0, false, 0x8b, X86_RAX, &lo, 0);
    emit_op_mem(e, 0, false, 0x8b, X86_RDX, &hi, 0);
    emit_u8(e, 0x48);
    bytes2(e, 0x0f, 0xae);
    emit_u8(e, (uint8_t)(op << 3 | X86_RCX));
}

/* popfq of a value without DF, TF, AC. */
static void emit_clean_flags(struct emit *e)
{
    bytes2(e, 0x6a, 0x02);
    emit_u8(e, 0x9d);
}

/* From guest registers to C's. The guest's RAX is in its slot and RAX is
 * C's argument, but for X86_STUB_CHAIN, whose argument is cpu->exit; for
 * X86_STUB_MISS RCX is in its slot too. Ends in a call. */
static void emit_light_exit(struct emit *e, enum x86_stub_kind kind)
{
    bool rax_in_slot = kind != X86_STUB_CHAIN, rcx_in_slot = kind == X86_STUB_MISS;
    /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): 16 of them */
    for (uint8_t r = 0; r < X86_GPRS; r++) {
        if (!(r == X86_RAX && rax_in_slot) && !(r == X86_RCX && rcx_in_slot)) {
            emit_store_state(e, OFF(gpr) + 8UL * r, r);
        }
    }
    emit_load_state(e, X86_RSP, OFF(host_rsp));
    struct emit_mem flags = emit_gs(OFF(rflags));
    emit_u8(e, 0x9c);                             /* pushfq */
    emit_op_mem(e, 0, false, 0x8f, 0, &flags, 0); /* pop gs:[rflags] */
    emit_clean_flags(e);
    if (rax_in_slot) {
        emit_mov_reg_reg(e, X86_RBX, X86_RAX);
        emit_load_state(e, X86_RCX, OFF(slot) + 8UL * X86_RAX);
        emit_store_state(e, OFF(gpr) + 8UL * X86_RAX, X86_RCX);
    } else {
        struct emit_mem exit = emit_gs(OFF(exit));
        emit_op_mem(e, 0, false, 0x8b, X86_RBX, &exit, 0); /* mov ebx, gs:[exit] */
    }
    if (rcx_in_slot) {
        emit_load_state(e, X86_RCX, OFF(slot) + 8UL * X86_RCX);
        emit_store_state(e, OFF(gpr) + 8UL * X86_RCX, X86_RCX);
    }
    if (C_USES_VECTORS) {
        emit_xsave_op(e, 4);
    }
    emit_load_state(e, X86_RDI, OFF(self));
    emit_mov_reg_reg(e, X86_RSI, X86_RBX);
    emit_mov_imm(e, X86_RDX, kind);
    emit_mov_imm(e, X86_RAX, (uintptr_t)x86_light_exit);
    bytes2(e, 0xff, 0xd0); /* call rax */
}

/* Gives C clean x87 and SSE control and its callee-saved registers. */
static void emit_return_to_c(struct emit *e)
{
    static const uint8_t pops[] = {0x41, 0x5f, 0x41, 0x5e, 0x41, 0x5d, 0x41, 0x5c, 0x5d, 0x5b};
    bytes2(e, 0xdb, 0xe3); /* fninit */
    emit_u8(e, 0x68);      /* push 0x1f80; ldmxcsr [rsp]; pop rax */
    emit_u32(e, 0x1f80);
    bytes2(e, 0x0f, 0xae);
    bytes2(e, 0x14, 0x24);
    emit_u8(e, 0x58);
    if (x86_host.avx) {
        emit_u8(e, 0xc5); /* vzeroupper */
        bytes2(e, 0xf8, 0x77);
    }
    emit_u8(e, 0x58); /* alignment */
    emit_bytes(e, pops, sizeof(pops));
    emit_u8(e, 0xc3);
}

static void emit_enter_prologue(struct emit *e)
{
    static const uint8_t pushes[] = {0x53, 0x55, 0x41, 0x54, 0x41, 0x55,
                                     0x41, 0x56, 0x41, 0x57, 0x50};
    emit_bytes(e, pushes, sizeof(pushes));
    emit_store_state(e, OFF(host_rsp), X86_RSP);
}

static void emit_reenter(struct emit *e)
{
    struct emit_mem flags = emit_gs(OFF(rflags)), entry = emit_gs(OFF(entry));
    emit_op_mem(e, 0, false, 0xff, 6, &flags, 0); /* push gs:[rflags] */
    emit_u8(e, 0x9d);                             /* popfq */
    /* NOLINTNEXTLINE(bugprone-too-small-loop-variable): 16 of them */
    for (uint8_t r = 0; r < X86_GPRS; r++) {
        emit_load_state(e, r, OFF(gpr) + 8UL * r);
    }
    emit_op_mem(e, 0, false, 0xff, 4, &entry, 0); /* jmp gs:[entry] */
}

/* A short jump back to a place in the same stub. */
static void emit_short_jump(struct emit *e, uint8_t opcode, size_t to)
{
    if (e->len + 2 - to > 128) {
        e->overflow = true;
    }
    bytes2(e, opcode, (uint8_t)(to - (e->len + 2)));
}

/* An indirect jump hit another TB's entry in the jump cache. Looks at the
 * first TB in the target's hash bucket and, if it is the one, goes on there,
 * at times putting it into the cache as tb_jump_cache_set does (the entry was
 * used before, so its dirty bit is set); else it is a miss. Returns where it begins. Arithmetic
 * flags stay. */
static uintptr_t emit_collide(struct emit *e, uintptr_t miss)
{
    static const uint8_t shrx_rcx_rax_rdx[] = {0xc4, 0xe2, 0xeb, 0xf7, 0xc8};
    static const uint8_t shrx_rdx_rax_rdx[] = {0xc4, 0xe2, 0xeb, 0xf7, 0xd0};
    static const uint8_t shlx_rcx_rcx_rdx[] = {0xc4, 0xe2, 0xe9, 0xf7, 0xc9};
    static const uint8_t shrx_rcx_rcx_rdx[] = {0xc4, 0xe2, 0xeb, 0xf7, 0xc9};
    static const uint8_t lea_ecx_rcx_32[] = {0x8d, 0x49, 0x20};
    static const uint8_t movzx_ecx_cl[] = {0x0f, 0xb6, 0xc9};
    static const uint8_t not_rdx[] = {0x48, 0xf7, 0xd2};
    static const uint8_t xchg_rcx_rdx[] = {0x48, 0x87, 0xd1};
    static const uint8_t movzx_ecx_ax[] = {0x0f, 0xb7, 0xc8};
    const struct tb_hash_view view = tb_hash_get_view();
    struct emit_mem sum = {.base = X86_RCX, .index = X86_RDX};
    struct emit_mem bucket = {.base = X86_RDX, .index = X86_RCX, .scale = 3};
    struct emit_mem tb_pc = {
        .base = X86_RCX, .index = X86_NONE, .disp = (int64_t)offsetof(struct tb, pc)};
    struct emit_mem minus_pc = {.base = X86_RDX, .index = X86_RAX, .disp = 1};
    struct emit_mem invalid = {
        .base = X86_RDX, .index = X86_NONE, .disp = (int64_t)offsetof(struct tb, invalid)};
    struct emit_mem checked = {
        .base = X86_RDX, .index = X86_NONE, .disp = (int64_t)offsetof(struct tb, checked)};
    struct emit_mem entry = emit_gs(OFF(jump_cache)), target = emit_gs(OFF(scratch) + 8);
    entry.index = X86_RCX;
    entry.scale = 3;
    struct emit_mem count = emit_gs(OFF(collisions));

    size_t give_up = e->len;
    emit_restore_slot(e, X86_RDX);
    emit_jmp(e, miss);
    uintptr_t start = emit_pc(e);
    emit_save_slot(e, X86_RDX);
    emit_mov_imm(e, X86_RDX, TB_HASH_FAR);
    emit_bytes(e, shrx_rcx_rax_rdx, sizeof(shrx_rcx_rax_rdx));
    emit_mov_imm(e, X86_RDX, TB_HASH_NEAR);
    emit_bytes(e, shrx_rdx_rax_rdx, sizeof(shrx_rdx_rax_rdx));
    emit_lea(e, X86_RCX, &sum);
    emit_mov_imm(e, X86_RDX, 64 - view.bits); /* cut to the table's size */
    emit_bytes(e, shlx_rcx_rcx_rdx, sizeof(shlx_rcx_rcx_rdx));
    emit_bytes(e, shrx_rcx_rcx_rdx, sizeof(shrx_rcx_rcx_rdx));
    emit_mov_imm(e, X86_RDX, view.buckets);
    emit_mov_reg_mem(e, X86_RCX, &bucket);
    emit_short_jump(e, 0xe3, give_up); /* jrcxz: empty */
    emit_mov_reg_mem(e, X86_RDX, &tb_pc);
    emit_bytes(e, not_rdx, sizeof(not_rdx));
    emit_lea(e, X86_RDX, &minus_pc); /* RAX - pc */
    emit_bytes(e, xchg_rcx_rdx, sizeof(xchg_rcx_rdx));
    bytes2(e, 0xe3, 2);
    emit_short_jump(e, 0xeb, give_up);                       /* another pc */
    emit_op_mem(e, 0x0f, false, 0xb6, X86_RCX, &invalid, 0); /* movzx ecx, byte */
    bytes2(e, 0xe3, 2);
    emit_short_jump(e, 0xeb, give_up);
    emit_store_state(e, OFF(scratch), X86_RDX);
    emit_mov_reg_mem(e, X86_RDX, &checked);
    emit_store_state(e, OFF(scratch) + 8, X86_RDX);
    /* Two hot targets that share an entry would push each other out time and
     * again, which costs a locked instruction: only one collision in eight
     * changes the entry. */
    emit_op_mem(e, 0x0f, false, 0xb6, X86_RCX, &count, 0); /* movzx ecx, byte */
    emit_bytes(e, lea_ecx_rcx_32, sizeof(lea_ecx_rcx_32));
    emit_op_mem(e, 0, false, 0x88, X86_RCX, &count, 0); /* mov byte, cl */
    emit_bytes(e, movzx_ecx_cl, sizeof(movzx_ecx_cl));
    bytes2(e, 0xe3, 2);
    bytes2(e, 0xeb, 0);
    size_t keep = e->len;
    emit_bytes(e, movzx_ecx_ax, sizeof(movzx_ecx_ax));
    emit_op_mem(e, 0, true, 0x87, X86_RDX, &entry, 0); /* xchg: a full fence */
    emit_load_state(e, X86_RDX, OFF(scratch));
    emit_op_mem(e, 0x0f, false, 0xb6, X86_RCX, &invalid, 0);
    bytes2(e, 0xe3, 0);
    size_t valid = e->len;
    emit_bytes(e, movzx_ecx_ax, sizeof(movzx_ecx_ax));
    emit_mov_imm(e, X86_RDX, miss);
    emit_mov_mem_reg(e, &entry, X86_RDX);
    emit_u8(e, 0xe9); /* jmp to where it gives up */
    emit_u32(e, (uint32_t)(give_up - (e->len + 4)));
    e->rw[valid - 1] = (uint8_t)(e->len - valid);
    e->rw[keep - 1] = (uint8_t)(e->len - keep);
    emit_restore_slot(e, X86_RDX);
    emit_op_mem(e, 0, false, 0xff, 4, &target, 0);
    return start;
}

/* jnz back */
static void emit_if_going_on(struct emit *e, uintptr_t reenter)
{
    emit_u8(e, 0x48); /* test rax, rax */
    bytes2(e, 0x85, 0xc0);
    bytes2(e, 0x0f, 0x85);
    emit_u32(e, (uint32_t)(reenter - (emit_pc(e) + 4)));
}

static void align16(struct emit *e)
{
    emit_nops(e, -emit_pc(e) & 15);
}

void x86_stubs_generate(void)
{
    uintptr_t start = code_cache_rx_start();
    struct emit e = {.rw = code_rw(start), .rx = start, .cap = X86_STUBS_SIZE};
    struct x86_stubs s;

    union {
        uintptr_t address;
        void (*fn)(struct x86_cpu *);
    } enter = {.address = emit_pc(&e)};
    s.enter = enter.fn;
    emit_enter_prologue(&e);
    /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): not where C_USES_VECTORS */
    uintptr_t restore_vectors = emit_pc(&e);
    emit_xsave_op(&e, 5);
    uintptr_t reenter = emit_pc(&e);
    emit_reenter(&e);
    uintptr_t go_on = C_USES_VECTORS ? restore_vectors : reenter;

    align16(&e);
    uintptr_t full_exit = emit_pc(&e);
    emit_xsave_op(&e, 4);
    /* NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): not where C_USES_VECTORS */
    uintptr_t full_exit_saved = emit_pc(&e);
    emit_return_to_c(&e);
    uintptr_t leave = C_USES_VECTORS ? full_exit_saved : full_exit;

    align16(&e);
    s.chain = emit_pc(&e);
    emit_light_exit(&e, X86_STUB_CHAIN);
    emit_if_going_on(&e, go_on);
    emit_jmp(&e, leave);

    align16(&e);
    s.miss = emit_pc(&e);
    emit_light_exit(&e, X86_STUB_MISS);
    emit_if_going_on(&e, go_on);
    emit_jmp(&e, leave);

    align16(&e);
    s.give_up = s.collide = s.collide_end = s.miss;
    if (x86_host.bmi2) {
        s.give_up = emit_pc(&e);
        s.collide = emit_collide(&e, s.miss);
        s.collide_end = emit_pc(&e);
    }

    align16(&e);
    s.interrupt = emit_pc(&e);
    emit_save_slot(&e, X86_RAX);
    emit_mov_imm(&e, X86_RAX, X86_SPECIAL_INTERRUPT);
    s.special = emit_pc(&e);
    emit_light_exit(&e, X86_STUB_SPECIAL);
    emit_if_going_on(&e, go_on);
    emit_jmp(&e, leave);

    align16(&e);
    s.signal = emit_pc(&e);
    emit_load_state(&e, X86_RSP, OFF(host_rsp));
    emit_clean_flags(&e);
    emit_jmp(&e, full_exit);
    s.end = emit_pc(&e);

    if (e.overflow) {
        abort(); /* X86_STUBS_SIZE is too small: our own bug */
    }
    x86_stubs = s;
}
