/* Vector state where C has a part in the instruction: what it keeps, and which of two
 * exceptions comes. */
#include <string.h>

#include "bare.h"
#include "x86sys/emulate.h"
#include "x86sys/model.h"
#include "x86sys/stubs.h"

#define MARK 0x1122334455667788ULL

enum { DATA = 0x20000, HANDLER = 0x7000, IDT_32 = 0x6000, AVX512 = 0xe0 };

/* An exception's number in R14. */
static void set_handler(unsigned vector)
{
    const uint8_t code[] = {0x41, 0xbe, (uint8_t)vector, 0, 0, 0, 0xf4}; /* mov r14d, N; hlt */
    uint64_t at = HANDLER + 16ULL * vector;
    memcpy(bare_ram + at, code, sizeof(code));
    bare_set_handler(bare_cpu, vector, at);
}

static void start(const uint8_t *code, size_t size)
{
    bare_load_bytes(code, size);
    bare_start_64();
    sys_host_fault_init(); /* cmocka has handlers of its own meanwhile */
    bare_cpu->cr0 |= SYS_CR0_NE;
    bare_cpu->cr4 |= SYS_CR4_OSXSAVE;
    bare_cpu->xcr0 = bare_cpu->model->xcr0;
    sys_mode_update(bare_cpu);
    static const unsigned vectors[] = {SYS_UD, SYS_GP, SYS_PF, SYS_MF};
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        set_handler(vectors[i]);
    }
}

/* What is found out about the host once must not be at the cost of the guest's registers:
 * hence the first test. */
static void test_the_first_xsave_of_a_process_saves_the_guests_registers(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x48, 0xb8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, /* mov rax, MARK */
        0x66, 0x48, 0x0f, 0x6e, 0xc0,                               /* movq xmm0, rax */
        0xbb, 0x00, 0x00, 0x02, 0x00,                               /* mov ebx, DATA */
        0xb8, 0x02, 0x00, 0x00, 0x00,                               /* mov eax, 2 */
        0x31, 0xd2,                                                 /* xor edx, edx */
        0x0f, 0xc7, 0x23,                                           /* xsavec [rbx] */
        0xf4,                                                       /* hlt */
    };
    if (!sys_model_has(bare_cpu->model, SYS_FEAT_XSAVEC)) {
        skip();
    }
    start(code, sizeof(code));
    bare_run();
    assert_int_equal(bare_read(DATA + 160, 8), MARK);
}

/* CVTTPD2PI with an operand that is not aligned, behind a division by 0. */
static void convert_unaligned(uint16_t control)
{
    const uint8_t code[] = {
        0xdb, 0xe3,                   /* fninit */
        0xbb, 0x00, 0x00, 0x02, 0x00, /* mov ebx, DATA */
        0xd9, 0x2b,                   /* fldcw [rbx] */
        0xd9, 0xe8,                   /* fld1 */
        0xd9, 0xee,                   /* fldz */
        0xde, 0xf9,                   /* fdivp */
        0x66, 0x0f, 0x2c, 0x43, 0x04, /* cvttpd2pi mm0, [rbx + 4] */
        0xf4,                         /* hlt */
    };
    start(code, sizeof(code));
    memcpy(bare_ram + DATA, &control, sizeof(control));
    bare_run();
}

static void test_a_pending_x87_exception_comes_before_an_unaligned_operand(void **state)
{
    (void)state;
    convert_unaligned(0x37b);
    assert_int_equal(bare_reg(X86_R14), SYS_MF);
    convert_unaligned(0x37f); /* masked */
    assert_int_equal(bare_reg(X86_R14), SYS_GP);
}

/* The host refuses the MASKMOVQ, whose address is in another RDI there. */
static void test_a_pending_x87_exception_finds_the_guests_rdi_at_maskmovq(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xdb, 0xe3,                   /* fninit */
        0xbf, 0x00, 0x00, 0x02, 0x00, /* mov edi, DATA */
        0xd9, 0x2f,                   /* fldcw [rdi] */
        0xd9, 0xe8,                   /* fld1 */
        0xd9, 0xee,                   /* fldz */
        0xde, 0xf9,                   /* fdivp */
        0x0f, 0xf7, 0xc1,             /* maskmovq mm0, mm1 */
        0xf4,                         /* hlt */
    };
    const uint16_t control = 0x37b;
    start(code, sizeof(code));
    memcpy(bare_ram + DATA, &control, sizeof(control));
    bare_run();
    assert_int_equal(bare_reg(X86_R14), SYS_MF);
    assert_int_equal(bare_reg(X86_RDI), DATA);
}

/* A device's registers, of which the mask selects the second: the instruction wants the
 * operand aligned, wherever it is made. */
static void test_a_masked_aligned_operand_may_be_a_devices(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xb9, 0x02, 0x00, 0x00, 0x00,             /* mov ecx, 2 */
        0xc5, 0xf8, 0x92, 0xc9,                   /* kmovw k1, ecx */
        0xbb, 0x00, 0x00, 0x00, 0x02,             /* mov ebx, BARE_IO */
        0xbe, 0x00, 0x00, 0x02, 0x00,             /* mov esi, DATA */
        0x62, 0xf1, 0x7c, 0xc9, 0x28, 0x0b,       /* vmovaps zmm1 {k1}{z}, [rbx] */
        0x62, 0xf1, 0x7c, 0x48, 0x11, 0x0e,       /* vmovups [rsi], zmm1 */
        0x62, 0xf1, 0x7c, 0x48, 0x10, 0x56, 0x01, /* vmovups zmm2, [rsi + 64] */
        0x62, 0xf1, 0x7c, 0x49, 0x29, 0x13,       /* vmovaps [rbx] {k1}, zmm2 */
        0xf4,                                     /* hlt */
    };
    if ((bare_cpu->model->xcr0 & AVX512) != AVX512) {
        skip();
    }
    start(code, sizeof(code));
    const uint32_t stored[] = {1, 2, 3};
    memcpy(bare_ram + DATA + 64, stored, sizeof(stored));
    bare_io = (struct bare_io){.value = 0x12345678};
    bare_run();
    assert_int_not_equal(bare_reg(X86_R14), SYS_GP);
    assert_int_equal(bare_read(DATA, 8), 0x12345678ULL << 32);
    assert_int_equal(bare_read(DATA + 8, 8), 0);
    assert_int_equal(bare_io.writes, 1);
    assert_int_equal(bare_io.value, 2);
}

/* Around the end of 4 GiB, in 32-bit code: 16 bytes there are never aligned. */
static void test_the_segments_end_comes_before_alignment(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xbd, 0x10, 0x00, 0x00, 0x00, /* mov ebp, 16 */
        0x0f, 0x51, 0x4d, 0xe8,       /* sqrtps xmm1, [ebp - 24] */
        0xf4,                         /* hlt */
    };
    static const uint8_t handler[] = {0xbd, SYS_SSF, 0, 0, 0, 0xf4}; /* mov ebp, 12; hlt */
    static const uint8_t gate[] = {HANDLER & 0xff, HANDLER >> 8, 0x18, 0, 0, 0x8e, 0, 0};
    bare_load_bytes(code, sizeof(code));
    memcpy(bare_ram + HANDLER, handler, sizeof(handler));
    memcpy(bare_ram + IDT_32 + 8UL * SYS_SSF, gate, sizeof(gate));
    bare_start_32();
    bare_cpu->idtr = (struct sys_seg){.base = IDT_32, .limit = 8 * (SYS_SSF + 1) - 1};
    bare_run();
    assert_int_equal(bare_reg(X86_RBP), SYS_SSF);
}

static void test_an_address_that_is_not_canonical_comes_before_alignment(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0x48, 0xbd, 4,    0,    0, 0, 0, 0, 0, 0x42, /* mov rbp, 0x4200000000000004 */
        0x0f, 0xae, 0x4d, 0x00,                      /* fxrstor [rbp] */
        0xf4,                                        /* hlt */
    };
    start(code, sizeof(code));
    set_handler(SYS_SSF);
    bare_run();
    assert_int_equal(bare_reg(X86_R14), SYS_SSF);
}

/* As far as an element that faults, CPUs have cleared what lies above the vector length,
 * which is that of the indices if these are wider. */
static void test_a_gather_that_faults_keeps_its_vector_length(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xbb, 0x00, 0x00, 0x02, 0x00,             /* mov ebx, DATA */
        0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x4b, 0x01, /* vmovdqu64 zmm1, [rbx + 64] */
        0x62, 0xf1, 0xfe, 0x48, 0x6f, 0x53, 0x02, /* vmovdqu64 zmm2, [rbx + 128] */
        0xc5, 0xc4, 0x46, 0xff,                   /* kxnorw k7, k7, k7 */
        0x62, 0xf2, 0x7d, 0x2f, 0x91, 0x0c, 0x13, /* vpgatherqd xmm1 {k7}, [rbx + ymm2] */
        0xf4,                                     /* hlt */
    };
    static const uint8_t handler[] = {
        0x62, 0xf1, 0xfe, 0x48, 0x7f, 0x4b, 0x01, /* vmovdqu64 [rbx + 64], zmm1 */
        0xf4,                                     /* hlt */
    };
    if ((bare_cpu->model->xcr0 & AVX512) != AVX512) {
        skip();
    }
    start(code, sizeof(code));
    memcpy(bare_ram + HANDLER + 16UL * SYS_PF, handler, sizeof(handler));
    memset(bare_ram + DATA, 0x11, 4);
    memset(bare_ram + DATA + 64, 0xee, 64);
    const uint64_t absent = BARE_ABSENT - DATA;
    memcpy(bare_ram + DATA + 128 + 8, &absent, sizeof(absent)); /* the second index */
    bare_run();
    assert_int_equal(bare_cpu->cr2, BARE_ABSENT);
    assert_int_equal(bare_read(DATA + 64, 4), 0x11111111);
    for (unsigned at = 4; at < 64; at += 4) {
        assert_int_equal(bare_read(DATA + 64 + at, 4), at < 32 ? 0xeeeeeeee : 0);
    }
}

/* Without the feature the opcode is undefined, whatever its operand would raise and
 * whatever the host's CPU has. */
static void assert_is_undefined_without(const char *feature, const uint8_t *op, size_t size)
{
    const struct sys_cpu_model *model = bare_cpu->model;
    struct sys_cpu_model without = *model;
    int f = sys_feature_by_name(feature);
    uint8_t code[32] = {
        0xbb, 0x00, 0x00, 0x20, 0x00, /* mov ebx, BARE_ABSENT */
        0xb9, 0x01, 0x00, 0x02, 0x00, /* mov ecx, DATA + 1 */
    };
    assert_true(f >= 0);
    without.features[f / 32] &= ~(1u << f % 32);
    memcpy(code + 10, op, size);
    code[10 + size] = 0xf4; /* hlt */
    start(code, 11 + size);
    bare_cpu->model = &without;
    bare_run();
    bare_cpu->model = model;
    if (bare_reg(X86_R14) != SYS_UD) {
        fail_msg("without %s: vector %u", feature, (unsigned)bare_reg(X86_R14));
    }
}

static void test_what_the_cpu_has_not_is_undefined_before_its_operand_counts(void **state)
{
    (void)state;
    static const uint8_t unaligned[] = {0x66, 0x0f, 0x3a, 0xce, 0x01, 0x00}, /* [rcx] */
        unaligned_aes[] = {0x66, 0x0f, 0x38, 0xdc, 0x01},
                         absent[] = {0x0f, 0x38, 0xc8, 0x03}, /* [rbx] */
        absent_gpr[] = {0xf3, 0x0f, 0xb8, 0x03}, registers[] = {0x66, 0x0f, 0x38, 0xdc, 0xc1};
    assert_is_undefined_without("gfni", unaligned, sizeof(unaligned));
    assert_is_undefined_without("aes", unaligned_aes, sizeof(unaligned_aes));
    assert_is_undefined_without("sha-ni", absent, sizeof(absent));
    assert_is_undefined_without("popcnt", absent_gpr, sizeof(absent_gpr));
    assert_is_undefined_without("aes", registers, sizeof(registers));
}

enum { REGISTERS = 16, FIRST = DATA + 0x1000, SECOND = DATA + 0x1200, SEEN = DATA + 0x1400 };

static uint8_t program[1024];
static size_t program_size;

static void add(const uint8_t *bytes, size_t n)
{
    assert_true(program_size + n <= sizeof(program));
    memcpy(program + program_size, bytes, n);
    program_size += n;
}

/* movdqu between all XMM registers and [rbx + offset]. */
static void add_moves(bool store, uint32_t offset)
{
    for (unsigned r = 0; r < REGISTERS; r++) {
        uint32_t at = offset + 16 * r;
        const uint8_t code[] = {
            0xf3,
            (uint8_t)(0x40 | r >> 3 << 2),
            0x0f,
            store ? 0x7f : 0x6f,
            (uint8_t)(0x83 | (r & 7) << 3),
            (uint8_t)at,
            (uint8_t)(at >> 8),
            (uint8_t)(at >> 16),
            (uint8_t)(at >> 24),
        };
        add(code, sizeof(code));
    }
}

static uint64_t pattern(uint64_t from, unsigned i)
{
    return MARK * (from + i) | 1;
}

/* Loads the registers, executes an instruction that C sees to, loads others into them
 * if `other`, executes a second one, and stores them. */
static void run_with_registers(const uint8_t op[3], bool other, const uint8_t second[3])
{
    static const uint8_t begin[] = {
        0xbb, 0x00, 0x00, 0x02, 0x00, /* mov ebx, DATA */
        0xb8, 0x03, 0x00, 0x00, 0x00, /* mov eax, 3 */
        0xb9, 0x01, 0x00, 0x00, 0x00, /* mov ecx, 1 */
        0x31, 0xd2,                   /* xor edx, edx */
    };
    static const uint8_t hlt = 0xf4;
    program_size = 0;
    add(begin, sizeof(begin));
    add_moves(false, FIRST - DATA);
    add(op, 3);
    if (other) {
        add_moves(false, SECOND - DATA);
        add(second, 3);
    }
    add_moves(true, SEEN - DATA);
    add(&hlt, 1);
    start(program, program_size);
    for (unsigned i = 0; i < 2 * REGISTERS; i++) {
        uint64_t first = pattern(FIRST, i), next = pattern(SECOND, i);
        memcpy(bare_ram + FIRST + 8UL * i, &first, 8);
        memcpy(bare_ram + SECOND + 8UL * i, &next, 8);
    }
    memset(bare_ram + DATA, 0, 0x1000);
    bare_run();
    for (unsigned i = 0; i < 2 * REGISTERS; i++) {
        assert_int_equal(bare_read(SEEN + 8UL * i, 8), pattern(FIRST, i));
    }
}

/* Even if the compiler, or a sanitizer's run time, has a use for registers itself. */
static void test_c_that_has_registers_in_hand_gives_them_back(void **state)
{
    (void)state;
    static const uint8_t xsave[] = {0x0f, 0xae, 0x23}, xrstor[] = {0x0f, 0xae, 0x2b},
                         xgetbv[] = {0x0f, 0x01, 0xd0};
    run_with_registers(xsave, false, NULL);
    for (unsigned i = 0; i < 2 * REGISTERS; i++) {
        assert_int_equal(bare_read(DATA + 160 + 8UL * i, 8), pattern(FIRST, i));
    }
    run_with_registers(xsave, true, xrstor);
    if (sys_model_has(bare_cpu->model, SYS_FEAT_XGETBV1)) {
        run_with_registers(xgetbv, false, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_xsave_of_a_process_saves_the_guests_registers),
        cmocka_unit_test(test_a_pending_x87_exception_comes_before_an_unaligned_operand),
        cmocka_unit_test(test_a_pending_x87_exception_finds_the_guests_rdi_at_maskmovq),
        cmocka_unit_test(test_a_masked_aligned_operand_may_be_a_devices),
        cmocka_unit_test(test_the_segments_end_comes_before_alignment),
        cmocka_unit_test(test_an_address_that_is_not_canonical_comes_before_alignment),
        cmocka_unit_test(test_a_gather_that_faults_keeps_its_vector_length),
        cmocka_unit_test(test_what_the_cpu_has_not_is_undefined_before_its_operand_counts),
        cmocka_unit_test(test_c_that_has_registers_in_hand_gives_them_back),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
