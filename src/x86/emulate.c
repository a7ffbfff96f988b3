/* The few user-level instructions whose result must not be the host's: what
 * CPUID tells, the segment bases, control transfers that load CS. They are
 * decoded once more here, since they are rare.
 *
 * A 64-bit Linux process has one code segment, 0x33, and the null selector or
 * 0x2b in its data segments; anything else faults as there. */
#include "x86/emulate.h"

#include <Zydis/Zydis.h>

#include "base/log.h"
#include "exec/guest_ops.h"
#include "locks/mmap_lock.h"
#include "x86/host.h"
#include "x86/host_asm.h"
#include "x86/insn.h"

#define USER_DS 0x2b

static void set32(struct x86_cpu *cpu, enum x86_reg r, uint32_t v)
{
    cpu->gpr[r] = v;
}

static void do_cpuid(struct x86_cpu *cpu)
{
    struct x86_cpuid r = x86_guest_cpuid((uint32_t)cpu->gpr[X86_RAX], (uint32_t)cpu->gpr[X86_RCX]);
    set32(cpu, X86_RAX, r.eax);
    set32(cpu, X86_RBX, r.ebx);
    set32(cpu, X86_RCX, r.ecx);
    set32(cpu, X86_RDX, r.edx);
}

static bool do_xgetbv(struct x86_cpu *cpu)
{
    uint32_t index = (uint32_t)cpu->gpr[X86_RCX];
    bool xinuse = x86_host_cpuid(0xd, 1).eax & 4;
    if (index > 1 || (index == 1 && !xinuse)) {
        return false;
    }
    uint64_t v = x86_host.xcr0;
    if (index == 1) {
        /* the state is in memory: what its header calls in use */
        const uint64_t *header = (const uint64_t *)cpu->xsave + 512 / 8;
        v &= header[0];
    }
    set32(cpu, X86_RAX, (uint32_t)v);
    set32(cpu, X86_RDX, (uint32_t)(v >> 32));
    return true;
}

static bool canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

static bool segment_base(struct x86_cpu *cpu, const ZydisDecodedInstruction *zi,
                         const ZydisDecodedOperand *op)
{
    bool gs = zi->mnemonic == ZYDIS_MNEMONIC_RDGSBASE || zi->mnemonic == ZYDIS_MNEMONIC_WRGSBASE;
    bool write = zi->mnemonic == ZYDIS_MNEMONIC_WRFSBASE || zi->mnemonic == ZYDIS_MNEMONIC_WRGSBASE;
    uint64_t *base = gs ? &cpu->gs_base : &cpu->fs_base;
    ZydisRegister full =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value);
    uint64_t *reg = &cpu->gpr[full - ZYDIS_REGISTER_RAX];
    uint64_t mask = zi->operand_width == 64 ? UINT64_MAX : UINT32_MAX;
    if (!write) {
        *reg = *base & mask;
        return true;
    }
    if (!canonical(*reg & mask)) {
        return false;
    }
    *base = *reg & mask;
    return true;
}

/* MOV FS/GS from a register: the null selector and the flat one clear the base. */
static bool load_selector(struct x86_cpu *cpu, const ZydisDecodedInstruction *zi,
                          const ZydisDecodedOperand *ops)
{
    if (zi->mnemonic != ZYDIS_MNEMONIC_MOV || ops[1].type != ZYDIS_OPERAND_TYPE_REGISTER) {
        return false;
    }
    ZydisRegister full =
        ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, ops[1].reg.value);
    uint16_t selector = (uint16_t)cpu->gpr[full - ZYDIS_REGISTER_RAX];
    if (selector > 3 && selector != USER_DS) {
        return false;
    }
    if (ops[0].reg.value == ZYDIS_REGISTER_FS) {
        cpu->fs_base = 0;
    } else {
        cpu->gs_base = 0;
    }
    return true;
}

/* No transactional memory: XBEGIN aborts at once and goes to its fallback. */
static void do_xbegin(struct x86_cpu *cpu, const ZydisDecodedInstruction *zi)
{
    set32(cpu, X86_RAX, 0);
    cpu->rip += (uint64_t)zi->raw.imm[0].value.s;
}

static size_t fetch(uint64_t pc, uint8_t bytes[15])
{
    mmap_lock();
    size_t n = code_source->fetch(pc, bytes, 15);
    mmap_unlock();
    return n;
}

bool x86_emulate(struct x86_cpu *cpu, enum x86_exit *result)
{
    uint8_t bytes[15];
    ZydisDecoder decoder;
    ZydisDecodedInstruction zi;
    ZydisDecodedOperand ops[ZYDIS_MAX_OPERAND_COUNT];
    bool ok = false;

    size_t n = fetch(cpu->rip, bytes);
    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, n, &zi, ops))) {
        return true; /* the code has changed: run what is there now */
    }
    *result = X86_EXIT_PRIVILEGED;
    switch (zi.mnemonic) {
    case ZYDIS_MNEMONIC_CPUID:
        do_cpuid(cpu);
        ok = true;
        break;
    case ZYDIS_MNEMONIC_XGETBV:
        ok = do_xgetbv(cpu);
        break;
    case ZYDIS_MNEMONIC_RDFSBASE:
    case ZYDIS_MNEMONIC_RDGSBASE:
    case ZYDIS_MNEMONIC_WRFSBASE:
    case ZYDIS_MNEMONIC_WRGSBASE:
        ok = segment_base(cpu, &zi, &ops[0]);
        break;
    case ZYDIS_MNEMONIC_XBEGIN:
        do_xbegin(cpu, &zi);
        ok = true;
        break;
    default:
        ok = load_selector(cpu, &zi, ops);
        if (!ok && log_on(LOG_UNIMP)) {
            log_printf("unimplemented: %s at 0x%llx\n", ZydisMnemonicGetString(zi.mnemonic),
                       (unsigned long long)cpu->rip);
        }
    }
    if (ok) {
        cpu->rip += zi.length;
    }
    return ok;
}

void x86_log_registers(const struct x86_cpu *cpu)
{
    static const char *const names[X86_GPRS] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP",
                                                "RSI", "RDI", "R8 ", "R9 ", "R10", "R11",
                                                "R12", "R13", "R14", "R15"};
    const uint64_t *g = cpu->gpr;
    for (unsigned i = 0; i < X86_GPRS; i += 4) {
        log_printf("%s=%016llx %s=%016llx %s=%016llx %s=%016llx\n", names[i],
                   (unsigned long long)g[i], names[i + 1], (unsigned long long)g[i + 1],
                   names[i + 2], (unsigned long long)g[i + 2], names[i + 3],
                   (unsigned long long)g[i + 3]);
    }
    log_printf("RIP=%016llx RFL=%08llx FS=%016llx GS=%016llx\n", (unsigned long long)cpu->rip,
               (unsigned long long)cpu->rflags, (unsigned long long)cpu->fs_base,
               (unsigned long long)cpu->gs_base);
}
