/* Start of the engine for system mode, and which thread runs which vCPU. */
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/code_cache.h"
#include "exec/guest_ops.h"
#include "exec/memory.h"
#include "exec/vcpu.h"
#include "x86/host.h"
#include "x86sys/emulate.h"
#include "x86sys/machine.h"
#include "x86sys/stubs.h"
#include "x86sys/translate.h"

/* Memory is taken as blocks are made. A compiler's run in a guest fills 128 MiB within
 * seconds, and each time that it is full all starts anew. */
#define DEFAULT_CACHE_SIZE (512UL << 20)

/* Translated code polls exit_request, and a vCPU with a thread of its own that sleeps is
 * woken by cpu_kick. */
static void kick(struct cpu *cpu)
{
    vcpu_kick_thread(cpu);
}

static void page_empty(uint64_t ram)
{
    memory_ram_set_code(ram, false);
}

static const struct guest_ops sys_guest_ops = {
    .kick = kick,
    .jump_cache_forget = sys_jump_cache_forget,
    .jump_cache_reset = sys_jump_cache_reset,
    .page_empty = page_empty,
};

int sys_engine_init(const struct sys_engine_config *cfg, struct error *err)
{
    int r = x86_host_detect(err);
    if (r < 0) {
        return r;
    }
    const struct code_cache_config cache = {
        .size = cfg->cache_size ? cfg->cache_size : DEFAULT_CACHE_SIZE,
        .stub_size = SYS_STUBS_SIZE,
        .tb_size = 1024,
    };
    r = code_cache_init(&cache, err);
    if (r < 0) {
        return r;
    }
    sys_translate_max_insns = cfg->one_insn_per_tb ? 1 : SYS_TB_MAX_INSNS;
    guest_ops = &sys_guest_ops;
    sys_stubs_generate();
    sys_host_fault_init();
    return 0;
}

void sys_cpu_attach(struct cpu *cpu)
{
    cpu_attach_thread(cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)(uintptr_t)sys_cpu_of(cpu));
}

bool sys_cpu_has_work(struct cpu *cpu)
{
    return !sys_cpu_of(cpu)->halted || sys_interrupt_pending(sys_cpu_of(cpu));
}
