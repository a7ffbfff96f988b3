#include "kit.h"

#include "exec/memory.h"
#include "x86sys/insn.h"

#define RAM_SIZE (16u << 20)

struct sys_cpu *ops_cpu;

static struct memory_region root, ram, port_root;
static struct address_space *memory, *ports;
static bool made;

static void make_memory(void) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err;
    memory_region_init(&root, "root", UINT64_MAX);
    assert_int_equal(memory_region_init_ram(&ram, "ram", RAM_SIZE, &err), 0);
    memory_region_add(&root, 0, &ram, 0);
    assert_int_equal(address_space_new(&memory, "memory", &root, &err), 0);
    memory_region_init(&port_root, "ports", 65536);
    assert_int_equal(address_space_new(&ports, "ports", &port_root, &err), 0);
    made = true;
}

static void make_cpu(const char *model) NO_THREAD_SAFETY_ANALYSIS
{
    struct error err = {""};
    struct cpu *cpu;
    bql_lock();
    if (!made) {
        make_memory();
    }
    const struct sys_cpu_config cfg = {.model = model,
                                       .bsp = true,
                                       .cores = 2,
                                       .threads = 2,
                                       .sockets = 1,
                                       .memory = memory,
                                       .io = ports};
    int r = sys_cpu_new(&cfg, &cpu, &err);
    bql_unlock();
    if (r) {
        fail_msg("%s: %s", model, err.text);
    }
    ops_cpu = sys_cpu_of(cpu);
}

int ops_setup(void **state)
{
    (void)state;
    make_cpu("max");
    memset(ops_ram(0), 0, RAM_SIZE);
    return 0;
}

int ops_teardown(void **state)
{
    (void)state;
    sys_cpu_free(&ops_cpu->cpu);
    return 0;
}

void ops_model(const char *model)
{
    sys_cpu_free(&ops_cpu->cpu);
    make_cpu(model);
}

uint8_t *ops_ram(uint64_t phys)
{
    return memory_region_host(&ram) + phys;
}

static void put64(uint64_t phys, uint64_t value)
{
    memcpy(ops_ram(phys), &value, sizeof value);
}

/* Pages are mapped in reverse order, so that neighbours are none in RAM. */
static uint64_t phys_of_page(unsigned page)
{
    return OPS_DATA + 4096 * (uint64_t)(OPS_PAGES - 1 - page);
}

uint8_t *ops_data(uint64_t linear)
{
    unsigned page = (unsigned)((linear - OPS_DATA) / 4096);
    return ops_ram(phys_of_page(page) + linear % 4096);
}

void ops_page(unsigned page, int how)
{
    uint64_t bits = how == 0 ? 0 : how == 1 ? 5 : 7;
    put64(OPS_TABLES + 0x3000 + 8 * (OPS_DATA / 4096 % 512 + page), phys_of_page(page) | bits);
    sys_tlb_flush(ops_cpu);
}

static void map(void)
{
    put64(OPS_TABLES, (OPS_TABLES + 0x1000) | 7);
    put64(OPS_TABLES + 0x1000, (OPS_TABLES + 0x2000) | 7);
    put64(OPS_TABLES + 0x2000, 0x87); /* the first 2 MiB as they are */
    put64(OPS_TABLES + 0x2008, (OPS_TABLES + 0x3000) | 7);
    for (unsigned i = 0; i < OPS_PAGES; i++) {
        ops_page(i, 2);
    }
}

void ops_long(unsigned cpl)
{
    map();
    const struct sys_boot_state s = {.long_mode = true,
                                     .rip = OPS_CODE,
                                     .rsp = OPS_DATA + 0x8000,
                                     .cr3 = OPS_TABLES,
                                     .cs = 8,
                                     .ds = 16};
    sys_cpu_set_boot_state(&ops_cpu->cpu, &s);
    ops_cpu->seg[SYS_SS].attr |= (uint16_t)(cpl << SYS_SEG_DPL_SHIFT);
    ops_cpu->seg[SYS_CS].attr |= (uint16_t)(cpl << SYS_SEG_DPL_SHIFT);
    sys_mode_update(ops_cpu);
}

void ops_flat32(void)
{
    const struct sys_boot_state s = {.rip = OPS_CODE, .rsp = OPS_DATA + 0x8000, .cs = 8, .ds = 16};
    sys_cpu_set_boot_state(&ops_cpu->cpu, &s);
}

void ops_real(void)
{
    sys_cpu_reset(&ops_cpu->cpu);
    ops_cpu->seg[SYS_CS].base = 0;
    ops_cpu->seg[SYS_CS].selector = 0;
    ops_cpu->rip = OPS_CODE;
    ops_cpu->gpr[X86_RSP] = 0x7000;
    sys_mode_update(ops_cpu);
}

enum sys_result ops_run(const char *bytes, size_t len)
{
    struct sys_insn in;
    uint8_t padded[15] = {0};
    uint64_t start = ops_cpu->rip;
    memcpy(padded, bytes, len);
    assert_int_equal(sys_decode(&in, ops_cpu->mode, start, start, padded, sizeof padded), 0);
    assert_int_equal(in.len, len);
    enum sys_result r;
    unsigned rounds = 0;
    do {
        r = sys_execute(ops_cpu, &in);
        assert_true(++rounds < 10000);
    } while (r == SYS_DONE && in.rep && ops_cpu->rip == start);
    if (r == SYS_EXCEPTION) {
        assert_int_equal(ops_cpu->rip, start);
    }
    return r;
}

void ops_assert_done(enum sys_result r)
{
    if (r == SYS_EXCEPTION) {
        fail_msg("vector %u came", ops_cpu->exception.vector);
    }
    assert_int_equal(r, SYS_DONE);
}

void ops_assert_fault(enum sys_result r, uint8_t vector)
{
    assert_int_equal(r, SYS_EXCEPTION);
    assert_int_equal(ops_cpu->exception.vector, vector);
    ops_cpu->exception.vector = SYS_NO_EXCEPTION;
}
