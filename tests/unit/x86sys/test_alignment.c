/* Alignment checking at CPL 3: which accesses raise #AC, against a table and, where the
 * host lets us, against its own CPU; and when it is on. */
#include <string.h>

#include "bare.h"
#include "native_align.h"
#include "x86sys/emulate.h"
#include "x86sys/model.h"

enum {
    HANDLERS = 0x6000, /* one for each vector, 16 bytes apart: EAX = vector, HLT */
    STACK0 = 0x60000,
    DATA = 0x90000,
    OFFSETS = 20,
};

/* Vectors of 16 bytes and more that need no alignment otherwise: the vendor's rule. */
#define VEC 0
/* #GP in any case. */
#define GP16 255

enum trait { PLAIN, AVX };

struct form {
    const char *name, *bytes;
    size_t len;
    unsigned align;
    enum trait trait;
};
#define FORM(name, bytes, align, trait) {name, bytes, sizeof(bytes) - 1, align, trait}

/* Memory operands are [rdi], or [rsi] too. */
static const struct form forms[] = {
    FORM("mov al, m8", "\x8a\x07", 1, PLAIN),
    FORM("mov ax, m16", "\x66\x8b\x07", 2, PLAIN),
    FORM("mov eax, m32", "\x8b\x07", 4, PLAIN),
    FORM("mov rax, m64", "\x48\x8b\x07", 8, PLAIN),
    FORM("mov m16, ax", "\x66\x89\x07", 2, PLAIN),
    FORM("mov m32, eax", "\x89\x07", 4, PLAIN),
    FORM("mov m64, rax", "\x48\x89\x07", 8, PLAIN),
    FORM("add m32, 1", "\x83\x07\x01", 4, PLAIN),
    FORM("lock xadd m32, eax", "\xf0\x0f\xc1\x07", 4, PLAIN),
    FORM("xchg m64, rax", "\x48\x87\x07", 8, PLAIN),
    FORM("cmpxchg8b", "\x0f\xc7\x0f", 8, PLAIN),
    FORM("cmpxchg16b", "\x48\x0f\xc7\x0f", GP16, PLAIN),
    FORM("bt m32, ecx", "\x0f\xa3\x0f", 4, PLAIN),
    FORM("bt m64, rcx", "\x48\x0f\xa3\x0f", 8, PLAIN),
    FORM("bts m32, 1", "\x0f\xba\x2f\x01", 4, PLAIN),
    FORM("movsxd", "\x48\x63\x07", 4, PLAIN),
    FORM("two at once", "\x8b\x07\x8b\x57\x08", 4, PLAIN),
    FORM("push m64", "\xff\x37", 8, PLAIN),
    FORM("pop m64", "\x6a\x00\x8f\x07", 8, PLAIN),
    FORM("push, rsp", "\x48\x89\xfc\x50", 8, PLAIN),
    FORM("push ax, rsp", "\x48\x89\xfc\x66\x50", 2, PLAIN),
    FORM("pop, rsp", "\x48\x89\xfc\x58", 8, PLAIN),
    FORM("pushfq, rsp", "\x48\x89\xfc\x9c", 8, PLAIN),
    FORM("call, rsp", "\x48\x89\xfc\xe8\x00\x00\x00\x00", 8, PLAIN),
    FORM("leave", "\x48\x89\xfd\xc9", 8, PLAIN),
    FORM("enter", "\x48\x89\xfc\xc8\x10\x00\x00", 8, PLAIN),
    FORM("movsw", "\x66\xa5", 2, PLAIN),
    FORM("stosd", "\xab", 4, PLAIN),
    FORM("rep stosq", "\xb1\x02\xf3\x48\xab", 8, PLAIN),
    FORM("rep movsd", "\xb1\x03\xf3\xa5", 4, PLAIN),
    FORM("rep movsb", "\xb1\x03\xf3\xa4", 1, PLAIN),
    FORM("repe cmpsw", "\xb1\x03\xf3\x66\xa7", 2, PLAIN),
    FORM("lodsq", "\x48\xad", 8, PLAIN),
    FORM("scasw", "\x66\xaf", 2, PLAIN),
    FORM("lgs 16:16", "\x66\x0f\xb5\x07", 2, PLAIN),
    FORM("lgs 16:32", "\x0f\xb5\x07", 4, PLAIN),
    FORM("lgs 16:64", "\x48\x0f\xb5\x07", 4, PLAIN),
    FORM("mov m16, ds", "\x8c\x1f", 2, PLAIN),
    FORM("mov gs, m16", "\x8e\x2f", 2, PLAIN),
    FORM("verr", "\x0f\x00\x27", 2, PLAIN),
    FORM("lar", "\x0f\x02\x07", 2, PLAIN),
    FORM("fld m32", "\xd9\x07", 4, PLAIN),
    FORM("fld m64", "\xdd\x07", 8, PLAIN),
    FORM("fld m80", "\xdb\x2f", 8, PLAIN),
    FORM("fild m16", "\xdf\x07", 2, PLAIN),
    FORM("fbld", "\xdf\x27", 8, PLAIN),
    FORM("fldcw", "\xd9\x2f", 2, PLAIN),
    FORM("fnstsw", "\xdd\x3f", 2, PLAIN),
    FORM("fnstenv", "\xd9\x37", 4, PLAIN),
    FORM("fnstenv, 16 bits", "\x66\xd9\x37", 2, PLAIN),
    FORM("fldenv", "\xd9\x27", 4, PLAIN),
    FORM("fnsave", "\xdd\x37", 4, PLAIN),
    FORM("frstor, 16 bits", "\x66\xdd\x27", 2, PLAIN),
    FORM("stmxcsr", "\x0f\xae\x1f", 4, PLAIN),
    FORM("movq mm, m64", "\x0f\x6f\x07", 8, PLAIN),
    FORM("movnti m32", "\x0f\xc3\x07", 4, PLAIN),
    FORM("movnti m64", "\x48\x0f\xc3\x07", 8, PLAIN),
    FORM("movntdq", "\x66\x0f\xe7\x07", GP16, PLAIN),
    FORM("movaps", "\x0f\x28\x07", GP16, PLAIN),
    FORM("paddd", "\x66\x0f\xfe\x07", GP16, PLAIN),
    FORM("movups", "\x0f\x10\x07", VEC, PLAIN),
    FORM("movups store", "\x0f\x11\x07", VEC, PLAIN),
    FORM("movdqu", "\xf3\x0f\x6f\x07", VEC, PLAIN),
    FORM("movss", "\xf3\x0f\x10\x07", 4, PLAIN),
    FORM("movsd", "\xf2\x0f\x10\x07", 8, PLAIN),
    FORM("addss", "\xf3\x0f\x58\x07", 4, PLAIN),
    FORM("movlps", "\x0f\x12\x07", 8, PLAIN),
    FORM("movd", "\x66\x0f\x6e\x07", 4, PLAIN),
    FORM("pinsrw", "\x66\x0f\xc4\x07\x00", 2, PLAIN),
    FORM("punpcklbw mm, m32", "\x0f\x60\x07", 4, PLAIN),
    FORM("cvtps2pd", "\x0f\x5a\x07", 8, PLAIN),
    FORM("prefetch", "\x0f\x18\x0f", 1, PLAIN),
    FORM("clflush", "\x0f\xae\x3f", 1, PLAIN),
    FORM("vpaddd xmm", "\xc5\xf9\xfe\x07", VEC, AVX),
    FORM("vmovups ymm", "\xc5\xfc\x10\x07", VEC, AVX),
    FORM("vbroadcastss", "\xc4\xe2\x79\x18\x07", 4, AVX),
    FORM("vpmovzxbq xmm", "\xc4\xe2\x79\x32\x07", 2, AVX),
    FORM("vmaskmovps", "\xc4\xe2\x71\x2c\x07", 1, AVX),
    FORM("vpmaskmovq store", "\xc4\xe2\xf1\x8e\x07", 1, AVX),
};
#define FORMS (sizeof forms / sizeof forms[0])

static bool has_avx(void)
{
    return sys_model_has(bare_cpu->model, SYS_FEAT_AVX);
}

static bool is_intel(void)
{
    return bare_cpu->model->vendor == SYS_VENDOR_INTEL;
}

/* Code at BARE_LOAD, UD2 behind it, and a handler for each vector. */
static void load(const char *bytes, size_t len)
{
    uint8_t code[64];
    memcpy(code, bytes, len);
    memcpy(code + len, "\x0f\x0b", 2);
    bare_load_bytes(code, len + 2);
    for (unsigned v = 0; v < 32; v++) {
        const uint8_t handler[] = {0xb8, (uint8_t)v, 0, 0, 0, 0xf4};
        memcpy(bare_ram + HANDLERS + 16UL * v, handler, sizeof handler);
    }
}

static void start(unsigned cpl)
{
    uint64_t rsp0 = STACK0;
    sys_cpu_reset(&bare_cpu->cpu);
    bare_start_64();
    for (unsigned v = 0; v < 32; v++) {
        bare_set_handler(bare_cpu, v, HANDLERS + 16UL * v);
    }
    memcpy(bare_ram + bare_cpu->tr.base + 4, &rsp0, sizeof rsp0);
    bare_cpu->seg[SYS_CS].attr |= (uint16_t)(cpl << SYS_SEG_DPL_SHIFT);
    bare_cpu->seg[SYS_SS].attr |= (uint16_t)(cpl << SYS_SEG_DPL_SHIFT);
    bare_cpu->seg[SYS_CS].selector |= (uint16_t)cpl;
    bare_cpu->cr0 |= SYS_CR0_AM;
    if (has_avx()) {
        bare_cpu->cr4 |= SYS_CR4_OSXSAVE;
        bare_cpu->xcr0 = 7;
    }
    bare_cpu->rflags |= X86_AC;
    for (unsigned r = 0; r < X86_GPRS; r++) {
        bare_cpu->gpr[r] = r == X86_RSP ? BARE_STACK : 0;
    }
}

/* The vector that ends the code with RDI = RSI = operand: 0 if it comes to its end. */
static unsigned run(uint64_t operand)
{
    bare_cpu->gpr[X86_RDI] = bare_cpu->gpr[X86_RSI] = operand;
    sys_mode_update(bare_cpu);
    bare_run();
    return bare_reg(X86_RAX) == SYS_UD ? 0 : (unsigned)bare_reg(X86_RAX);
}

static unsigned expected(const struct form *f, unsigned offset)
{
    if (f->align == GP16) {
        return offset % 16 ? SYS_GP : 0;
    }
    unsigned align = f->align == VEC ? is_intel() ? 1 : 16 : f->align;
    return offset % align ? SYS_AC : 0;
}

static void test_each_form_wants_its_alignment(void **state)
{
    (void)state;
    for (size_t i = 0; i < FORMS; i++) {
        const struct form *f = &forms[i];
        if (f->trait == AVX && !has_avx()) {
            continue;
        }
        load(f->bytes, f->len);
        for (unsigned offset = 0; offset < OFFSETS; offset++) {
            start(3);
            unsigned vector = run(DATA + 64 + offset);
            if (vector != expected(f, offset)) {
                fail_msg("%s at offset %u: vector %u, not %u", f->name, offset, vector,
                         expected(f, offset));
            }
        }
    }
}

/* LGS and MOV GS have taken GS from the vCPU. */
static int attach(void **state)
{
    (void)state;
    sys_cpu_attach(&bare_cpu->cpu);
    return 0;
}

/* On Intel's, vectors that need not be aligned may raise it all the same. */
static void test_the_host_s_cpu_says_the_same(void **state)
{
    static uint8_t data[256] __attribute__((aligned(64)));
    (void)state;
    if (native_align_setup() < 0) {
        skip();
    }
    for (size_t i = 0; i < FORMS; i++) {
        const struct form *f = &forms[i];
        if ((f->trait == AVX && !has_avx()) || (f->align == VEC && is_intel())) {
            continue;
        }
        for (unsigned offset = 0; offset < OFFSETS; offset++) {
            memset(data, 0, sizeof data);
            unsigned vector =
                (unsigned)native_align_run((const uint8_t *)f->bytes, f->len, data + 64 + offset);
            if (vector != expected(f, offset)) {
                fail_msg("the host has %s at offset %u: vector %u, not %u", f->name, offset, vector,
                         expected(f, offset));
            }
        }
    }
}

#define MOV_EAX_M32 "\x8b\x07"

static void test_it_takes_cpl_3_and_am_and_ac(void **state)
{
    (void)state;
    load(MOV_EAX_M32, 2);
    start(3);
    assert_int_equal(run(DATA + 1), SYS_AC);
    start(3);
    bare_cpu->cr0 &= ~(uint64_t)SYS_CR0_AM;
    assert_int_equal(run(DATA + 1), 0);
    start(3);
    bare_cpu->rflags &= ~(uint64_t)X86_AC;
    assert_int_equal(run(DATA + 1), 0);
    start(0);
    assert_int_equal(run(DATA + 1), 0);
}

static void test_the_frame_has_error_code_0_and_the_instruction(void **state)
{
    (void)state;
    load("\x90\x90\x8b\x07", 4);
    start(3);
    assert_int_equal(run(DATA + 2), SYS_AC);
    uint64_t sp = bare_reg(X86_RSP);
    assert_int_equal(sp, STACK0 - 48);
    assert_int_equal(bare_read(sp, 8), 0);
    assert_int_equal(bare_read(sp + 8, 8), BARE_LOAD + 2);
    assert_true(bare_read(sp + 24, 8) & X86_AC);
}

static void test_a_page_fault_comes_after_it_and_a_bad_address_before(void **state)
{
    (void)state;
    load(MOV_EAX_M32, 2);
    start(3);
    assert_int_equal(run(BARE_ABSENT + 1), SYS_AC);
    start(3);
    assert_int_equal(run(BARE_ABSENT + 4), SYS_PF);
    start(3);
    assert_int_equal(run(0x8000000000000001ULL), SYS_GP);
}

/* The second access has thrown the page out of its entry, but not out of the TLB. */
static void test_a_page_that_has_lost_its_entry_is_checked_too(void **state)
{
    (void)state;
    /* mov eax, [rdi]; mov eax, [rdi + 4 MiB]; mov eax, [rdi + 1]; mov ebx, 1 */
    static const char code[] = "\x8b\x07\x8b\x87\x00\x00\x40\x00\x8b\x47\x01\xbb\x01\x00\x00\x00";
    _Static_assert(SYS_TLB_ENTRIES * 4096 == 4 << 20, "which pages have one entry");
    load(code, sizeof code - 1);
    start(3);
    assert_int_equal(run(DATA), SYS_AC);
    assert_int_equal(bare_read(bare_reg(X86_RSP) + 8, 8), BARE_LOAD + 8);
    assert_int_equal(bare_reg(X86_RBX), 0);
}

static void test_popf_switches_it_on_within_a_block(void **state)
{
    (void)state;
    /* mov eax, [rdi]; pushfq; or dword [rsp], AC; popfq; inc ecx; mov eax, [rdi] */
    static const char code[] = "\x8b\x07\x9c\x81\x0c\x24\x00\x00\x04\x00\x9d\xff\xc1\x8b\x07";
    load(code, sizeof code - 1);
    for (unsigned pass = 0; pass < 2; pass++) {
        start(3);
        bare_cpu->rflags &= ~(uint64_t)X86_AC;
        assert_int_equal(run(DATA + 1), SYS_AC);
        assert_int_equal(bare_reg(X86_RCX), 1);
    }
}

static void test_sgdt_s_base_is_what_is_aligned(void **state)
{
    (void)state;
    load("\x0f\x01\x07", 3);
    for (unsigned offset = 0; offset < 16; offset++) {
        start(3);
        assert_int_equal(run(DATA + offset), (offset + 2) % 8 ? SYS_AC : 0);
    }
}

static void test_a_gather_is_never_checked(void **state)
{
    (void)state;
    if (!sys_model_has(bare_cpu->model, SYS_FEATURE(SYS_F_7_EBX, 5))) {
        skip();
    }
    /* vpcmpeqd xmm1, xmm1, xmm1; vpxor xmm0, xmm0, xmm0; vpgatherdd xmm2, [rdi+xmm0], xmm1 */
    static const char code[] = "\xc5\xf1\x76\xc9\xc5\xf9\xef\xc0\xc4\xe2\x71\x90\x14\x07";
    load(code, sizeof code - 1);
    start(3);
    assert_int_equal(run(DATA + 1), 0);
}

static void test_what_the_processor_itself_stores_is_not_checked(void **state)
{
    (void)state;
    uint64_t rsp0 = STACK0 + 1; /* aligned down in 64-bit mode; the TSS lies unaligned itself */
    load("\xcc", 1);
    start(3);
    bare_cpu->tr.base += 2;
    bare_cpu->tr.limit = 0x67;
    memcpy(bare_ram + bare_cpu->tr.base + 4, &rsp0, sizeof rsp0);
    bare_set_handler(bare_cpu, SYS_BP, HANDLERS + 16UL * SYS_BP);
    bare_ram[bare_cpu->idtr.base + 16UL * SYS_BP + 5] = 0xee; /* for CPL 3 */
    assert_int_equal(run(DATA), SYS_BP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_form_wants_its_alignment),
        cmocka_unit_test_teardown(test_the_host_s_cpu_says_the_same, attach),
        cmocka_unit_test(test_it_takes_cpl_3_and_am_and_ac),
        cmocka_unit_test(test_the_frame_has_error_code_0_and_the_instruction),
        cmocka_unit_test(test_a_page_fault_comes_after_it_and_a_bad_address_before),
        cmocka_unit_test(test_a_page_that_has_lost_its_entry_is_checked_too),
        cmocka_unit_test(test_popf_switches_it_on_within_a_block),
        cmocka_unit_test(test_sgdt_s_base_is_what_is_aligned),
        cmocka_unit_test(test_a_gather_is_never_checked),
        cmocka_unit_test(test_what_the_processor_itself_stores_is_not_checked),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
