/* The parts of the PC, for the files that make them. */
#ifndef MORTISE_HW_PC_INTERNAL_H
#define MORTISE_HW_PC_INTERNAL_H

#include "hw/acpi_tables.h"
#include "hw/irq_or.h"
#include "hw/pc.h"

struct acpi_pm;
struct boot_direct;
struct debugcon;
struct hpet;
struct i440fx;
struct ich9;
struct i8042;
struct i8254;
struct i8259;
struct ioapic;
struct lapic_set;
struct pflash;
struct piix3;
struct port92;
struct q35;
struct rtc;
struct serial;

#define PC_FLASHES 2

struct pc {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct memory_region low_ram, high_ram;
    struct memory_region firmware, firmware_low;           /* or the tables of direct boot */
    struct pflash *flash[PC_FLASHES] IMMUTABLE_AFTER_INIT; /* code, variables */
    struct i8259 *pic IMMUTABLE_AFTER_INIT;
    struct ioapic *ioapic IMMUTABLE_AFTER_INIT;
    struct lapic_set *lapics IMMUTABLE_AFTER_INIT;
    struct i440fx *host IMMUTABLE_AFTER_INIT; /* machine "pc" */
    struct piix3 *south IMMUTABLE_AFTER_INIT;
    struct q35 *mch IMMUTABLE_AFTER_INIT; /* machine "q35" */
    struct ich9 *lpc IMMUTABLE_AFTER_INIT;
    struct acpi_pm *acpi IMMUTABLE_AFTER_INIT;
    struct hpet *hpet IMMUTABLE_AFTER_INIT;
    struct i8254 *pit IMMUTABLE_AFTER_INIT;
    struct rtc *rtc IMMUTABLE_AFTER_INIT;
    bool boot_once GUARDED_BY(bql); /* it has the order for the first time only */
    struct i8042 *keyboard IMMUTABLE_AFTER_INIT;
    struct port92 *port92 IMMUTABLE_AFTER_INIT;
    struct debugcon *post IMMUTABLE_AFTER_INIT;
    struct serial *serial[4] IMMUTABLE_AFTER_INIT;
    struct irq_or serial_irq[2];                     /* of ports 0 and 2, and of 1 and 3 */
    struct boot_direct *direct IMMUTABLE_AFTER_INIT; /* NULL: firmware starts */
};

/* Each leaves what it has made in *pc, where pc_free finds it. In this order. */
NODISCARD int pc_make_memory(struct pc *pc, struct error *err) REQUIRES(bql);
NODISCARD int pc_make_interrupts(struct pc *pc, struct error *err) REQUIRES(bql);
NODISCARD int pc_make_devices(struct pc *pc, const struct pc_lines *lines, struct error *err)
    REQUIRES(bql);
NODISCARD int pc_make_cpus(struct pc *pc, struct error *err) REQUIRES(bql);
NODISCARD int pc_make_boot(struct pc *pc, struct error *err) REQUIRES(bql);

/* Firmware in memory (pc_flash.c, pc_rom.c). A piece ends at 4 GiB; its last 128 KiB are
 * at the end of the first MiB too. pc_make_flash: none if there is no drive for it. */
NODISCARD int pc_make_flash(struct pc *pc, struct error *err) REQUIRES(bql);
NODISCARD int pc_load_firmware(struct pc *pc, struct error *err) REQUIRES(bql);
void pc_map_low_firmware(struct pc *pc, struct memory_region *top, uint64_t size) REQUIRES(bql);

/* The chipset of the machine's type (pc_chipset.c). Set up: what firmware does, for
 * boot without it, after reset. */
NODISCARD int pc_make_chipset(struct pc *pc, struct error *err) REQUIRES(bql);
void pc_free_chipset(struct pc *pc) REQUIRES(bql);
void pc_set_up_chipset(struct pc *pc) REQUIRES(bql);
/* Where it has what ACPI tables tell of: now, or as it is `planned` to be. */
struct acpi_platform pc_acpi_platform(const struct pc *pc, bool planned) REQUIRES(bql);

void pc_free_devices(struct pc *pc) REQUIRES(bql);
void pc_free_cpus(struct pc *pc) REQUIRES(bql);

/* After reset: direct boot places its kernel, and sets up what firmware would. */
void pc_boot(struct pc *pc) REQUIRES(bql);

/* What firmware reads through fw_cfg (pc_firmware.c). */
NODISCARD int pc_fill_fw_cfg(struct pc *pc, struct error *err) REQUIRES(bql);

#endif
