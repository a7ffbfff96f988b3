#include "bare.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "exec/cpu.h"
#include "exec/exclusive.h"
#include "exec/memory.h"
#include "x86sys/emulate.h"

enum {
    IDT = 0x9000,
    GDT = 0xa000,
    TSS = 0xb000,
    PAGES = 0xc00000, /* PML4, PDPT, PD, then one page table per 2 MiB */
    IST1 = 0x70000,
    TABLES = 17, /* 2 MiB each: RAM and the device behind it */
};

struct sys_cpu *bare_cpu;
uint8_t *bare_ram;
struct bare_io bare_io;
atomic_int bare_vector = -1;

static struct memory_region root, ram, device;
static struct address_space *space, *ports;
static struct memory_region port_root;

/* --- the device and the APIC --- */

static enum memory_result io_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    bare_io.reads++;
    if (bare_io.touched) {
        bare_io.touched(false);
    }
    *value = bare_io.value;
    return MEMORY_OK;
}

static enum memory_result io_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    bare_io.writes++;
    if (bare_io.touched) {
        bare_io.touched(true);
    }
    bare_io.value = value;
    return MEMORY_OK;
}

static const struct memory_ops io_ops = {.read = io_read, .write = io_write};

static int acknowledge(void *apic)
{
    (void)apic;
    atomic_fetch_and(&bare_cpu->interrupt, ~(unsigned)SYS_INT_HARD);
    return atomic_exchange(&bare_vector, -1);
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

/* --- set-up --- */

static int make_memory(struct error *err)
{
    bql_lock();
    memory_region_init(&root, "root", UINT64_MAX);
    memory_region_init(&port_root, "ports", 65536);
    memory_region_init_io(&device, &io_ops, NULL, "device", 4096);
    int r = memory_region_init_ram(&ram, "ram", BARE_RAM_SIZE, err);
    if (r == 0) {
        memory_region_add(&root, 0, &ram, 0);
        memory_region_add(&root, BARE_IO, &device, 0);
        r = address_space_new(&space, "memory", &root, err);
    }
    if (r == 0) {
        r = address_space_new(&ports, "ports", &port_root, err);
    }
    if (r == 0) {
        bare_ram = memory_region_host(&ram);
    }
    bql_unlock();
    return r;
}

static int start_log(struct error *err)
{
    const char *what = getenv("MORTISE_TEST_LOG"); /* as the -d option */
    unsigned mask = 0;
    bool help = false;
    int r = log_parse(what ? what : "", &mask, &help, err);
    return r < 0 || !what ? 0 : log_start(mask, NULL, err);
}

int bare_setup(void **state)
{
    struct error err = {0};
    struct cpu *cpu = NULL;
    const struct sys_engine_config engine = {.cache_size = 8 << 20};
    (void)state;
    int r = start_log(&err);
    if (r == 0) {
        r = make_memory(&err);
    }
    if (r == 0) {
        r = sys_engine_init(&engine, &err);
    }
    if (r == 0) {
        const struct sys_cpu_config cfg = {.model = "max,+monitor",
                                           .bsp = true,
                                           .memory = space,
                                           .io = ports,
                                           .apic = &bare_io,
                                           .apic_ops = &apic_ops};
        bql_lock(); /* listeners */
        r = sys_cpu_new(&cfg, &cpu, &err);
        bql_unlock();
    }
    if (r < 0) {
        print_error("%s\n", err.text);
        return r;
    }
    bare_cpu = sys_cpu_of(cpu);
    sys_cpu_attach(cpu);
    return 0;
}

int bare_teardown(void **state)
{
    (void)state;
    sys_cpu_free(&bare_cpu->cpu);
    return 0;
}

static void put(uint64_t address, uint64_t value, unsigned size)
{
    memcpy(bare_ram + address, &value, size);
}

static void make_tables(void)
{
    put(GDT + 0x08, 0x00209b0000000000, 8); /* 64-bit code */
    put(GDT + 0x10, 0x00cf93000000ffff, 8); /* data */
    put(GDT + 0x18, 0x00cf9b000000ffff, 8); /* 32-bit code */
    put(TSS + 36, IST1, 8);
    put(PAGES, (PAGES + 0x1000) | 7, 8);
    put(PAGES + 0x1000, (PAGES + 0x2000) | 7, 8);
    for (unsigned t = 0; t < TABLES; t++) {
        uint64_t table = PAGES + 0x3000 + 0x1000 * t;
        put(PAGES + 0x2000 + 8 * t, table | 7, 8);
        for (unsigned i = 0; i < 512; i++) {
            uint64_t page = ((uint64_t)t * 512 + i) << 12;
            uint64_t bits = page == BARE_ABSENT ? 6 : page == BARE_READ_ONLY ? 5 : 7;
            put(table + 8 * i, page | bits, 8);
        }
    }
}

/* By giving its pages back: few of them have been touched, and a sanitizer's memset of
 * them all is what most of a test's time would go into. */
static void clear_memory(void)
{
    if (madvise(bare_ram, BARE_RAM_SIZE, MADV_DONTNEED) != 0) {
        fail_msg("madvise: %s", strerror(errno));
    }
}

void bare_load_bytes(const uint8_t *bytes, size_t size)
{
    bql_lock();
    clear_memory();
    make_tables();
    memcpy(bare_ram + BARE_LOAD, bytes, size);
    memory_ram_written(0, BARE_RAM_SIZE);
    bql_unlock();
    bare_io = (struct bare_io){0};
    atomic_store(&bare_vector, -1);
    sys_cpu_reset(&bare_cpu->cpu);
}

void bare_load(const char *name)
{
    static uint8_t buf[64 << 10];
    char path[1024];
    (void)snprintf(path, sizeof(path), "%s/%s.bin", PAYLOADS, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        fail_msg("%s: %s", path, strerror(errno));
        return;
    }
    size_t n = fread(buf, 1, sizeof(buf), f);
    (void)fclose(f);
    bare_load_bytes(buf, n);
}

void bare_start_real(void)
{
    struct sys_cpu *cpu = bare_cpu;
    for (unsigned i = 0; i < SYS_SEGS; i++) {
        cpu->seg[i].selector = 0;
        cpu->seg[i].base = 0;
    }
    cpu->seg[SYS_CS].selector = BARE_LOAD >> 4;
    cpu->seg[SYS_CS].base = BARE_LOAD;
    cpu->rip = 0;
    sys_mode_update(cpu);
}

static void start_cpu(struct sys_cpu *cpu, bool long_mode)
{
    const struct sys_boot_state s = {.long_mode = long_mode,
                                     .rip = BARE_LOAD,
                                     .rsp = BARE_STACK,
                                     .cr3 = PAGES,
                                     .gdt_base = GDT,
                                     .gdt_limit = 0x1f,
                                     .cs = long_mode ? 0x08 : 0x18,
                                     .ds = 0x10};
    sys_cpu_set_boot_state(&cpu->cpu, &s);
    cpu->cr0 |= SYS_CR0_WP;
    cpu->cr4 |= SYS_CR4_OSFXSR | SYS_CR4_OSXMMEXCPT;
    cpu->tr = (struct sys_seg){.base = TSS, .limit = 0x67, .selector = 0x20, .attr = 0x8b};
    sys_mode_update(cpu);
}

void bare_start_32(void)
{
    start_cpu(bare_cpu, false);
}

void bare_start_64(void)
{
    start_cpu(bare_cpu, true);
}

void bare_start_64_on(struct sys_cpu *cpu)
{
    start_cpu(cpu, true);
}

void bare_map(uint64_t linear, uint64_t phys, uint64_t bits)
{
    put(PAGES + 0x3000 + 0x1000 * (linear >> 21) + 8 * (linear >> 12 & 511), phys | bits, 8);
}

void bare_set_handler(struct sys_cpu *cpu, unsigned vector, uint64_t handler)
{
    put(IDT + 16ULL * vector,
        (handler & 0xffff) | 0x08 << 16 | 0x8e00ULL << 32 | (handler & 0xffff0000) << 32, 8);
    put(IDT + 16ULL * vector + 8, handler >> 32, 8);
    cpu->idtr.base = IDT;
    cpu->idtr.limit = 16 * 256 - 1;
}

struct sys_cpu *bare_new_cpu(void)
{
    struct error err = {0};
    struct cpu *cpu = NULL;
    const struct sys_cpu_config cfg = {.apic_id = 1, .bsp = true, .memory = space, .io = ports};
    bql_lock();
    int r = sys_cpu_new(&cfg, &cpu, &err);
    bql_unlock();
    if (r < 0) {
        fail_msg("%s", err.text);
        return NULL;
    }
    return sys_cpu_of(cpu);
}

void bare_run_on(struct sys_cpu *cpu)
{
    for (;;) {
        switch (sys_cpu_exec(&cpu->cpu)) {
        case SYS_EXIT_HALTED:
            if (!(cpu->rflags & X86_IF)) {
                return;
            }
            cpu_halt_wait(&cpu->cpu);
            break;
        case SYS_EXIT_SHUTDOWN:
            sys_cpu_dump(&cpu->cpu, stderr);
            fail_msg("triple fault at 0x%llx", (unsigned long long)cpu->rip);
            return;
        default:
            break;
        }
    }
}

void bare_run(void)
{
    bare_run_on(bare_cpu);
}

uint64_t bare_reg(enum x86_reg reg)
{
    return bare_cpu->gpr[reg];
}

uint64_t bare_read(uint64_t address, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, bare_ram + address, size);
    return value;
}
