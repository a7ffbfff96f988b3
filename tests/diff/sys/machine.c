#include "machine.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "diff.h"
#include "exec/memory.h"
#include "x86sys/machine.h"

#define LIMIT_SECONDS 2 /* of CPU time; the host's own runs end after milliseconds */
#define RAM_SIZE      (16u << 20)
#define KERNEL_BASE   0xffff800000000000u /* all of RAM, for the supervisor */
enum {
    GDT = 0x1000,
    IDT = 0x2000,
    TSS = 0x3000,
    STACK = 0x6000,
    HANDLERS = 0x7000,
    HANDLER_SIZE = 16,
    TABLES = 0x10000,
    FREE = 0x200000,
};

struct sys_cpu *machine_cpu;

static uint8_t *ram;
static uint64_t next_table = TABLES, next_free = FREE;
static struct memory_region root, ram_region, port_root;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "diff_sys_test: %s\n", what);
    exit(2);
}

static void put(uint64_t at, uint64_t value)
{
    memcpy(ram + at, &value, 8);
}

static uint64_t get(uint64_t at)
{
    uint64_t value;
    memcpy(&value, ram + at, 8);
    return value;
}

/* --- page tables --- */

static uint64_t new_table(void)
{
    uint64_t t = next_table;
    next_table += PAGE;
    if (next_table > FREE) {
        die("too many page tables");
    }
    return t;
}

static void map_page(uint64_t linear, uint64_t phys, uint64_t flags)
{
    uint64_t table = TABLES;
    for (unsigned level = 3; level > 0; level--) {
        uint64_t at = table + 8 * (linear >> (12 + 9 * level) & 511);
        if (!get(at)) {
            put(at, new_table() | MACHINE_PRESENT | MACHINE_WRITABLE | MACHINE_USER);
        }
        table = get(at) & ~(uint64_t)(PAGE - 1);
    }
    put(table + 8 * (linear >> 12 & 511), phys | flags | MACHINE_PRESENT);
}

uint8_t *machine_map(uint64_t linear, size_t size, uint64_t flags)
{
    uint64_t phys = next_free;
    next_free += size;
    if (next_free > RAM_SIZE) {
        die("the machine's memory is too small");
    }
    for (size_t off = 0; off < size; off += PAGE) {
        map_page(linear + off, phys + off, flags);
    }
    return ram + phys;
}

void machine_written(const uint8_t *host, size_t size)
{
    bql_lock();
    memory_ram_written((uint64_t)(host - ram), size); /* RAM begins at RAM address 0 */
    bql_unlock();
}

/* --- set-up --- */

static int acknowledge(void *apic)
{
    (void)apic;
    return -1;
}

static uint64_t get_base(void *apic)
{
    (void)apic;
    return 0xfee00900;
}

static void apic_reset(void *apic, bool init)
{
    (void)apic;
    (void)init;
}

static const struct sys_apic_ops apic_ops = {
    .acknowledge = acknowledge, .get_base = get_base, .reset = apic_reset};

static void make_gates(void)
{
    for (unsigned i = 0; i < MACHINE_VECTORS; i++) {
        uint64_t handler = KERNEL_BASE + HANDLERS + i * HANDLER_SIZE;
        uint64_t type = i == SYS_BP || i == SYS_OF ? 0xee00 : 0x8e00;
        put(IDT + 16 * i,
            (handler & 0xffff) | 0x10u << 16 | type << 32 | (handler >> 16 & 0xffff) << 48);
        put(IDT + 16 * i + 8, handler >> 32);
    }
    memset(ram + HANDLERS, 0xf4, PAGE); /* HLT */
}

static void make_tables(void)
{
    next_table = TABLES + PAGE;
    for (uint64_t page = 0; page < TABLES; page += PAGE) {
        map_page(KERNEL_BASE + page, page, MACHINE_WRITABLE);
    }
    put(GDT + 0x10, 0x00af9b000000ffff); /* kernel code */
    put(GDT + 0x18, 0x00cf93000000ffff); /* kernel data */
    put(GDT + 0x20, 0x00cffb000000ffff); /* user code, 32 bits */
    put(GDT + 0x28, 0x00cff3000000ffff); /* user data */
    put(GDT + 0x30, 0x00affb000000ffff); /* user code */
    put(GDT + 0x78, 0x0040f50000000000); /* the number of the CPU, as Linux has it */
    put(TSS + 4, KERNEL_BASE + STACK);
    put(TSS + 0x60, (uint64_t)0x68 << 48); /* no I/O permissions */
    make_gates();
}

static int make_machine(struct error *err) REQUIRES(bql)
{
    struct address_space *space, *ports;
    struct cpu *cpu;
    memory_region_init(&root, "root", UINT64_MAX);
    memory_region_init(&port_root, "ports", 65536);
    int r = memory_region_init_ram(&ram_region, "ram", RAM_SIZE, err);
    if (r == 0) {
        memory_region_add(&root, 0, &ram_region, 0);
        ram = memory_region_host(&ram_region);
        r = address_space_new(&space, "memory", &root, err);
    }
    if (r == 0) {
        r = address_space_new(&ports, "ports", &port_root, err);
    }
    if (r == 0) {
        const struct sys_cpu_config cfg = {.bsp = true,
                                           .memory = space,
                                           .io = ports,
                                           .apic = (void *)(uintptr_t)&apic_ops,
                                           .apic_ops = &apic_ops};
        r = sys_cpu_new(&cfg, &cpu, err);
    }
    if (r == 0) {
        machine_cpu = sys_cpu_of(cpu);
    }
    return r;
}

void machine_init(size_t cache_size, bool one_insn_per_tb)
{
    const struct sys_engine_config engine = {.cache_size = cache_size,
                                             .one_insn_per_tb = one_insn_per_tb};
    struct error err = {0};
    int r = sys_engine_init(&engine, &err);
    if (r == 0) {
        bql_lock();
        r = make_machine(&err);
        bql_unlock();
    }
    if (r < 0) {
        die(err.text);
    }
    make_tables();
    sys_cpu_attach(&machine_cpu->cpu);
}

static struct sys_seg flat(uint16_t selector, unsigned attr)
{
    return (struct sys_seg){.limit = UINT32_MAX,
                            .selector = selector,
                            .attr = (uint16_t)(attr | SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW |
                                               SYS_SEG_ACCESSED | SYS_SEG_G | SYS_SEG_DPL)};
}

void machine_reset(bool mode64)
{
    struct sys_cpu *cpu = machine_cpu;
    struct sys_seg data = flat(MACHINE_DS, SYS_SEG_DB);
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i] = mode64 ? (struct sys_seg){0} : data;
    }
    cpu->seg[SYS_SS] = data;
    cpu->seg[SYS_CS] = mode64 ? flat(MACHINE_CS, SYS_SEG_CODE | SYS_SEG_L)
                              : flat(MACHINE_CS32, SYS_SEG_CODE | SYS_SEG_DB);
    cpu->gdtr = (struct sys_seg){.base = KERNEL_BASE + GDT, .limit = 0x7f};
    cpu->idtr = (struct sys_seg){.base = KERNEL_BASE + IDT, .limit = 16 * MACHINE_VECTORS - 1};
    cpu->ldtr = (struct sys_seg){0};
    cpu->tr =
        (struct sys_seg){.base = KERNEL_BASE + TSS, .limit = 0x67, .selector = 0x40, .attr = 0x8b};
    cpu->cr0 = SYS_CR0_PE | SYS_CR0_MP | SYS_CR0_ET | SYS_CR0_NE | SYS_CR0_WP | SYS_CR0_PG;
    cpu->cr3 = TABLES;
    cpu->cr4 =
        SYS_CR4_PAE | SYS_CR4_OSFXSR | SYS_CR4_OSXMMEXCPT | SYS_CR4_OSXSAVE | SYS_CR4_FSGSBASE;
    cpu->efer = SYS_EFER_SCE | SYS_EFER_LME | SYS_EFER_LMA | SYS_EFER_NXE;
    cpu->xcr0 = xsave_mask();
    cpu->star = (uint64_t)0x10 << 32 | (uint64_t)0x23 << 48;
    cpu->lstar = cpu->cstar = KERNEL_BASE + HANDLERS + MACHINE_SYSCALL * HANDLER_SIZE;
    cpu->sfmask = X86_IF;
    cpu->halted = false;
    cpu->shadow = false;
    sys_mode_update(cpu);
}

static bool has_error(unsigned vector)
{
    return vector == SYS_DF || (vector >= SYS_TS && vector <= SYS_PF) || vector == SYS_AC ||
           vector == SYS_CP;
}

static volatile sig_atomic_t timed_out;

static void on_alarm(int sig)
{
    (void)sig;
    timed_out = 1;
    cpu_kick(&machine_cpu->cpu, CPU_EXIT_STOP);
}

static void set_alarm(unsigned seconds)
{
    const struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_ONSTACK | SA_RESTART};
    if (sigaction(SIGPROF, &action, NULL) < 0 || setitimer(ITIMER_PROF, &limit, NULL) < 0) {
        die("no timer");
    }
}

void machine_run(struct machine_end *end)
{
    struct sys_cpu *cpu = machine_cpu;
    enum sys_exit why;
    timed_out = 0;
    set_alarm(LIMIT_SECONDS);
    do {
        why = sys_cpu_exec(&cpu->cpu);
    } while (why == SYS_EXIT_REQUEST && !timed_out);
    set_alarm(0);
    if (timed_out) {
        atomic_fetch_and(&cpu->cpu.exit_request, ~(unsigned)CPU_EXIT_STOP);
        *end = (struct machine_end){.vector = MACHINE_TIMEOUT};
        return;
    }
    if (why == SYS_EXIT_SHUTDOWN) {
        sys_cpu_dump(&cpu->cpu, stderr);
        die("triple fault");
    }
    *end = (struct machine_end){
        .vector = (unsigned)(cpu->rip - KERNEL_BASE - HANDLERS) / HANDLER_SIZE, .cr2 = cpu->cr2};
    if (end->vector == MACHINE_SYSCALL) {
        return;
    }
    uint64_t frame = cpu->gpr[X86_RSP] - KERNEL_BASE;
    if (has_error(end->vector)) {
        end->error = get(frame);
        frame += 8;
    }
    end->rip = get(frame);
    end->rflags = get(frame + 16);
    end->rsp = get(frame + 24);
}
