/* Decoding, re-encoding and translation of arbitrary bytes; the result is
 * inspected, not run. First byte of the input: where the code lies. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <Zydis/Zydis.h>

#include "exec/code_cache.h"
#include "exec/guest_ops.h"
#include "exec/tb.h"
#include "locks/mmap_lock.h"
#include "x86/engine.h"
#include "x86/stubs.h"
#include "x86/translate.h"

#define CACHE_HINT 0x551010000000u
#define CACHE_SIZE (1u << 20)

static struct x86_cpu *cpu;
static uint64_t code_start; /* guest address of the input */
static const uint8_t *code;
static size_t code_size;

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static size_t fetch(uint64_t pc, void *buf, size_t len)
{
    uint64_t off = pc - code_start;
    if (off >= code_size) {
        return 0;
    }
    if (len > code_size - off) {
        len = code_size - (size_t)off;
    }
    memcpy(buf, code + off, len);
    return len;
}

static void protect(uint64_t start, size_t len)
{
    (void)start;
    (void)len;
}

static const struct code_source_ops source = {.fetch = fetch, .protect = protect};

static void start(void)
{
    struct error err;
    struct x86_engine_config cfg = {.cache_size = CACHE_SIZE, .cache_hint = CACHE_HINT};
    code_source = &source;
    if (x86_engine_init(&cfg, &err) < 0) {
        fprintf(stderr, "fuzz_translate: %s\n", err.text);
        exit(2);
    }
    cpu = x86_cpu_new(NULL);
    REQUIRE(cpu);
}

static bool decode(const uint8_t *bytes, size_t len, ZydisDecodedInstruction *zi,
                   ZydisDecodedOperand *ops)
{
    static ZydisDecoder d;
    static bool ready;
    if (!ready) {
        ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        ready = true;
    }
    return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, bytes, len, zi, ops));
}

/* The same instruction with another memory operand is still the same. */
static void check_reencode(const struct x86_insn *in, const uint8_t *original)
{
    if (in->cls != X86_INSN_COPY || in->mem == X86_MEM_AS_IS || in->vsib || in->high_byte) {
        return;
    }
    uint8_t out[32];
    struct emit e = {.rw = out, .rx = CACHE_HINT, .cap = sizeof(out)};
    struct emit_mem m = {.base = X86_R9, .index = X86_R14, .scale = 1, .disp = 0x1234};
    x86_reencode(&e, in, &m);
    REQUIRE(!e.overflow);
    ZydisDecodedInstruction was, is;
    ZydisDecodedOperand was_ops[ZYDIS_MAX_OPERAND_COUNT], is_ops[ZYDIS_MAX_OPERAND_COUNT];
    if (e.len > 15) {
        return; /* too long for the host: a fault, as it should be rare */
    }
    REQUIRE(decode(out, e.len, &is, is_ops) && is.length == e.len);
    if (!decode(original, in->len, &was, was_ops) || was.opcode != is.opcode) {
        return; /* absolute moves have taken another form */
    }
    REQUIRE(was.mnemonic == is.mnemonic && was.operand_count == is.operand_count);
    for (unsigned i = 0; i < is.operand_count; i++) {
        REQUIRE(was_ops[i].type == is_ops[i].type);
        if (is_ops[i].type == ZYDIS_OPERAND_TYPE_REGISTER) {
            REQUIRE(was_ops[i].reg.value == is_ops[i].reg.value);
        }
        if (is_ops[i].type == ZYDIS_OPERAND_TYPE_MEMORY &&
            is_ops[i].visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT &&
            is_ops[i].mem.base == ZYDIS_REGISTER_R9) {
            REQUIRE(is_ops[i].mem.index == ZYDIS_REGISTER_R14 && is_ops[i].mem.scale == 2 &&
                    is_ops[i].mem.disp.value == 0x1234);
        }
    }
}

static void check_decode(void)
{
    for (size_t i = 0; i < code_size && i < 64; i++) {
        struct x86_insn in;
        int r = x86_decode(&in, code_start + i, code + i, code_size - i);
        if (r < 0) {
            REQUIRE(r == -EAGAIN);
            continue;
        }
        REQUIRE(in.len >= 1 && in.len <= 15 && in.len <= code_size - i);
        check_reencode(&in, code + i);
    }
}

static bool inside(const struct tb *tb, uintptr_t rx)
{
    return rx >= tb->code_start && rx < tb->code_start + tb->host_size;
}

static bool in_stubs(uintptr_t rx)
{
    return rx >= code_cache_rx_start() && rx < x86_stubs.end;
}

static void check_tables(const struct tb *tb)
{
    REQUIRE(tb->insns > 0 && tb->size > 0 && tb->size <= GUEST_PAGE_SIZE + 15);
    REQUIRE(inside(tb, tb->host) && inside(tb, tb->checked));
    REQUIRE(tb->restart_count > 0 && tb->restarts[0].host_off == 0);
    for (unsigned i = 0; i < tb->restart_count; i++) {
        const struct tb_restart *r = &tb->restarts[i];
        REQUIRE(i == 0 || tb->restarts[i - 1].host_off < r->host_off);
        REQUIRE(r->host_off < tb->host_size);
        REQUIRE((r->kind != TB_RESTART_PC && r->kind != TB_RESTART_RUN) ||
                r->guest_off <= tb->size);
        REQUIRE(r->kind != TB_RESTART_EXIT || r->guest_off < tb->exit_count);
    }
    for (unsigned i = 0; i < tb->exit_count; i++) {
        const struct tb_exit *x = &tb->exits[i];
        REQUIRE(x->from == tb && inside(tb, x->field) && inside(tb, x->stub));
        REQUIRE((x->field & 7) <= 4);
        REQUIRE(!x->inside || inside(tb, x->inside));
    }
}

/* Walks all code that can be reached without an indirect jump: it decodes,
 * stays in the TB, and leaves it for the stubs only. */
static void check_code(const struct tb *tb)
{
    static uint8_t seen[1 << 16];
    uintptr_t work[256];
    unsigned pending = 0;
    REQUIRE(tb->host_size <= sizeof(seen));
    memset(seen, 0, tb->host_size);
    work[pending++] = tb->checked;
    work[pending++] = tb->host;
    while (pending) {
        uintptr_t at = work[--pending];
        while (inside(tb, at) && !seen[at - tb->code_start]) {
            seen[at - tb->code_start] = 1;
            size_t left = tb->code_start + tb->host_size - at;
            struct x86_insn in;
            REQUIRE(x86_decode(&in, at, code_rw(at), left) == 0);
            if (in.cls == X86_INSN_JMP || in.cls == X86_INSN_JCC || in.cls == X86_INSN_LOOP) {
                REQUIRE(inside(tb, in.target) || in_stubs(in.target));
                if (inside(tb, in.target) && pending < 250) {
                    work[pending++] = in.target;
                }
            }
            REQUIRE(in.cls != X86_INSN_CALL && in.cls != X86_INSN_RET);
            REQUIRE(in.cls != X86_INSN_SYSCALL && in.cls != X86_INSN_INT80);
            if (in.cls == X86_INSN_JMP || in.cls == X86_INSN_JMP_IND) {
                break;
            }
            at += in.len;
            REQUIRE(inside(tb, at)); /* code never runs off the end */
        }
    }
}

static struct tb *translate(uint64_t pc, uint64_t limit)
{
    int why = 0;
    uint64_t fault = 0;
    struct tb *tb = x86_translate(&cpu->cpu, pc, limit, &why, &fault);
    if (!tb && why == -ENOSPC) {
        tb_flush_exclusive();
        tb = x86_translate(&cpu->cpu, pc, limit, &why, &fault);
    }
    if (!tb) {
        REQUIRE(why == -EFAULT && fault >= pc && fault - pc <= GUEST_PAGE_SIZE + 15);
    }
    return tb;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t places[] = {0x551000000000u, 0x400000u, 0x7f0000000000u, 0x551000000ff0u};
    if (!cpu) {
        start();
    }
    if (size < 2 || size > 2 * GUEST_PAGE_SIZE) {
        return 0;
    }
    code_start = places[data[0] & 3] + (data[0] >> 2);
    code = data + 1;
    code_size = size - 1;
    check_decode();
    struct tb *tb = translate(code_start, data[0] & 0x80 ? 1 : 0);
    if (tb) {
        REQUIRE(tb->pc == code_start && tb->size <= code_size);
        check_tables(tb);
        check_code(tb);
    }
    mmap_lock();
    tb_invalidate_range(code_start, code_start + code_size);
    mmap_unlock();
    return 0;
}
