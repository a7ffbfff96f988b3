/* The chipset: what the machines "pc" and "q35" do not have in common. */
#include "exec/cpu.h"
#include "hw/acpi_pm.h"
#include "hw/ahci.h"
#include "hw/i440fx.h"
#include "hw/ich9.h"
#include "hw/ioapic.h"
#include "hw/pc_internal.h"
#include "hw/piix3.h"
#include "hw/q35.h"
#include "x86sys/interrupt.h"

#define PM_BASE        0x600
#define PIIX_GPE_BASE  0xafe0
#define PIIX_GPE_BYTES 4
#define APM_PORT       0xb2
#define AHCI_DEVFN     PCI_DEVFN(31, 2)
#define FIRST_PIRQ     16 /* the I/O APIC's input of PIRQ A */

/* Management interrupts of a PIIX go to the first CPU: firmware for it sets up no other's. */
static void set_first_smi(void *opaque, unsigned n, bool level)
{
    const struct machine *m = opaque;
    (void)n;
    if (level) {
        sys_cpu_interrupt(m->cpus[0], SYS_INT_SMI, 0);
    }
}

/* Those of an ICH9 go to the CPU that writes to the port: its firmware looks there for
 * what is asked for, and goes on when that is done. */
static void set_own_smi(void *opaque, unsigned n, bool level)
{
    const struct machine *m = opaque;
    (void)n;
    if (level) {
        sys_cpu_interrupt(current_cpu ? current_cpu : m->cpus[0], SYS_INT_SMI, 0);
    }
}

static int make_pc(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct irq smi = {.set = set_first_smi, .opaque = pc->machine};
    int rc = i440fx_new(pc->machine, pc->lapics, &pc->host, err);
    if (rc == 0) {
        rc = piix3_new(pc->machine, smi, &pc->south, err);
    }
    if (rc == 0) {
        pc->acpi = piix3_acpi(pc->south);
    }
    return rc;
}

static int make_q35(struct pc *pc, struct error *err) REQUIRES(bql)
{
    struct ich9_lines lines = {.smi = {.set = set_own_smi, .opaque = pc->machine}};
    for (unsigned n = 0; n < PCI_PIRQS; n++) {
        lines.pirq[n] =
            (struct irq){.set = ioapic_set_irq, .opaque = pc->ioapic, .n = FIRST_PIRQ + n};
    }
    int rc = q35_new(pc->machine, pc->lapics, &pc->mch, err);
    if (rc == 0) {
        rc = ich9_new(pc->machine, &lines, &pc->lpc, err);
    }
    if (rc == 0) {
        pc->acpi = ich9_acpi(pc->lpc);
        rc = ahci_new(pc->machine->pci, AHCI_DEVFN, &pc->machine->ahci, err);
    }
    return rc;
}

int pc_make_chipset(struct pc *pc, struct error *err)
{
    return pc->machine->config.type == MACHINE_Q35 ? make_q35(pc, err) : make_pc(pc, err);
}

void pc_free_chipset(struct pc *pc)
{
    if (pc->host) {
        i440fx_free(pc->host);
    }
    if (pc->mch) {
        q35_free(pc->mch);
    }
}

void pc_set_up_chipset(struct pc *pc)
{
    if (pc->mch) {
        q35_set_up(pc->mch);
        ich9_set_up(pc->lpc, PM_BASE);
    } else {
        piix3_set_up(pc->south, PM_BASE);
    }
}

struct acpi_platform pc_acpi_platform(const struct pc *pc, bool planned)
{
    struct acpi_platform p = {.pm_base = PM_BASE,
                              .gpe_base = PIIX_GPE_BASE,
                              .gpe_bytes = PIIX_GPE_BYTES,
                              .smi_cmd = APM_PORT,
                              .acpi_enable = ACPI_PM_ENABLE,
                              .acpi_disable = ACPI_PM_DISABLE};
    if (pc->mch) {
        p.gpe_base = PM_BASE + ICH9_GPE_OFFSET;
        p.gpe_bytes = ICH9_GPE_BYTES;
        if (planned) {
            p.ecam_at = Q35_ECAM_AT;
            p.ecam_size = Q35_ECAM_SIZE;
        } else if (!q35_ecam(pc->mch, &p.ecam_at, &p.ecam_size)) {
            p.ecam_size = 0;
        }
    }
    return p;
}
