/* Start of the engine, and the life of a guest CPU. */
#include "x86/engine.h"

#include <asm/prctl.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/code_cache.h"
#include "exec/guest_ops.h"
#include "x86/cpu_memory.h"
#include "x86/host.h"
#include "x86/stubs.h"
#include "x86/translate.h"

#define DEFAULT_CACHE_SIZE (64UL << 20)
#define KICK_SIGNAL        64 /* SIGRTMAX, as a constant */

#define XSAVE_MXCSR_OFFSET 24
#define XSAVE_BV_OFFSET    512

unsigned x86_translate_max_insns IMMUTABLE_AFTER_INIT = X86_TB_MAX_INSNS;

/* The environment's handler of the signal looks at exit_request. By the
 * thread's id alone: a vfork child, in this memory, is another process. A
 * real-time signal needs room in the user's queue; if the guest has filled
 * that, one comes in its place that doesn't. */
static void kick(struct cpu *cpu)
{
    int tid = atomic_load_explicit(&cpu->host_tid, memory_order_relaxed);
    if (syscall(SYS_tkill, tid, KICK_SIGNAL) < 0 && errno == EAGAIN) {
        atomic_store_explicit(&x86_cpu_of(cpu)->kicked_by_trap, true, memory_order_release);
        syscall(SYS_tkill, tid, SIGTRAP);
    }
}

static const struct guest_ops x86_guest_ops = {.kick = kick};

int x86_engine_init(const struct x86_engine_config *cfg, struct error *err)
{
    int r = x86_host_detect(err);
    if (r < 0) {
        return r;
    }
    struct code_cache_config cache = {
        .size = cfg->cache_size ? cfg->cache_size : DEFAULT_CACHE_SIZE,
        .rx_hint = cfg->cache_hint,
        .stub_size = X86_STUBS_SIZE,
    };
    r = code_cache_init(&cache, err);
    if (r < 0) {
        return r;
    }
    x86_translate_max_insns = cfg->one_insn_per_tb ? 1 : X86_TB_MAX_INSNS;
    guest_ops = &x86_guest_ops;
    x86_stubs_generate();
    return 0;
}

void x86_engine_before_fork(void)
{
    code_cache_before_fork();
}

void x86_engine_after_fork_parent(void)
{
    code_cache_after_fork_parent();
}

void x86_engine_after_fork_child(struct x86_cpu *self)
{
    cpu_list_after_fork(self ? &self->cpu : NULL);
    if (!code_cache_after_fork_child()) {
        x86_stubs_generate();
    }
}

size_t x86_xsave_size(void)
{
    return x86_host.xsave_size;
}

uint64_t x86_xsave_mask(void)
{
    return x86_host.xcr0;
}

/* Bytes of a struct x86_cpu with the XSAVE area behind it. */
static size_t cpu_bytes(void)
{
    return ((sizeof(struct x86_cpu) + 63) & ~63UL) + x86_host.xsave_size;
}

static void reset_vectors(struct x86_cpu *cpu)
{
    uint8_t *area = cpu->xsave;
    const uint16_t fcw = 0x37f;
    const uint32_t mxcsr = 0x1f80;
    const uint64_t x87_and_sse = 3;
    memcpy(area, &fcw, sizeof(fcw));
    memcpy(area + XSAVE_MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
    memcpy(area + XSAVE_BV_OFFSET, &x87_and_sse, sizeof(x87_and_sse));
}

struct x86_cpu *x86_cpu_new(const struct x86_cpu *from)
{
    struct x86_cpu *cpu = x86_cpu_memory_take(cpu_bytes());
    if (!cpu) {
        return NULL;
    }
    cpu->self = (uint64_t)(uintptr_t)cpu;
    cpu->xsave = (char *)cpu + (cpu_bytes() - x86_host.xsave_size);
    cpu->xsave_mask = x86_host.xcr0;
    cpu->rflags = X86_IF | 2;
    reset_vectors(cpu);
    if (from) {
        memcpy(cpu->gpr, from->gpr, sizeof(cpu->gpr));
        cpu->rip = from->rip;
        cpu->rflags = from->rflags;
        cpu->fs_base = from->fs_base;
        cpu->gs_base = from->gs_base;
        memcpy(cpu->xsave, from->xsave, x86_host.xsave_size);
    }
    cpu->cpu.jump_cache = cpu->jump_cache;
    cpu->cpu.jump_cache_miss = x86_stubs.miss;
    cpu_register(&cpu->cpu);
    return cpu;
}

void x86_cpu_free(struct x86_cpu *cpu)
{
    cpu_unregister(&cpu->cpu);
    x86_cpu_memory_give(cpu, cpu_bytes());
}

void x86_cpu_attach(struct x86_cpu *cpu)
{
    cpu_attach_thread(&cpu->cpu);
    syscall(SYS_arch_prctl, ARCH_SET_GS, (unsigned long)cpu);
}
