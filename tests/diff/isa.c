/* Which instructions are compared, how far, and why the others are not.
 * docs/opcodes.md is written from these tables. */
#include "host.h"

#include <cpuid.h>

enum { EAX, EBX, ECX, EDX };

struct feature {
    uint16_t set; /* ZydisISASet */
    uint32_t leaf;
    uint8_t subleaf, reg, bit;
};

#define ALWAYS 0xff /* leaf: part of x86-64 */

#define EXT 0x80000001u
static const struct feature features[] = {
    {ZYDIS_ISA_SET_I86, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I186, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I286PROTECTED, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I286REAL, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I386, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I486, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_I486REAL, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_PENTIUMREAL, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_PPRO, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_LONGMODE, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_CMOV, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_FCMOV, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_X87, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_PENTIUMMMX, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_FXSAVE, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_FXSAVE64, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_FAT_NOP, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_PREFETCH_NOP, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_SSE_PREFETCH, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_PREFETCHWT1, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_CLDEMOTE, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_CET, ALWAYS, 0, 0, 0}, /* NOP or #UD without the feature */
    {ZYDIS_ISA_SET_MPX, ALWAYS, 0, 0, 0}, /* NOP without the feature */
    {ZYDIS_ISA_SET_PAUSE, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_SSE, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_SSE2, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_SSE2MMX, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_SSEMXCSR, ALWAYS, 0, 0, 0},
    {ZYDIS_ISA_SET_CLFSH, 1, 0, EDX, 19},
    {ZYDIS_ISA_SET_SSE3, 1, 0, ECX, 0},
    {ZYDIS_ISA_SET_SSE3X87, 1, 0, ECX, 0},
    {ZYDIS_ISA_SET_PCLMULQDQ, 1, 0, ECX, 1},
    {ZYDIS_ISA_SET_SSSE3, 1, 0, ECX, 9},
    {ZYDIS_ISA_SET_SSSE3MMX, 1, 0, ECX, 9},
    {ZYDIS_ISA_SET_FMA, 1, 0, ECX, 12},
    {ZYDIS_ISA_SET_CMPXCHG16B, 1, 0, ECX, 13},
    {ZYDIS_ISA_SET_SSE4, 1, 0, ECX, 19},
    {ZYDIS_ISA_SET_SSE42, 1, 0, ECX, 20},
    {ZYDIS_ISA_SET_MOVBE, 1, 0, ECX, 22},
    {ZYDIS_ISA_SET_POPCNT, 1, 0, ECX, 23},
    {ZYDIS_ISA_SET_AES, 1, 0, ECX, 25},
    {ZYDIS_ISA_SET_XSAVE, 1, 0, ECX, 27},
    {ZYDIS_ISA_SET_AVX, 1, 0, ECX, 28},
    {ZYDIS_ISA_SET_AVXAES, 1, 0, ECX, 28},
    {ZYDIS_ISA_SET_F16C, 1, 0, ECX, 29},
    {ZYDIS_ISA_SET_RDRAND, 1, 0, ECX, 30},
    {ZYDIS_ISA_SET_RDWRFSGS, 7, 0, EBX, 0},
    {ZYDIS_ISA_SET_BMI1, 7, 0, EBX, 3},
    {ZYDIS_ISA_SET_AVX2, 7, 0, EBX, 5},
    {ZYDIS_ISA_SET_AVX2GATHER, 7, 0, EBX, 5},
    {ZYDIS_ISA_SET_BMI2, 7, 0, EBX, 8},
    {ZYDIS_ISA_SET_RTM, 7, 0, EBX, 11},
    {ZYDIS_ISA_SET_RDSEED, 7, 0, EBX, 18},
    {ZYDIS_ISA_SET_ADOX_ADCX, 7, 0, EBX, 19},
    {ZYDIS_ISA_SET_CLFLUSHOPT, 7, 0, EBX, 23},
    {ZYDIS_ISA_SET_CLWB, 7, 0, EBX, 24},
    {ZYDIS_ISA_SET_SHA, 7, 0, EBX, 29},
    {ZYDIS_ISA_SET_AVX512F_128, 7, 0, EBX, 31},
    {ZYDIS_ISA_SET_AVX512F_256, 7, 0, EBX, 31},
    {ZYDIS_ISA_SET_AVX512F_128N, 7, 0, EBX, 16},
    {ZYDIS_ISA_SET_AVX512F_512, 7, 0, EBX, 16},
    {ZYDIS_ISA_SET_AVX512F_SCALAR, 7, 0, EBX, 16},
    {ZYDIS_ISA_SET_AVX512F_KOP, 7, 0, EBX, 16},
    {ZYDIS_ISA_SET_AVX512DQ_128, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512DQ_128N, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512DQ_256, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512DQ_512, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512DQ_SCALAR, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512DQ_KOP, 7, 0, EBX, 17},
    {ZYDIS_ISA_SET_AVX512_IFMA_128, 7, 0, EBX, 21},
    {ZYDIS_ISA_SET_AVX512_IFMA_256, 7, 0, EBX, 21},
    {ZYDIS_ISA_SET_AVX512_IFMA_512, 7, 0, EBX, 21},
    {ZYDIS_ISA_SET_AVX512CD_128, 7, 0, EBX, 28},
    {ZYDIS_ISA_SET_AVX512CD_256, 7, 0, EBX, 28},
    {ZYDIS_ISA_SET_AVX512CD_512, 7, 0, EBX, 28},
    {ZYDIS_ISA_SET_AVX512BW_128, 7, 0, EBX, 30},
    {ZYDIS_ISA_SET_AVX512BW_128N, 7, 0, EBX, 30},
    {ZYDIS_ISA_SET_AVX512BW_256, 7, 0, EBX, 30},
    {ZYDIS_ISA_SET_AVX512BW_512, 7, 0, EBX, 30},
    {ZYDIS_ISA_SET_AVX512BW_KOP, 7, 0, EBX, 30},
    {ZYDIS_ISA_SET_AVX512_VBMI_128, 7, 0, ECX, 1},
    {ZYDIS_ISA_SET_AVX512_VBMI_256, 7, 0, ECX, 1},
    {ZYDIS_ISA_SET_AVX512_VBMI_512, 7, 0, ECX, 1},
    {ZYDIS_ISA_SET_AVX512_VBMI2_128, 7, 0, ECX, 6},
    {ZYDIS_ISA_SET_AVX512_VBMI2_256, 7, 0, ECX, 6},
    {ZYDIS_ISA_SET_AVX512_VBMI2_512, 7, 0, ECX, 6},
    {ZYDIS_ISA_SET_GFNI, 7, 0, ECX, 8},
    {ZYDIS_ISA_SET_AVX_GFNI, 7, 0, ECX, 8},
    {ZYDIS_ISA_SET_AVX512_GFNI_128, 7, 0, ECX, 8},
    {ZYDIS_ISA_SET_AVX512_GFNI_256, 7, 0, ECX, 8},
    {ZYDIS_ISA_SET_AVX512_GFNI_512, 7, 0, ECX, 8},
    {ZYDIS_ISA_SET_VAES, 7, 0, ECX, 9},
    {ZYDIS_ISA_SET_AVX512_VAES_128, 7, 0, ECX, 9},
    {ZYDIS_ISA_SET_AVX512_VAES_256, 7, 0, ECX, 9},
    {ZYDIS_ISA_SET_AVX512_VAES_512, 7, 0, ECX, 9},
    {ZYDIS_ISA_SET_VPCLMULQDQ, 7, 0, ECX, 10},
    {ZYDIS_ISA_SET_AVX512_VPCLMULQDQ_128, 7, 0, ECX, 10},
    {ZYDIS_ISA_SET_AVX512_VPCLMULQDQ_256, 7, 0, ECX, 10},
    {ZYDIS_ISA_SET_AVX512_VPCLMULQDQ_512, 7, 0, ECX, 10},
    {ZYDIS_ISA_SET_AVX512_VNNI_128, 7, 0, ECX, 11},
    {ZYDIS_ISA_SET_AVX512_VNNI_256, 7, 0, ECX, 11},
    {ZYDIS_ISA_SET_AVX512_VNNI_512, 7, 0, ECX, 11},
    {ZYDIS_ISA_SET_AVX512_BITALG_128, 7, 0, ECX, 12},
    {ZYDIS_ISA_SET_AVX512_BITALG_256, 7, 0, ECX, 12},
    {ZYDIS_ISA_SET_AVX512_BITALG_512, 7, 0, ECX, 12},
    {ZYDIS_ISA_SET_AVX512_VPOPCNTDQ_128, 7, 0, ECX, 14},
    {ZYDIS_ISA_SET_AVX512_VPOPCNTDQ_256, 7, 0, ECX, 14},
    {ZYDIS_ISA_SET_AVX512_VPOPCNTDQ_512, 7, 0, ECX, 14},
    {ZYDIS_ISA_SET_RDPID, 7, 0, ECX, 22},
    {ZYDIS_ISA_SET_MOVDIR, 7, 0, ECX, 27},
    {ZYDIS_ISA_SET_AVX512_VP2INTERSECT_128, 7, 0, EDX, 8},
    {ZYDIS_ISA_SET_AVX512_VP2INTERSECT_256, 7, 0, EDX, 8},
    {ZYDIS_ISA_SET_AVX512_VP2INTERSECT_512, 7, 0, EDX, 8},
    {ZYDIS_ISA_SET_SERIALIZE, 7, 0, EDX, 14},
    {ZYDIS_ISA_SET_AVX512_FP16_128, 7, 0, EDX, 23},
    {ZYDIS_ISA_SET_AVX512_FP16_128N, 7, 0, EDX, 23},
    {ZYDIS_ISA_SET_AVX512_FP16_256, 7, 0, EDX, 23},
    {ZYDIS_ISA_SET_AVX512_FP16_512, 7, 0, EDX, 23},
    {ZYDIS_ISA_SET_AVX512_FP16_SCALAR, 7, 0, EDX, 23},
    {ZYDIS_ISA_SET_AVX_VNNI, 7, 1, EAX, 4},
    {ZYDIS_ISA_SET_AVX512_BF16_128, 7, 1, EAX, 5},
    {ZYDIS_ISA_SET_AVX512_BF16_256, 7, 1, EAX, 5},
    {ZYDIS_ISA_SET_AVX512_BF16_512, 7, 1, EAX, 5},
    {ZYDIS_ISA_SET_XSAVEOPT, 0xd, 1, EAX, 0},
    {ZYDIS_ISA_SET_XSAVEC, 0xd, 1, EAX, 1},
    {ZYDIS_ISA_SET_LAHF, EXT, 0, ECX, 0},
    {ZYDIS_ISA_SET_LZCNT, EXT, 0, ECX, 5},
    {ZYDIS_ISA_SET_SSE4A, EXT, 0, ECX, 6},
    {ZYDIS_ISA_SET_RDTSCP, EXT, 0, EDX, 27},
    {ZYDIS_ISA_SET_CLZERO, 0x80000008u, 0, EBX, 0},
};

static const uint16_t not_user[] = {
    ZYDIS_ISA_SET_SVM,     ZYDIS_ISA_SET_VTX,     ZYDIS_ISA_SET_SMX,         ZYDIS_ISA_SET_SMAP,
    ZYDIS_ISA_SET_INVPCID, ZYDIS_ISA_SET_XSAVES,  ZYDIS_ISA_SET_AMD_INVLPGB, ZYDIS_ISA_SET_SNP,
    ZYDIS_ISA_SET_TDX,     ZYDIS_ISA_SET_SGX,     ZYDIS_ISA_SET_SGX_ENCLV,   ZYDIS_ISA_SET_VMFUNC,
    ZYDIS_ISA_SET_MONITOR, ZYDIS_ISA_SET_PCONFIG, ZYDIS_ISA_SET_PT,          ZYDIS_ISA_SET_HRESET,
};

enum isa_status isa_status(ZydisISASet set)
{
    for (unsigned i = 0; i < sizeof(not_user) / sizeof(not_user[0]); i++) {
        if (not_user[i] == set) {
            return ISA_NOT_USER;
        }
    }
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        const struct feature *f = &features[i];
        if (f->set != set) {
            continue;
        }
        if (f->leaf == ALWAYS) {
            return ISA_OK;
        }
        unsigned r[4];
        if (!__get_cpuid_count(f->leaf, f->subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX])) {
            return ISA_NOT_ON_HOST;
        }
        return (r[f->reg] >> f->bit) & 1 ? ISA_OK : ISA_NOT_ON_HOST;
    }
    return ISA_UNKNOWN;
}

bool host_has_umip(void)
{
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && c & 1u << 2;
}

bool host_is_amd(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0, &a, &b, &c, &d) && b == signature_AMD_ebx;
}

const char *isa_status_text(enum isa_status s)
{
    switch (s) {
    case ISA_OK:
        return "compared";
    case ISA_NOT_ON_HOST:
        return "not on the host this was made on";
    case ISA_NOT_USER:
        return "not for user mode";
    default:
        return "not supported";
    }
}

struct exception {
    uint16_t mnemonic;
    uint8_t level;
    const char *why;
};

static const struct exception exceptions[] = {
    {ZYDIS_MNEMONIC_SYSCALL, COMPARE_NEVER, "enters the kernel; tests/guest"},
    {ZYDIS_MNEMONIC_SYSENTER, COMPARE_NEVER, "enters the kernel on some CPUs"},
    {ZYDIS_MNEMONIC_VMMCALL, COMPARE_NEVER, "reaches the hypervisor"},
    {ZYDIS_MNEMONIC_VMCALL, COMPARE_NEVER, "reaches the hypervisor"},
    {ZYDIS_MNEMONIC_INT1, COMPARE_NEVER, "debug trap, virtualised unreliably; tests/guest"},
    {ZYDIS_MNEMONIC_LFS, COMPARE_NEVER, "replaces the FS base that the host side needs"},
    {ZYDIS_MNEMONIC_LGS, COMPARE_NEVER, "replaces the GS base that the engine needs"},
    {ZYDIS_MNEMONIC_CPUID, COMPARE_END, "the engine has its own CPUID"},
    {ZYDIS_MNEMONIC_XGETBV, COMPARE_END, "the engine has its own XCR0"},
    {ZYDIS_MNEMONIC_RDTSC, COMPARE_END, "time"},
    {ZYDIS_MNEMONIC_RDTSCP, COMPARE_END, "time"},
    {ZYDIS_MNEMONIC_RDPID, COMPARE_END, "host CPU number"},
    {ZYDIS_MNEMONIC_LSL, COMPARE_END, "the limit of one segment is the host CPU number"},
    {ZYDIS_MNEMONIC_RDRAND, COMPARE_END, "random"},
    {ZYDIS_MNEMONIC_RDSEED, COMPARE_END, "random"},
    {ZYDIS_MNEMONIC_RDPMC, COMPARE_END, "performance counter"},
    {ZYDIS_MNEMONIC_SGDT, COMPARE_END, "host CPU's table"},
    {ZYDIS_MNEMONIC_SIDT, COMPARE_END, "host CPU's table"},
    {ZYDIS_MNEMONIC_XSAVEOPT, COMPARE_NO_MEMORY, "what it leaves out is the CPU's choice"},
    {ZYDIS_MNEMONIC_XSAVEOPT64, COMPARE_NO_MEMORY, "what it leaves out is the CPU's choice"},
};

enum compare_level insn_compare_level(const ZydisDecodedInstruction *zi, const char **why)
{
    *why = "";
    if (zi->mnemonic == ZYDIS_MNEMONIC_INT && zi->raw.imm[0].value.u == 0x80) {
        *why = "enters the kernel; tests/guest";
        return COMPARE_NEVER;
    }
    bool mov_sreg = zi->mnemonic == ZYDIS_MNEMONIC_MOV && zi->opcode == 0x8e &&
                    zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT;
    bool pop_sreg = zi->mnemonic == ZYDIS_MNEMONIC_POP && zi->opcode_map == ZYDIS_OPCODE_MAP_0F;
    if (pop_sreg || (mov_sreg && (zi->raw.modrm.reg == 4 || zi->raw.modrm.reg == 5))) {
        *why = "replaces the FS or GS base that the host side needs";
        return COMPARE_NEVER;
    }
    for (unsigned i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        if (exceptions[i].mnemonic == zi->mnemonic) {
            *why = exceptions[i].why;
            return (enum compare_level)exceptions[i].level;
        }
    }
    return COMPARE_ALL;
}
