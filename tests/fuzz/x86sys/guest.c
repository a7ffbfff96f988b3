#include "x86sys/guest.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "exec/exclusive.h"
#include "exec/memory.h"
#include "x86/host.h"
#include "x86sys/emulate.h"
#include "x86sys/machine.h"
#include "x86sys/vector.h"

enum {
    IDT64 = 0x1000,
    IDT32 = 0x2000,
    GDT = 0x3000,
    TSS = 0x3800, /* the bitmap behind it lets all ports through */
    TSS_LIMIT = 0x67 + 0x2001,
    PAGES = 0x6000, /* PML4, PDPT, PD of 2 MiB pages */
    HANDLER = 0x9000,
    STACK = 0x9f00,
    KERNEL_STACK = 0x8f00,
    CACHE_SIZE = 8 << 20,
    SLICE_US = 4000,
    ROUNDS = 64,
};

/* Offsets in the GDT; those for CPL 3 follow from the table below. */
enum { CODE64 = 0x08, DATA = 0x10, CODE32 = 0x18, TASK = 0x20, CODE16 = 0x48, DATA16 = 0x50 };
enum { USER_CODE64 = 0x30, USER_DATA = 0x38, USER_CODE32 = 0x40, USER_CODE16 = 0x58 };
enum { USER_DATA16 = 0x60, CALL_GATE = 0x68, GDT_LIMIT = 0x77 };

static const uint64_t gdt[] = {
    0,
    0x00209b0000000000,
    0x00cf93000000ffff,
    0x00cf9b000000ffff,
    0x00008b0000000000 | (uint64_t)TSS << 16 | TSS_LIMIT,
    0,
    0x0020fb0000000000,
    0x00cff3000000ffff,
    0x00cffb000000ffff,
    0x00009b000000ffff,
    0x000093000000ffff,
    0x0000fb000000ffff,
    0x0000f3000000ffff,
    0x0000ec0000000000 | CODE64 << 16 | HANDLER,
    0,
};

/* Bits of guest_start.control. */
enum {
    ON_TS = 1 << 0,
    ON_EM = 1 << 1,
    ON_MP = 1 << 2,
    ON_ALIGN = 1 << 3,
    ON_SSE = 1 << 4,
    ON_AVX = 1 << 5,
    ON_VME = 1 << 6,
    ON_TSD = 1 << 7,
    ON_UMIP = 1 << 8,
    ON_SMAP = 1 << 9,
    ON_TF = 1 << 10,
    ON_IOPL = 1 << 11,
    ON_IF = 1 << 12,
    ON_DF = 1 << 13,
    ON_BREAK = 1 << 14,
    ON_WP = 1 << 15,
};

struct sys_cpu *guest_cpu;
uint8_t *guest_ram;

static struct memory_region root, ram, device, port_root, port;
static volatile sig_atomic_t time_is_up;

static enum memory_result device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)opaque;
    (void)size;
    *value = offset;
    return MEMORY_OK;
}

static enum memory_result device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static const struct memory_ops device_ops = {.read = device_read, .write = device_write};

static void on_time(int signal)
{
    (void)signal;
    time_is_up = 1;
    cpu_kick(&guest_cpu->cpu, CPU_EXIT_SIGNAL);
}

static _Noreturn void give_up(const char *text)
{
    fprintf(stderr, "fuzz_x86sys: %s\n", text);
    exit(2);
}

static struct cpu *make_cpu(struct error *err) REQUIRES(bql)
{
    struct sys_cpu_config config = {.model = "max", .bsp = true};
    struct cpu *cpu = NULL;

    memory_region_init(&root, "root", UINT64_MAX);
    memory_region_init(&port_root, "ports", 65536);
    memory_region_init_io(&device, &device_ops, NULL, "device", 4096);
    memory_region_init_io(&port, &device_ops, NULL, "port", 256);
    if (memory_region_init_ram(&ram, "ram", GUEST_RAM_SIZE, err) < 0) {
        return NULL;
    }
    memory_region_add(&root, 0, &ram, 0);
    memory_region_add(&root, GUEST_DEVICE, &device, 0);
    memory_region_add(&port_root, 0, &port, 0);
    if (address_space_new(&config.memory, "memory", &root, err) < 0 ||
        address_space_new(&config.io, "ports", &port_root, err) < 0 ||
        sys_cpu_new(&config, &cpu, err) < 0) {
        return NULL;
    }
    return cpu;
}

void guest_make(void)
{
    const struct sys_engine_config engine = {.cache_size = CACHE_SIZE};
    struct sigaction action = {.sa_handler = on_time, .sa_flags = SA_RESTART};
    struct error err = {""};

    if (sys_engine_init(&engine, &err) < 0) {
        give_up(err.text);
    }
    bql_lock();
    struct cpu *cpu = make_cpu(&err);
    bql_unlock();
    if (!cpu) {
        give_up(err.text);
    }
    guest_cpu = sys_cpu_of(cpu);
    guest_ram = memory_region_host(&ram);
    sys_cpu_attach(cpu);
    (void)sigaction(SIGVTALRM, &action, NULL);
}

static void put(uint64_t at, uint64_t value, unsigned size)
{
    memcpy(guest_ram + at, &value, size);
}

/* Every exception and interrupt ends at a HLT. */
static void put_vectors(void)
{
    for (unsigned n = 0; n < 256; n++) {
        put(4 * (uint64_t)n, HANDLER, 4);
        put(IDT32 + 8 * (uint64_t)n, HANDLER | CODE32 << 16 | (uint64_t)0xee00 << 32, 8);
        put(IDT64 + 16 * (uint64_t)n, HANDLER | CODE64 << 16 | (uint64_t)0xee00 << 32, 8);
    }
    guest_ram[HANDLER] = 0xf4;
}

static void put_tables(void)
{
    put_vectors();
    memcpy(guest_ram + GDT, gdt, sizeof(gdt));
    put(TSS + 4, KERNEL_STACK, 8);
    put(TSS + 8, DATA, 4);
    put(TSS + 0x66, 0x68, 2);
    put(PAGES, (PAGES + 0x1000) | 7, 8);
    put(PAGES + 0x1000, (PAGES + 0x2000) | 7, 8);
    for (unsigned n = 0; n < 512; n++) {
        put(PAGES + 0x2000 + 8 * (uint64_t)n, (uint64_t)n << 21 | 0x87, 8);
    }
}

static struct sys_seg from_gdt(unsigned selector)
{
    uint64_t d = gdt[selector / 8];
    uint32_t limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));

    return (struct sys_seg){.base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000),
                            .limit = d >> 55 & 1 ? limit << 12 | 0xfff : limit,
                            .selector = (uint16_t)(selector | (d >> 45 & 3)),
                            .attr = (uint16_t)((d >> 40 & 0xff) | (d >> 52 & 0xf) << 12)};
}

static void set_segments(struct sys_cpu *cpu, struct sys_seg code, struct sys_seg data)
{
    for (unsigned n = 0; n < SYS_SEGS; n++) {
        cpu->seg[n] = n == SYS_CS ? code : data;
    }
}

static void set_protected(struct sys_cpu *cpu, const struct guest_start *s)
{
    static const uint8_t codes[GUEST_MODES][2] = {[GUEST_16] = {CODE16, USER_CODE16},
                                                  [GUEST_32] = {CODE32, USER_CODE32},
                                                  [GUEST_COMPAT] = {CODE32, USER_CODE32},
                                                  [GUEST_LONG] = {CODE64, USER_CODE64}};
    unsigned data =
        s->mode == GUEST_16 ? (s->user ? USER_DATA16 : DATA16) : (s->user ? USER_DATA : DATA);

    set_segments(cpu, from_gdt(codes[s->mode][s->user]), from_gdt(data));
}

/* Real mode, or virtual-8086 mode. */
static void set_by_paragraph(struct sys_cpu *cpu, bool v86)
{
    struct sys_seg data = {.limit = 0xffff, .attr = v86 ? 0xf3 : 0x93};
    struct sys_seg code = data;

    code.selector = v86 ? GUEST_CODE >> 4 : 0;
    code.base = v86 ? GUEST_CODE : 0;
    set_segments(cpu, code, data);
    cpu->rip -= code.base;
}

static uint64_t flags_of(const struct guest_start *s)
{
    uint64_t f = SYS_RF_ONE;

    f |= s->control & ON_TF ? X86_TF : 0;
    f |= s->control & ON_IOPL ? (uint64_t)SYS_RF_IOPL : 0;
    f |= s->control & ON_IF ? X86_IF : 0;
    f |= s->control & ON_DF ? X86_DF : 0;
    f |= s->control & ON_ALIGN ? X86_AC : 0;
    return s->mode == GUEST_V86 ? f | SYS_RF_VM : f;
}

static void set_control(struct sys_cpu *cpu, const struct guest_start *s)
{
    bool wide = s->mode == GUEST_COMPAT || s->mode == GUEST_LONG;

    cpu->cr0 = SYS_CR0_ET | (s->mode == GUEST_REAL ? 0 : SYS_CR0_PE);
    cpu->cr0 |= s->control & ON_TS ? SYS_CR0_TS : 0;
    cpu->cr0 |= s->control & ON_EM ? SYS_CR0_EM : 0;
    cpu->cr0 |= s->control & ON_MP ? SYS_CR0_MP : 0;
    cpu->cr0 |= s->control & ON_ALIGN ? SYS_CR0_AM : 0;
    cpu->cr0 |= s->control & ON_WP ? SYS_CR0_WP : 0;
    cpu->cr0 |= wide ? SYS_CR0_PG : 0;
    cpu->cr4 = wide ? SYS_CR4_PAE : 0;
    cpu->cr4 |= s->control & ON_SSE ? SYS_CR4_OSFXSR | SYS_CR4_OSXMMEXCPT : 0;
    cpu->cr4 |= s->control & ON_AVX ? SYS_CR4_OSXSAVE | SYS_CR4_FSGSBASE : 0;
    cpu->cr4 |= s->control & ON_VME ? SYS_CR4_VME | SYS_CR4_PVI : 0;
    cpu->cr4 |= s->control & ON_TSD ? SYS_CR4_TSD : 0;
    cpu->cr4 |= s->control & ON_UMIP ? SYS_CR4_UMIP : 0;
    cpu->cr4 |= s->control & ON_SMAP ? SYS_CR4_SMAP | SYS_CR4_SMEP : 0;
    cpu->cr3 = PAGES;
    cpu->efer = wide ? SYS_EFER_LME | SYS_EFER_LMA | SYS_EFER_SCE : SYS_EFER_SCE;
    cpu->xcr0 = s->control & ON_AVX ? x86_host.xcr0 & 0xe7 : 1;
    cpu->dr[7] = s->control & ON_BREAK ? 0x000d0002 | 0x400 : 0x400; /* writes to a byte */
    cpu->dr[0] = STACK - 8;
}

/* Where registers point: RAM, its end, a page's end, the device, nowhere. */
static uint64_t register_value(unsigned choice)
{
    static const uint64_t values[16] = {0,
                                        1,
                                        UINT64_MAX,
                                        0xb000,
                                        0xbfff,
                                        GUEST_DEVICE,
                                        GUEST_RAM_SIZE - 4,
                                        0x80000000,
                                        0x7fffffffffffffff,
                                        0x800000000000,
                                        GUEST_CODE,
                                        STACK,
                                        0x40000000,
                                        7,
                                        0xffff,
                                        0x10};
    return values[choice & 15];
}

static void set_registers(struct sys_cpu *cpu, const struct guest_start *s)
{
    for (unsigned n = 0; n < X86_GPRS; n++) {
        cpu->gpr[n] = register_value((unsigned)(s->registers >> 4 * n));
    }
    cpu->gpr[X86_RSP] = (s->registers >> 4 * X86_RSP & 15) ? STACK : cpu->gpr[X86_RSP];
    cpu->rip = GUEST_CODE + s->offset;
    cpu->rflags = flags_of(s);
    cpu->gdtr = (struct sys_seg){.base = GDT, .limit = GDT_LIMIT};
    cpu->idtr = s->mode == GUEST_REAL     ? (struct sys_seg){.base = 0, .limit = 0x3ff}
                : s->mode >= GUEST_COMPAT ? (struct sys_seg){.base = IDT64, .limit = 0xfff}
                                          : (struct sys_seg){.base = IDT32, .limit = 0x7ff};
    cpu->tr = from_gdt(TASK);
}

void guest_start(const struct guest_start *s, const uint8_t *code, size_t size)
{
    struct sys_cpu *cpu = guest_cpu;
    size_t room = GUEST_CODE_MAX - s->offset;

    memset(guest_ram, 0, GUEST_RAM_SIZE);
    put_tables();
    memcpy(guest_ram + GUEST_CODE + s->offset, code, size < room ? size : room);
    memory_ram_written(ram.ram_addr, GUEST_RAM_SIZE);
    sys_cpu_reset(&cpu->cpu);
    set_control(cpu, s);
    set_registers(cpu, s);
    if (s->mode == GUEST_REAL || s->mode == GUEST_V86) {
        set_by_paragraph(cpu, s->mode == GUEST_V86);
    } else {
        set_protected(cpu, s);
    }
    cpu->exception.vector = SYS_NO_EXCEPTION;
    sys_mode_update(cpu);
    sys_tlb_flush(cpu);
}

static void set_timer(long us)
{
    struct itimerval t = {.it_value.tv_usec = us};

    (void)setitimer(ITIMER_VIRTUAL, &t, NULL);
}

void guest_run(void)
{
    struct cpu *cpu = &guest_cpu->cpu;

    time_is_up = 0;
    set_timer(SLICE_US);
    for (unsigned n = 0; n < ROUNDS && !time_is_up; n++) {
        atomic_fetch_and_explicit(&cpu->exit_request,
                                  ~(unsigned)(CPU_EXIT_INTERRUPT | CPU_EXIT_SIGNAL),
                                  memory_order_acq_rel);
        cpu_process_work(cpu);
        if (sys_cpu_exec(cpu) != SYS_EXIT_REQUEST) {
            break;
        }
    }
    set_timer(0);
    atomic_fetch_and_explicit(&cpu->exit_request, ~(unsigned)CPU_EXIT_SIGNAL, memory_order_acq_rel);
}
