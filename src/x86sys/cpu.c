/* A vCPU of a whole machine, from making it to freeing it: memory, model, topology,
 * power-on state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exec/icount.h"
#include "exec/memory.h"
#include "x86/host.h"
#include "x86sys/log.h"
#include "x86sys/machine.h"
#include "x86sys/model.h"
#include "x86sys/msr.h"
#include "x86sys/system_insns.h"
#include "x86sys/time.h"
#include "x86sys/vector.h"

#define CACHE_LINE 64
/* Offsets in the legacy region of the XSAVE area. */
#define AREA_FCW   0
#define AREA_FTW   4
#define AREA_MXCSR 24
#define AREA_BV    512

static void *alloc_zeroed(size_t size)
{
    size_t rounded = (size + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
    void *p = aligned_alloc(CACHE_LINE, rounded);
    if (p) {
        memset(p, 0, rounded);
    }
    return p;
}

/* Vector state after power-on; an INIT leaves it alone. */
static void reset_vectors(struct sys_cpu *cpu)
{
    uint8_t *area = cpu->xsave;
    cpu->vec_live = false;
    for (uint32_t i = 0; i < x86_host.xsave_size; i++) {
        area[i] = 0;
    }
    area[AREA_FCW] = 0x40;
    area[AREA_FTW] = 0xff;
    area[AREA_MXCSR] = 0x80;
    area[AREA_MXCSR + 1] = 0x1f;
    area[AREA_BV] = 1; /* x87 is not as FNINIT leaves it; all else is initial */
}

static void power_on(struct sys_cpu *cpu)
{
    atomic_store_explicit(&cpu->interrupt, 0, memory_order_relaxed);
    reset_vectors(cpu);
    sys_msr_reset(cpu);
    cpu->tsc_adjust = 0;
    cpu->tsc_offset = sys_tsc_first_offset();
    sys_reset_registers(cpu, false);
    cpu->wait_sipi = cpu->halted = !cpu->bsp;
}

void sys_cpu_reset(struct cpu *c)
{
    struct sys_cpu *cpu = sys_cpu_of(c);
    sys_vec_save(cpu);
    sys_log_reset(cpu, "CPU Reset");
    power_on(cpu);
    if (cpu->apic_ops) {
        cpu->apic_ops->reset(cpu->apic, false);
    }
}

static unsigned at_least_one(unsigned n)
{
    return n ? n : 1;
}

static int set_model(struct sys_cpu *cpu, const struct sys_cpu_config *cfg, struct error *err)
{
    struct sys_cpu_model *m = calloc(1, sizeof *m);
    if (!m) {
        return error_set(err, ENOMEM, "no memory for a vCPU's model");
    }
    int r = sys_model_parse(m, cfg->model, err);
    if (r < 0) {
        free(m);
        return r;
    }
    m->sockets = at_least_one(cfg->sockets);
    m->cores = at_least_one(cfg->cores);
    m->threads = at_least_one(cfg->threads);
    cpu->model = m;
    cpu->phys_mask = (1ULL << m->phys_bits) - 1;
    return 0;
}

static int set_xsave(struct sys_cpu *cpu, struct error *err)
{
    cpu->xsave = alloc_zeroed(x86_host.xsave_size);
    cpu->xsave_copy = alloc_zeroed(SYS_BOUNCE_MAX);
    cpu->xsave_mask = x86_host.xcr0;
    sys_xsave_layout_init();
    if (!cpu->xsave || !cpu->xsave_copy) {
        return error_set(err, ENOMEM, "no memory for a vCPU's vector registers");
    }
    if (x86_host.xsave_size > SYS_BOUNCE_MAX - 64) {
        return error_set(err, ENOTSUP, "the host's vector state is larger than %u bytes",
                         SYS_BOUNCE_MAX - 64);
    }
    return 0;
}

static void free_parts(struct sys_cpu *cpu)
{
    free(cpu->xsave);
    free(cpu->xsave_copy);
    free((void *)(uintptr_t)cpu->model);
    free(cpu->block);
}

/* Much of a vCPU is tables that few need all of: what calloc gives takes memory as it is
 * used, where it is this much. */
static struct sys_cpu *alloc_cpu(void)
{
    void *block = calloc(1, sizeof(struct sys_cpu) + CACHE_LINE);
    if (!block) {
        return NULL;
    }
    uintptr_t at = ((uintptr_t)block + CACHE_LINE - 1) & ~(uintptr_t)(CACHE_LINE - 1);
    struct sys_cpu *cpu = (struct sys_cpu *)at;
    cpu->block = block;
    return cpu;
}

static void set_spaces(struct sys_cpu *cpu, const struct sys_cpu_config *cfg)
{
    cpu->apic_id = cfg->apic_id;
    cpu->bsp = cfg->bsp;
    cpu->apic = cfg->apic;
    cpu->apic_ops = cfg->apic_ops;
    cpu->memory = cfg->memory;
    cpu->smram = cfg->smram;
    cpu->io = cfg->io;
}

int sys_cpu_new(const struct sys_cpu_config *cfg, struct cpu **out, struct error *err)
{
    struct sys_cpu *cpu = alloc_cpu();
    if (!cpu) {
        return error_set(err, ENOMEM, "no memory for a vCPU");
    }
    cpu->self = (uintptr_t)cpu;
    set_spaces(cpu, cfg);
    cpu->tsc_look = UINT64_MAX;
    int r = set_model(cpu, cfg, err);
    if (r == 0) {
        r = set_xsave(cpu, err);
    }
    if (r < 0) {
        free_parts(cpu);
        return r;
    }
    cpu->mode = icount_enabled() ? SYS_MODE_ICOUNT : 0;
    sys_tlb_init(cpu);
    sys_jump_cache_init(cpu);
    power_on(cpu);
    cpu_register(&cpu->cpu);
    if (cfg->memory) {
        address_space_set_listener(cfg->memory, sys_tlb_memory_changed, NULL);
    }
    if (cfg->smram && cfg->smram != cfg->memory) {
        address_space_set_listener(cfg->smram, sys_tlb_memory_changed, NULL);
    }
    *out = &cpu->cpu;
    return 0;
}

void sys_cpu_free(struct cpu *c)
{
    cpu_unregister(c);
    free_parts(sys_cpu_of(c));
}
