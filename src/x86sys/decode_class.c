/* What kind of treatment a decoded instruction gets, and what it raises in the mode
 * that it was decoded in: an instruction that needs CR0.TS clear, say, is another
 * one while TS is set, which costs nothing since the mode is part of a translation's
 * key. Privilege is checked where system instructions are executed. */
#include "x86sys/decode_internal.h"

/* Which unit executes it: decides between #UD, #NM and none. */
enum unit {
    UNIT_NONE, /* it does not exist on any CPU that we are */
    UNIT_INTEGER,
    UNIT_X87,
    UNIT_MMX,
    UNIT_SSE,
    UNIT_AVX,
    UNIT_AVX512,
    UNIT_FXSAVE,
};

static enum unit unit_of_avx512(ZydisISASet set)
{
    switch (set) {
    case ZYDIS_ISA_SET_AVX512ER_512:
    case ZYDIS_ISA_SET_AVX512ER_SCALAR:
    case ZYDIS_ISA_SET_AVX512PF_512:
    case ZYDIS_ISA_SET_AVX512_4FMAPS_512:
    case ZYDIS_ISA_SET_AVX512_4FMAPS_SCALAR:
    case ZYDIS_ISA_SET_AVX512_4VNNIW_512:
        return UNIT_NONE;
    default:
        return set >= ZYDIS_ISA_SET_AVX512BW_128 && set <= ZYDIS_ISA_SET_AVX512_VPOPCNTDQ_512
                   ? UNIT_AVX512
                   : UNIT_NONE;
    }
}

/* SSE's instructions that leave vector state alone. */
static bool is_sse_integer(ZydisMnemonic m)
{
    switch (m) {
    case ZYDIS_MNEMONIC_CRC32:
    case ZYDIS_MNEMONIC_MOVNTI:
    case ZYDIS_MNEMONIC_LFENCE:
    case ZYDIS_MNEMONIC_MFENCE:
    case ZYDIS_MNEMONIC_SFENCE:
        return true;
    default:
        return false;
    }
}

static enum unit unit_of(const ZydisDecodedInstruction *zi)
{
    switch (zi->meta.isa_set) {
    case ZYDIS_ISA_SET_ADOX_ADCX:
    case ZYDIS_ISA_SET_AMD:
    case ZYDIS_ISA_SET_BMI1:
    case ZYDIS_ISA_SET_BMI2:
    case ZYDIS_ISA_SET_CLFLUSHOPT:
    case ZYDIS_ISA_SET_CLFSH:
    case ZYDIS_ISA_SET_CLWB:
    case ZYDIS_ISA_SET_CMOV:
    case ZYDIS_ISA_SET_CMPXCHG16B:
    case ZYDIS_ISA_SET_FAT_NOP:
    case ZYDIS_ISA_SET_I186:
    case ZYDIS_ISA_SET_I286PROTECTED:
    case ZYDIS_ISA_SET_I286REAL:
    case ZYDIS_ISA_SET_I386:
    case ZYDIS_ISA_SET_I486:
    case ZYDIS_ISA_SET_I486REAL:
    case ZYDIS_ISA_SET_I86:
    case ZYDIS_ISA_SET_LAHF:
    case ZYDIS_ISA_SET_LONGMODE:
    case ZYDIS_ISA_SET_LZCNT:
    case ZYDIS_ISA_SET_MOVBE:
    case ZYDIS_ISA_SET_MOVDIR:
    case ZYDIS_ISA_SET_PAUSE:
    case ZYDIS_ISA_SET_PENTIUMREAL:
    case ZYDIS_ISA_SET_POPCNT:
    case ZYDIS_ISA_SET_PPRO:
    case ZYDIS_ISA_SET_PREFETCHWT1:
    case ZYDIS_ISA_SET_PREFETCH_NOP:
    case ZYDIS_ISA_SET_RDRAND:
    case ZYDIS_ISA_SET_RDSEED:
    case ZYDIS_ISA_SET_SERIALIZE:
    case ZYDIS_ISA_SET_SSE_PREFETCH:
        return UNIT_INTEGER;
    case ZYDIS_ISA_SET_FCMOV:
    case ZYDIS_ISA_SET_SSE3X87:
    case ZYDIS_ISA_SET_X87:
        return UNIT_X87;
    case ZYDIS_ISA_SET_PENTIUMMMX:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_SSSE3MMX:
        return UNIT_MMX;
    case ZYDIS_ISA_SET_AES:
    case ZYDIS_ISA_SET_GFNI:
    case ZYDIS_ISA_SET_PCLMULQDQ:
    case ZYDIS_ISA_SET_SHA:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE3:
    case ZYDIS_ISA_SET_SSE4:
    case ZYDIS_ISA_SET_SSE42:
    case ZYDIS_ISA_SET_SSE4A:
    case ZYDIS_ISA_SET_SSEMXCSR:
    case ZYDIS_ISA_SET_SSSE3:
        return is_sse_integer(zi->mnemonic) ? UNIT_INTEGER : UNIT_SSE;
    case ZYDIS_ISA_SET_AVX:
    case ZYDIS_ISA_SET_AVX2:
    case ZYDIS_ISA_SET_AVX2GATHER:
    case ZYDIS_ISA_SET_AVXAES:
    case ZYDIS_ISA_SET_AVX_GFNI:
    case ZYDIS_ISA_SET_AVX_VNNI:
    case ZYDIS_ISA_SET_F16C:
    case ZYDIS_ISA_SET_FMA:
    case ZYDIS_ISA_SET_VAES:
    case ZYDIS_ISA_SET_VPCLMULQDQ:
        return UNIT_AVX;
    case ZYDIS_ISA_SET_FXSAVE:
    case ZYDIS_ISA_SET_FXSAVE64:
        return UNIT_FXSAVE;
    default:
        return unit_of_avx512(zi->meta.isa_set);
    }
}

static uint8_t sse_fault(uint32_t mode)
{
    if (mode & SYS_MODE_FPU_EM || !(mode & SYS_MODE_OSFXSR)) {
        return SYS_UD;
    }
    return mode & SYS_MODE_TS ? SYS_NM : SYS_NO_EXCEPTION;
}

static uint8_t fault_of(enum unit unit, uint32_t mode, const ZydisDecodedInstruction *zi)
{
    uint8_t nm_if_ts = mode & SYS_MODE_TS ? SYS_NM : SYS_NO_EXCEPTION;
    switch (unit) {
    case UNIT_X87:
        if (zi->mnemonic == ZYDIS_MNEMONIC_FWAIT) {
            return mode & SYS_MODE_MP ? nm_if_ts : SYS_NO_EXCEPTION;
        }
        return mode & SYS_MODE_FPU_NM ? SYS_NM : SYS_NO_EXCEPTION;
    case UNIT_FXSAVE:
        return mode & SYS_MODE_FPU_NM ? SYS_NM : SYS_NO_EXCEPTION;
    case UNIT_MMX:
        return mode & SYS_MODE_FPU_EM ? SYS_UD : nm_if_ts;
    case UNIT_SSE:
        return sse_fault(mode);
    case UNIT_AVX:
        return mode & SYS_MODE_AVX ? nm_if_ts : SYS_UD;
    case UNIT_AVX512:
        return mode & SYS_MODE_AVX512 ? nm_if_ts : SYS_UD;
    case UNIT_INTEGER:
        return SYS_NO_EXCEPTION;
    default:
        return SYS_UD;
    }
}

static bool is_default_map(const ZydisDecodedInstruction *zi, uint8_t opcode)
{
    return zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && zi->opcode == opcode;
}

/* MOV to or from a segment, control or debug register. */
static bool is_system_mov(const ZydisDecodedInstruction *zi)
{
    return is_default_map(zi, 0x8c) || is_default_map(zi, 0x8e) ||
           (zi->opcode_map == ZYDIS_OPCODE_MAP_0F && zi->opcode >= 0x20 && zi->opcode <= 0x27);
}

/* PUSH or POP of a segment register. */
static bool is_segment_stack(const ZydisDecodedInstruction *zi)
{
    if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F) {
        return true;
    }
    return zi->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && zi->opcode <= 0x1f;
}

static enum sys_insn_class class_of_branch(const ZydisDecodedInstruction *zi)
{
    bool indirect = is_default_map(zi, 0xff);
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_JMP:
        return indirect ? SYS_INSN_JMP_IND : SYS_INSN_JMP;
    case ZYDIS_MNEMONIC_CALL:
        return indirect ? SYS_INSN_CALL_IND : SYS_INSN_CALL;
    default:
        return SYS_INSN_RET;
    }
}

static enum sys_insn_class class_by_category(const ZydisDecodedInstruction *zi)
{
    switch (zi->meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
        return SYS_INSN_JCC;
    case ZYDIS_CATEGORY_STRINGOP:
        return SYS_INSN_STRING;
    case ZYDIS_CATEGORY_NOP:
    case ZYDIS_CATEGORY_WIDENOP:
    case ZYDIS_CATEGORY_PREFETCH:
    case ZYDIS_CATEGORY_PREFETCHWT1:
        return SYS_INSN_NOP;
    case ZYDIS_CATEGORY_PUSH:
    case ZYDIS_CATEGORY_POP:
        return is_segment_stack(zi) ? SYS_INSN_C : SYS_INSN_STACK;
    case ZYDIS_CATEGORY_AVX2GATHER:
    case ZYDIS_CATEGORY_GATHER:
    case ZYDIS_CATEGORY_SCATTER:
        return SYS_INSN_C;
    default:
        return SYS_INSN_DATA;
    }
}

/* What exists only with features that no CPU model has, or only to fault. */
static bool is_absent(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_UD0:
    case ZYDIS_MNEMONIC_UD1:
    case ZYDIS_MNEMONIC_UD2:
    case ZYDIS_MNEMONIC_GETSEC:
    case ZYDIS_MNEMONIC_MOVDIR64B: /* two memory operands */
        return true;
    default:
        return zi->encoding == ZYDIS_INSTRUCTION_ENCODING_MVEX ||
               zi->encoding == ZYDIS_INSTRUCTION_ENCODING_XOP ||
               zi->encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW;
    }
}

/* Executed by sys_execute. Those with a feature bit of their own are listed here,
 * so that the unit needs no entry for them. */
static bool is_for_c(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_AAA:
    case ZYDIS_MNEMONIC_AAD:
    case ZYDIS_MNEMONIC_AAM:
    case ZYDIS_MNEMONIC_AAS:
    case ZYDIS_MNEMONIC_ARPL:
    case ZYDIS_MNEMONIC_BOUND:
    case ZYDIS_MNEMONIC_CLAC:
    case ZYDIS_MNEMONIC_CLI:
    case ZYDIS_MNEMONIC_CLTS:
    case ZYDIS_MNEMONIC_CPUID:
    case ZYDIS_MNEMONIC_DAA:
    case ZYDIS_MNEMONIC_DAS:
    case ZYDIS_MNEMONIC_HLT:
    case ZYDIS_MNEMONIC_IN:
    case ZYDIS_MNEMONIC_INSB:
    case ZYDIS_MNEMONIC_INSD:
    case ZYDIS_MNEMONIC_INSW:
    case ZYDIS_MNEMONIC_INT:
    case ZYDIS_MNEMONIC_INT1:
    case ZYDIS_MNEMONIC_INT3:
    case ZYDIS_MNEMONIC_INTO:
    case ZYDIS_MNEMONIC_INVD:
    case ZYDIS_MNEMONIC_INVLPG:
    case ZYDIS_MNEMONIC_INVPCID:
    case ZYDIS_MNEMONIC_IRET:
    case ZYDIS_MNEMONIC_IRETD:
    case ZYDIS_MNEMONIC_IRETQ:
    case ZYDIS_MNEMONIC_LAR:
    case ZYDIS_MNEMONIC_LDS:
    case ZYDIS_MNEMONIC_LES:
    case ZYDIS_MNEMONIC_LFS:
    case ZYDIS_MNEMONIC_LGDT:
    case ZYDIS_MNEMONIC_LGS:
    case ZYDIS_MNEMONIC_LIDT:
    case ZYDIS_MNEMONIC_LLDT:
    case ZYDIS_MNEMONIC_LMSW:
    case ZYDIS_MNEMONIC_LSL:
    case ZYDIS_MNEMONIC_LSS:
    case ZYDIS_MNEMONIC_LTR:
    case ZYDIS_MNEMONIC_MONITOR:
    case ZYDIS_MNEMONIC_MWAIT:
    case ZYDIS_MNEMONIC_OUT:
    case ZYDIS_MNEMONIC_OUTSB:
    case ZYDIS_MNEMONIC_OUTSD:
    case ZYDIS_MNEMONIC_OUTSW:
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_RDMSR:
    case ZYDIS_MNEMONIC_RDPID:
    case ZYDIS_MNEMONIC_RDPKRU:
    case ZYDIS_MNEMONIC_RDPMC:
    case ZYDIS_MNEMONIC_RDTSC:
    case ZYDIS_MNEMONIC_RDTSCP:
    case ZYDIS_MNEMONIC_RSM:
    case ZYDIS_MNEMONIC_SALC:
    case ZYDIS_MNEMONIC_SGDT:
    case ZYDIS_MNEMONIC_SIDT:
    case ZYDIS_MNEMONIC_SLDT:
    case ZYDIS_MNEMONIC_SMSW:
    case ZYDIS_MNEMONIC_STAC:
    case ZYDIS_MNEMONIC_STI:
    case ZYDIS_MNEMONIC_STR:
    case ZYDIS_MNEMONIC_SWAPGS:
    case ZYDIS_MNEMONIC_SYSCALL:
    case ZYDIS_MNEMONIC_SYSENTER:
    case ZYDIS_MNEMONIC_SYSEXIT:
    case ZYDIS_MNEMONIC_SYSRET:
    case ZYDIS_MNEMONIC_VERR:
    case ZYDIS_MNEMONIC_VERW:
    case ZYDIS_MNEMONIC_WBINVD:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
    case ZYDIS_MNEMONIC_WRMSR:
    case ZYDIS_MNEMONIC_WRPKRU:
    case ZYDIS_MNEMONIC_XGETBV:
    case ZYDIS_MNEMONIC_XRSTOR:
    case ZYDIS_MNEMONIC_XRSTOR64:
    case ZYDIS_MNEMONIC_XRSTORS:
    case ZYDIS_MNEMONIC_XRSTORS64:
    case ZYDIS_MNEMONIC_XSAVE:
    case ZYDIS_MNEMONIC_XSAVE64:
    case ZYDIS_MNEMONIC_XSAVEC:
    case ZYDIS_MNEMONIC_XSAVEC64:
    case ZYDIS_MNEMONIC_XSAVEOPT:
    case ZYDIS_MNEMONIC_XSAVEOPT64:
    case ZYDIS_MNEMONIC_XSAVES:
    case ZYDIS_MNEMONIC_XSAVES64:
    case ZYDIS_MNEMONIC_XSETBV:
        return true;
    default:
        return zi->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR;
    }
}

static enum sys_insn_class class_of(const ZydisDecodedInstruction *zi)
{
    switch (zi->mnemonic) {
    case ZYDIS_MNEMONIC_JMP:
    case ZYDIS_MNEMONIC_CALL:
    case ZYDIS_MNEMONIC_RET:
        return class_of_branch(zi);
    case ZYDIS_MNEMONIC_LOOP:
    case ZYDIS_MNEMONIC_LOOPE:
    case ZYDIS_MNEMONIC_LOOPNE:
    case ZYDIS_MNEMONIC_JCXZ:
    case ZYDIS_MNEMONIC_JECXZ:
    case ZYDIS_MNEMONIC_JRCXZ:
        return SYS_INSN_LOOP;
    case ZYDIS_MNEMONIC_ENTER:
    case ZYDIS_MNEMONIC_LEAVE:
        return SYS_INSN_STACK;
    case ZYDIS_MNEMONIC_LEA:
        return SYS_INSN_LEA;
    case ZYDIS_MNEMONIC_MOV:
        return is_system_mov(zi) ? SYS_INSN_C : SYS_INSN_DATA;
    default:
        return class_by_category(zi);
    }
}

static bool is_random(const ZydisDecodedInstruction *zi)
{
    return zi->mnemonic == ZYDIS_MNEMONIC_RDRAND || zi->mnemonic == ZYDIS_MNEMONIC_RDSEED;
}

void sys_decode_class(struct sys_insn *in, uint32_t mode, const ZydisDecodedInstruction *zi)
{
    if (is_absent(zi)) {
        in->fault = SYS_UD;
    } else if (is_for_c(zi) || (mode & SYS_MODE_ICOUNT && is_random(zi))) {
        in->cls = SYS_INSN_C;
        return;
    } else {
        in->fault = fault_of(unit_of(zi), mode, zi);
    }
    if (in->fault == SYS_UD) {
        in->cls = SYS_INSN_ILLEGAL;
    } else if (in->fault != SYS_NO_EXCEPTION) {
        in->cls = SYS_INSN_C;
    } else {
        in->cls = (uint8_t)class_of(zi);
    }
}

bool sys_insn_ends_tb(const struct sys_insn *in)
{
    switch (in->cls) {
    case SYS_INSN_DATA:
    case SYS_INSN_LEA:
    case SYS_INSN_STACK:
    case SYS_INSN_STRING:
    case SYS_INSN_JCC:
    case SYS_INSN_LOOP:
    case SYS_INSN_NOP:
        return false;
    default:
        return true;
    }
}
