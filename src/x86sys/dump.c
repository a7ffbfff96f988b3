/* A vCPU's registers as text, and a look into its memory: for the monitor and logs.
 * The vCPU is stopped, or it is its own thread that asks. */
#include <inttypes.h>

#include "x86sys/machine.h"
#include "x86sys/operand.h"
#include "x86sys/state.h"
#include "x86sys/vector.h"

#define PAGE 4096u

static const char *const gpr_names[X86_GPRS] = {"RAX", "RCX", "RDX", "RBX", "RSP", "RBP",
                                                "RSI", "RDI", "R8 ", "R9 ", "R10", "R11",
                                                "R12", "R13", "R14", "R15"};
static const char *const seg_names[SYS_SEGS] = {"ES", "CS", "SS", "DS", "FS", "GS"};

static void dump_seg(FILE *out, const char *name, const struct sys_seg *s)
{
    fprintf(out, "%s=%04x %016" PRIx64 " %08" PRIx32 " %05x\n", name, s->selector, s->base,
            s->limit, (unsigned)(s->attr & 0xff) | (unsigned)(s->attr & 0xf000));
}

static const char *mode_name(const struct sys_cpu *cpu)
{
    if (cpu->mode & SYS_MODE_CODE64) {
        return "64-bit";
    }
    if (!(cpu->mode & SYS_MODE_PE)) {
        return "real";
    }
    if (cpu->mode & SYS_MODE_VM) {
        return "virtual-8086";
    }
    return cpu->mode & SYS_MODE_CODE32 ? "32-bit" : "16-bit";
}

static void dump_gprs(const struct sys_cpu *cpu, FILE *out)
{
    for (unsigned i = 0; i < X86_GPRS; i++) {
        fprintf(out, "%s=%016" PRIx64 "%c", gpr_names[i], cpu->gpr[i], i % 4 == 3 ? '\n' : ' ');
    }
    fprintf(out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CPL=%u %s%s%s\n", cpu->rip, cpu->rflags,
            sys_cpl(cpu), mode_name(cpu), cpu->in_smm ? " SMM" : "", cpu->halted ? " halted" : "");
}

void sys_cpu_dump(struct cpu *c, FILE *out)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    sys_vec_save(cpu);
    dump_gprs(cpu, out);
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        dump_seg(out, seg_names[i], &cpu->seg[i]);
    }
    dump_seg(out, "LT", &cpu->ldtr);
    dump_seg(out, "TR", &cpu->tr);
    fprintf(out, "GDT=     %016" PRIx64 " %08" PRIx32 "\n", cpu->gdtr.base, cpu->gdtr.limit);
    fprintf(out, "IDT=     %016" PRIx64 " %08" PRIx32 "\n", cpu->idtr.base, cpu->idtr.limit);
    fprintf(out,
            "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64
            " EFER=%08" PRIx64 "\n",
            cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4, cpu->efer);
    fprintf(out, "DR6=%016" PRIx64 " DR7=%016" PRIx64 " XCR0=%" PRIx64 " PKRU=%08" PRIx32 "\n",
            cpu->dr[6], cpu->dr[7], cpu->xcr0, cpu->pkru);
    fprintf(out, "interrupts pending: %x; shadow %d, NMI blocked %d\n",
            atomic_load_explicit(&cpu->interrupt, memory_order_relaxed), cpu->shadow,
            cpu->nmi_blocked);
}

size_t sys_cpu_peek(struct cpu *c, uint64_t linear, void *buf, size_t len)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    size_t done = 0;
    while (done < len) {
        uint64_t at = linear + done, phys;
        size_t n = PAGE - at % PAGE;
        n = n < len - done ? n : len - done;
        if (!sys_walk_peek(cpu, at, &phys) ||
            !sys_phys_read(cpu, phys, (char *)buf + done, (uint32_t)n)) {
            break;
        }
        done += n;
    }
    return done;
}
