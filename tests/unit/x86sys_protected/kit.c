#include "kit.h"

#include <stdlib.h>
#include <string.h>

#include "exec/guest_ops.h"
#include "x86sys/log.h"
#include "x86sys/machine.h"
#include "x86sys/segment.h"

#define MEMORY_SIZE (2u << 20)

struct sys_cpu *kit_cpu;
int kit_apic_vector;
unsigned kit_smm_entries, kit_power_on_resets;

static uint8_t memory[MEMORY_SIZE];
static uint8_t pages[MEMORY_SIZE >> 12];

/* --- the memory interface of x86sys, on it --- */

static bool check(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    bool user = !(access & SYS_IMPLICIT) && sys_cpl(cpu) == 3;
    for (uint64_t a = linear; a < linear + size; a++) {
        uint32_t error = (access & SYS_WRITE ? 2u : 0u) | (user ? 4u : 0u);
        unsigned how = a < MEMORY_SIZE ? pages[a >> 12] : KIT_ABSENT;
        if (how & KIT_ABSENT) {
            return sys_raise_page_fault(cpu, a, error);
        }
        if ((access & SYS_WRITE && how & KIT_READ_ONLY) || (user && how & KIT_SUPERVISOR)) {
            return sys_raise_page_fault(cpu, a, error | 1);
        }
    }
    return true;
}

bool sys_mem_read(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t size, uint32_t access)
{
    if (!check(cpu, linear, size, access)) {
        return false;
    }
    memcpy(buf, memory + linear, size);
    return true;
}

bool sys_mem_write(struct sys_cpu *cpu, uint64_t linear, const void *buf, uint32_t size,
                   uint32_t access)
{
    if (!check(cpu, linear, size, access)) {
        return false;
    }
    memcpy(memory + linear, buf, size);
    return true;
}

bool sys_mem_probe(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    return check(cpu, linear, size, access);
}

void *sys_mem_host(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    struct sys_exception before = cpu->exception;
    bool good = check(cpu, linear, size, access);
    cpu->exception = before;
    return good ? memory + linear : NULL;
}

void sys_mem_host_written(struct sys_cpu *cpu, uint64_t linear, uint32_t size)
{
    (void)cpu;
    (void)linear;
    (void)size;
}

void sys_tlb_flush(struct sys_cpu *cpu)
{
    (void)cpu;
}

void sys_tlb_flush_non_global(struct sys_cpu *cpu)
{
    (void)cpu;
}

bool sys_pdpte_load(struct sys_cpu *cpu, uint64_t cr3)
{
    (void)cpu;
    return (cr3 & 0x1000) == 0;
}

void sys_log_exception(const struct sys_cpu *cpu)
{
    (void)cpu;
}

void sys_cpu_reset(struct cpu *cpu)
{
    kit_power_on_resets++;
    sys_reset_registers(sys_cpu_of(cpu), false);
}

void sys_smm_enter(struct sys_cpu *cpu)
{
    cpu->in_smm = true;
    cpu->halted = false;
    kit_smm_entries++;
}

/* --- the APIC --- */

static int apic_acknowledge(void *apic)
{
    (void)apic;
    int vector = kit_apic_vector;
    kit_apic_vector = -1;
    atomic_fetch_and(&kit_cpu->interrupt, ~(unsigned)SYS_INT_HARD);
    return vector;
}

static void apic_reset(void *apic, bool init)
{
    (void)apic;
    (void)init;
}

static const struct sys_apic_ops apic_ops = {.acknowledge = apic_acknowledge, .reset = apic_reset};

/* --- memory and tables --- */

void kit_put(uint64_t address, uint64_t value, unsigned size)
{
    memcpy(memory + address, &value, size);
}

uint64_t kit_get(uint64_t address, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, memory + address, size);
    return value;
}

void kit_page(uint64_t address, unsigned how)
{
    pages[address >> 12] = (uint8_t)how;
}

void kit_desc(unsigned selector, uint32_t base, uint32_t limit, unsigned attr)
{
    uint64_t raw = attr & SYS_SEG_G ? limit >> 12 : limit;
    raw = (raw & 0xffff) | (raw & 0xf0000) << 32;
    raw |= (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(base >> 24) << 56;
    raw |= (uint64_t)attr << 40;
    kit_put(KIT_GDT + (selector & ~7u), raw, 8);
}

void kit_system_desc_64(unsigned selector, uint64_t base, uint32_t limit, unsigned attr)
{
    kit_desc(selector, (uint32_t)base, limit, attr);
    kit_put(KIT_GDT + (selector & ~7u) + 8, base >> 32, 8);
}

void kit_gate(unsigned vector, unsigned selector, uint32_t offset, unsigned attr)
{
    kit_put(KIT_IDT + 8 * vector,
            (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)attr << 40 |
                (uint64_t)(offset >> 16) << 48,
            8);
}

void kit_gate_64(unsigned vector, unsigned selector, uint64_t offset, unsigned attr, unsigned ist)
{
    uint64_t at = KIT_IDT + 16 * vector;
    kit_put(at,
            (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)ist << 32 |
                (uint64_t)attr << 40 | (offset >> 16 & 0xffff) << 48,
            8);
    kit_put(at + 8, offset >> 32, 8);
}

enum { G_D = SYS_SEG_G | SYS_SEG_DB, DATA = 0x93, CODE = 0x9b, DPL1 = 0x20, DPL3 = 0x60 };

static void fill_gdt(void)
{
    const uint32_t all = UINT32_MAX;
    kit_desc(KIT_CODE0, 0, all, CODE | G_D);
    kit_desc(KIT_DATA0, 0, all, DATA | G_D);
    kit_desc(KIT_CODE3, 0, all, CODE | DPL3 | G_D);
    kit_desc(KIT_DATA3, 0, all, DATA | DPL3 | G_D);
    kit_desc(KIT_CODE0_64, 0, all, CODE | SYS_SEG_G | SYS_SEG_L);
    kit_desc(KIT_CODE3_64, 0, all, CODE | DPL3 | SYS_SEG_G | SYS_SEG_L);
    kit_desc(KIT_CODE0_CONF, 0, all, CODE | SYS_SEG_DOWN_CONF | G_D);
    kit_desc(KIT_DATA3_ABSENT, 0, all, (DATA & ~SYS_SEG_P) | DPL3 | G_D);
    kit_desc(KIT_CODE0_16, 0, 0xffff, CODE);
    kit_desc(KIT_DATA0_16, 0, 0xffff, DATA);
    kit_desc(KIT_TSS_SEL, KIT_TSS, 0x67, SYS_SEG_P | (unsigned)SYS_DESC_TSS32);
    kit_desc(KIT_LDT_SEL, KIT_LDT, 0xff, SYS_SEG_P | (unsigned)SYS_DESC_LDT);
    kit_desc(KIT_RODATA3, 0, all, 0x91 | DPL3 | G_D);
    kit_desc(KIT_XCODE3, 0, all, 0x99 | DPL3 | G_D);
    kit_desc(KIT_CODE1, 0, all, CODE | DPL1 | G_D);
    kit_desc(KIT_DATA1, 0, all, DATA | DPL1 | G_D);
    kit_desc(KIT_TSS2_SEL, KIT_TSS2, 0x67, SYS_SEG_P | (unsigned)SYS_DESC_TSS32);
    kit_desc(KIT_DOWN0, 0, 0xfff, DATA | SYS_SEG_DOWN_CONF | SYS_SEG_DB);
    kit_desc(KIT_CODE3_ABSENT, 0, all, (CODE & ~SYS_SEG_P) | DPL3 | G_D);
    kit_desc(KIT_CODE0_SMALL, 0, 0xfff, CODE | SYS_SEG_DB);
}

static void fill_tss(void)
{
    kit_put(KIT_TSS + 4, KIT_STACK0, 4);
    kit_put(KIT_TSS + 8, KIT_DATA0, 2);
    kit_put(KIT_TSS + 12, KIT_STACK1, 4);
    kit_put(KIT_TSS + 16, KIT_DATA1 | 1, 2);
    kit_put(KIT_TSS + 0x66, 0x68, 2);
}

static void load_hidden(enum sys_seg_reg reg, unsigned selector)
{
    struct sys_seg *s = &kit_cpu->seg[reg];
    sys_desc_parse(kit_get(KIT_GDT + (selector & ~7u), 8), s);
    s->selector = (uint16_t)selector;
}

static void base_state(void)
{
    kit_cpu->gdtr = (struct sys_seg){.base = KIT_GDT, .limit = KIT_GDT_END - 1};
    kit_cpu->idtr = (struct sys_seg){.base = KIT_IDT, .limit = 0xfff};
    kit_cpu->ldtr = (struct sys_seg){0};
    kit_cpu->tr = (struct sys_seg){.selector = KIT_TSS_SEL,
                                   .base = KIT_TSS,
                                   .limit = 0x67,
                                   .attr = SYS_SEG_P | (unsigned)SYS_DESC_TSS32_BUSY};
    kit_cpu->rip = KIT_CODE;
    kit_cpu->rflags = SYS_RF_ONE;
}

static void flat_segments(unsigned cpl, unsigned cs)
{
    static const unsigned data[] = {KIT_DATA0, KIT_DATA1, 0, KIT_DATA3};
    static const unsigned top[] = {KIT_STACK0, KIT_STACK1, 0, KIT_STACK3};
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        load_hidden((enum sys_seg_reg)i, data[cpl] | cpl);
    }
    load_hidden(SYS_CS, cs | cpl);
    /* Not at the top: deliveries to the same level show. */
    kit_cpu->gpr[X86_RSP] = top[cpl] - 0x100;
}

void kit_real(void)
{
    sys_reset_registers(kit_cpu, false);
    kit_cpu->idtr = (struct sys_seg){.limit = 0x3ff};
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        sys_seg_load_real(kit_cpu, (enum sys_seg_reg)i, 0);
    }
    kit_cpu->seg[SYS_CS].selector = KIT_CODE >> 4;
    kit_cpu->seg[SYS_CS].base = KIT_CODE;
    kit_cpu->rip = 0x100;
    kit_cpu->gpr[X86_RSP] = 0x8000;
    sys_mode_update(kit_cpu);
}

void kit_protected(unsigned cpl)
{
    static const unsigned code[] = {KIT_CODE0, KIT_CODE1, 0, KIT_CODE3};
    sys_reset_registers(kit_cpu, false);
    base_state();
    kit_cpu->cr0 |= SYS_CR0_PE;
    flat_segments(cpl, code[cpl]);
    sys_mode_update(kit_cpu);
}

void kit_vm86(unsigned iopl)
{
    kit_protected(3);
    kit_cpu->rflags |= SYS_RF_VM;
    kit_cpu->rflags |= (uint64_t)iopl << SYS_RF_IOPL_SHIFT;
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        sys_seg_load_real(kit_cpu, (enum sys_seg_reg)i, (uint16_t)(0x3000 + i));
    }
    sys_seg_load_real(kit_cpu, SYS_CS, KIT_CODE >> 4);
    sys_seg_load_real(kit_cpu, SYS_SS, 0);
    kit_cpu->rip = 0x100;
    kit_cpu->gpr[X86_RSP] = KIT_STACK3;
    sys_mode_update(kit_cpu);
}

void kit_long(unsigned cpl, bool code64)
{
    sys_reset_registers(kit_cpu, false);
    base_state();
    kit_cpu->cr0 |= SYS_CR0_PE | SYS_CR0_PG;
    kit_cpu->cr4 |= SYS_CR4_PAE;
    kit_cpu->efer = SYS_EFER_SCE | SYS_EFER_LME | SYS_EFER_LMA | SYS_EFER_NXE;
    kit_system_desc_64(KIT_TSS_SEL, KIT_TSS, 0x67, SYS_SEG_P | (unsigned)SYS_DESC_TSS32);
    flat_segments(cpl, cpl == 3 ? (code64 ? KIT_CODE3_64 : KIT_CODE3)
                                : (code64 ? KIT_CODE0_64 : KIT_CODE0));
    kit_put(KIT_TSS + 4, KIT_STACK0, 8);
    kit_put(KIT_TSS + 12, KIT_STACK1, 8);
    kit_put(KIT_TSS + 0x24, KIT_IST1, 8);
    sys_mode_update(kit_cpu);
}

struct sys_insn kit_insn(void)
{
    uint32_t m = kit_cpu->mode;
    uint8_t size = m & SYS_MODE_CODE64 ? 8 : m & SYS_MODE_CODE32 ? 4 : 2;
    return (struct sys_insn){.ip = kit_cpu->rip,
                             .linear = kit_cpu->seg[SYS_CS].base + kit_cpu->rip,
                             .len = 2,
                             .code_size = size,
                             .op_size = size == 8 ? 4 : size,
                             .addr_size = size,
                             .base = 0xff,
                             .index = 0xff,
                             .seg = SYS_DS};
}

struct sys_insn kit_insn_mem(uint64_t address)
{
    struct sys_insn in = kit_insn();
    in.has_mem = true;
    in.has_modrm = true;
    in.disp = (int64_t)address;
    return in;
}

void kit_assert_exception(enum sys_result r, uint8_t vector, uint32_t error)
{
    assert_int_equal(r, SYS_EXCEPTION);
    assert_int_equal(kit_cpu->exception.vector, vector);
    assert_int_equal(kit_cpu->exception.error, error);
    kit_cpu->exception = (struct sys_exception){.vector = SYS_NO_EXCEPTION};
}

void kit_deliver(uint8_t vector, int error)
{
    kit_cpu->exception = (struct sys_exception){
        .vector = vector, .has_error = error >= 0, .error = error >= 0 ? (uint32_t)error : 0};
    assert_true(sys_deliver_exception(kit_cpu));
    assert_int_equal(kit_cpu->exception.vector, SYS_NO_EXCEPTION);
}

void kit_vendor(enum sys_vendor vendor)
{
    static const struct sys_cpu_model models[] = {
        [SYS_VENDOR_AMD] = {.vendor = SYS_VENDOR_AMD},
        [SYS_VENDOR_INTEL] = {.vendor = SYS_VENDOR_INTEL},
    };
    kit_cpu->model = &models[vendor];
}

int kit_setup(void **state)
{
    (void)state;
    memset(memory, 0, sizeof(memory));
    memset(pages, 0, sizeof(pages));
    kit_cpu = calloc(1, sizeof(*kit_cpu));
    assert_non_null(kit_cpu);
    kit_cpu->apic_ops = &apic_ops;
    kit_vendor(SYS_VENDOR_AMD);
    kit_apic_vector = -1;
    kit_smm_entries = 0;
    kit_power_on_resets = 0;
    fill_gdt();
    fill_tss();
    kit_protected(0);
    return 0;
}

int kit_teardown(void **state)
{
    (void)state;
    free(kit_cpu);
    kit_cpu = NULL;
    return 0;
}
