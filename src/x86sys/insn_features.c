/* Which instructions a CPU model has: those that run as themselves run on whatever the
 * host has, so that they are #UD without their feature is to be seen before, and before
 * anything else about them, an operand that is not there among it.
 *
 * Not asked for: x87 (CR0.EM tells of its absence), hint NOPs, LZCNT and TZCNT, which are
 * BSR and BSF without their features, what C code asks for itself, and what no model has
 * a name for. */
#include <Zydis/Zydis.h>

#include "x86sys/insn.h"
#include "x86sys/model.h"

/* Features that an instruction set takes, of which 0, the FPU's, is none here. */
struct needs {
    uint16_t first, second;
};

#define F(word, bit) SYS_FEATURE(SYS_F_##word, bit)

enum {
    NONE = 0,
    CMOV = F(1_EDX, 15),
    CLFLUSH = F(1_EDX, 19),
    MMX = F(1_EDX, 23),
    FXSR = SYS_FEAT_FXSR,
    SSE = SYS_FEAT_SSE,
    SSE2 = F(1_EDX, 26),
    SSE3 = F(1_ECX, 0),
    PCLMULQDQ = F(1_ECX, 1),
    SSSE3 = F(1_ECX, 9),
    FMA = F(1_ECX, 12),
    CX16 = F(1_ECX, 13),
    SSE41 = F(1_ECX, 19),
    SSE42 = F(1_ECX, 20),
    MOVBE = F(1_ECX, 22),
    POPCNT = F(1_ECX, 23),
    AES = F(1_ECX, 25),
    AVX = SYS_FEAT_AVX,
    F16C = F(1_ECX, 29),
    BMI1 = F(7_EBX, 3),
    AVX2 = F(7_EBX, 5),
    BMI2 = F(7_EBX, 8),
    AVX512F = SYS_FEAT_AVX512F,
    AVX512DQ = F(7_EBX, 17),
    ADX = F(7_EBX, 19),
    AVX512IFMA = F(7_EBX, 21),
    CLFLUSHOPT = F(7_EBX, 23),
    CLWB = F(7_EBX, 24),
    AVX512CD = F(7_EBX, 28),
    SHA = F(7_EBX, 29),
    AVX512BW = F(7_EBX, 30),
    AVX512VL = F(7_EBX, 31),
    AVX512VBMI = F(7_ECX, 1),
    AVX512VBMI2 = F(7_ECX, 6),
    GFNI = F(7_ECX, 8),
    VAES = F(7_ECX, 9),
    VPCLMULQDQ = F(7_ECX, 10),
    AVX512VNNI = F(7_ECX, 11),
    AVX512BITALG = F(7_ECX, 12),
    AVX512VPOPCNTDQ = F(7_ECX, 14),
    MOVDIRI = F(7_ECX, 27),
    VP2INTERSECT = F(7_EDX, 8),
    AVX512FP16 = F(7_EDX, 23),
    AVX_VNNI = F(7_1_EAX, 4),
    AVX512BF16 = F(7_1_EAX, 5),
    LAHF_LM = F(81_ECX, 0),
    SSE4A = F(81_ECX, 6),
};

/* Vectors of 16 and 32 bytes need AVX512VL, all of them AVX512F. */
#define VECTORS(set, feature)                                                                      \
    [ZYDIS_ISA_SET_##set##_128] = {feature, AVX512VL},                                             \
    [ZYDIS_ISA_SET_##set##_256] = {feature, AVX512VL},                                             \
    [ZYDIS_ISA_SET_##set##_512] = {feature, AVX512F}

static const struct needs needs[] = {
    [ZYDIS_ISA_SET_ADOX_ADCX] = {ADX, NONE},
    [ZYDIS_ISA_SET_AES] = {AES, NONE},
    [ZYDIS_ISA_SET_AVX] = {AVX, NONE},
    [ZYDIS_ISA_SET_AVX2] = {AVX2, NONE},
    [ZYDIS_ISA_SET_AVX2GATHER] = {AVX2, NONE},
    VECTORS(AVX512BW, AVX512BW),
    [ZYDIS_ISA_SET_AVX512BW_128N] = {AVX512BW, NONE},
    [ZYDIS_ISA_SET_AVX512BW_KOP] = {AVX512BW, NONE},
    VECTORS(AVX512CD, AVX512CD),
    VECTORS(AVX512DQ, AVX512DQ),
    [ZYDIS_ISA_SET_AVX512DQ_128N] = {AVX512DQ, NONE},
    [ZYDIS_ISA_SET_AVX512DQ_KOP] = {AVX512DQ, NONE},
    [ZYDIS_ISA_SET_AVX512DQ_SCALAR] = {AVX512DQ, NONE},
    VECTORS(AVX512F, AVX512F),
    [ZYDIS_ISA_SET_AVX512F_128N] = {AVX512F, NONE},
    [ZYDIS_ISA_SET_AVX512F_KOP] = {AVX512F, NONE},
    [ZYDIS_ISA_SET_AVX512F_SCALAR] = {AVX512F, NONE},
    VECTORS(AVX512_BF16, AVX512BF16),
    VECTORS(AVX512_BITALG, AVX512BITALG),
    VECTORS(AVX512_FP16, AVX512FP16),
    [ZYDIS_ISA_SET_AVX512_FP16_128N] = {AVX512FP16, NONE},
    [ZYDIS_ISA_SET_AVX512_FP16_SCALAR] = {AVX512FP16, NONE},
    VECTORS(AVX512_GFNI, GFNI),
    VECTORS(AVX512_IFMA, AVX512IFMA),
    VECTORS(AVX512_VAES, VAES),
    VECTORS(AVX512_VBMI, AVX512VBMI),
    VECTORS(AVX512_VBMI2, AVX512VBMI2),
    VECTORS(AVX512_VNNI, AVX512VNNI),
    VECTORS(AVX512_VP2INTERSECT, VP2INTERSECT),
    VECTORS(AVX512_VPCLMULQDQ, VPCLMULQDQ),
    VECTORS(AVX512_VPOPCNTDQ, AVX512VPOPCNTDQ),
    [ZYDIS_ISA_SET_AVXAES] = {AVX, AES},
    [ZYDIS_ISA_SET_AVX_GFNI] = {AVX, GFNI},
    [ZYDIS_ISA_SET_AVX_VNNI] = {AVX, AVX_VNNI},
    [ZYDIS_ISA_SET_BMI1] = {BMI1, NONE},
    [ZYDIS_ISA_SET_BMI2] = {BMI2, NONE},
    [ZYDIS_ISA_SET_CLFLUSHOPT] = {CLFLUSHOPT, NONE},
    [ZYDIS_ISA_SET_CLFSH] = {CLFLUSH, NONE},
    [ZYDIS_ISA_SET_CLWB] = {CLWB, NONE},
    [ZYDIS_ISA_SET_CMOV] = {CMOV, NONE},
    [ZYDIS_ISA_SET_CMPXCHG16B] = {CX16, NONE},
    [ZYDIS_ISA_SET_F16C] = {F16C, NONE},
    [ZYDIS_ISA_SET_FCMOV] = {CMOV, NONE},
    [ZYDIS_ISA_SET_FMA] = {FMA, NONE},
    [ZYDIS_ISA_SET_FXSAVE] = {FXSR, NONE},
    [ZYDIS_ISA_SET_FXSAVE64] = {FXSR, NONE},
    [ZYDIS_ISA_SET_GFNI] = {GFNI, NONE},
    [ZYDIS_ISA_SET_LAHF] = {LAHF_LM, NONE}, /* in 64-bit mode only */
    [ZYDIS_ISA_SET_MOVBE] = {MOVBE, NONE},
    [ZYDIS_ISA_SET_MOVDIR] = {MOVDIRI, NONE},
    [ZYDIS_ISA_SET_PCLMULQDQ] = {PCLMULQDQ, NONE},
    [ZYDIS_ISA_SET_PENTIUMMMX] = {MMX, NONE},
    [ZYDIS_ISA_SET_POPCNT] = {POPCNT, NONE},
    [ZYDIS_ISA_SET_RDRAND] = {SYS_FEAT_RDRAND, NONE},
    [ZYDIS_ISA_SET_RDSEED] = {SYS_FEAT_RDSEED, NONE},
    [ZYDIS_ISA_SET_SHA] = {SHA, NONE},
    [ZYDIS_ISA_SET_SSE] = {SSE, NONE},
    [ZYDIS_ISA_SET_SSE2] = {SSE2, NONE},
    [ZYDIS_ISA_SET_SSE2MMX] = {SSE2, NONE},
    [ZYDIS_ISA_SET_SSE3] = {SSE3, NONE},
    [ZYDIS_ISA_SET_SSE3X87] = {SSE3, NONE},
    [ZYDIS_ISA_SET_SSE4] = {SSE41, NONE},
    [ZYDIS_ISA_SET_SSE42] = {SSE42, NONE},
    [ZYDIS_ISA_SET_SSE4A] = {SSE4A, NONE},
    [ZYDIS_ISA_SET_SSEMXCSR] = {SSE, NONE},
    [ZYDIS_ISA_SET_SSSE3] = {SSSE3, NONE},
    [ZYDIS_ISA_SET_SSSE3MMX] = {SSSE3, NONE},
    [ZYDIS_ISA_SET_VAES] = {AVX, VAES},
    [ZYDIS_ISA_SET_VPCLMULQDQ] = {AVX, VPCLMULQDQ},
};

static struct needs needs_of(const struct sys_insn *in)
{
    bool other = in->mnemonic == ZYDIS_MNEMONIC_TZCNT ||
                 (in->isa_set == ZYDIS_ISA_SET_LAHF && in->code_size != 8);
    if (other || in->isa_set >= sizeof(needs) / sizeof(needs[0])) {
        return (struct needs){NONE, NONE};
    }
    if (in->mnemonic == ZYDIS_MNEMONIC_VPCLMULQDQ && in->isa_set == ZYDIS_ISA_SET_AVX) {
        return (struct needs){AVX, PCLMULQDQ};
    }
    return needs[in->isa_set];
}

static bool has(const struct sys_cpu_model *m, unsigned feature)
{
    return feature == NONE || sys_model_has(m, feature);
}

bool sys_insn_is_in_model(const struct sys_insn *in, const struct sys_cpu_model *m)
{
    struct needs n = needs_of(in);
    return has(m, n.first) && has(m, n.second);
}
