/* The guest's time-stamp counter: the host's plus an offset per vCPU. All vCPUs
 * start with the same offset, so that their counters agree as the host's cores do;
 * the guest's TSC was 0 about when the engine started. While instructions are counted
 * it is guest time instead, in nanoseconds. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "exec/icount.h"
#include "x86/host.h"
#include "x86sys/host_asm.h"
#include "x86sys/interrupt.h"
#include "x86sys/state.h"
#include "x86sys/time.h"

#define NS_PER_S 1000000000LL
#define NEVER_S  (UINT64_C(1) << 30) /* a deadline more seconds away is a guest's word for never */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct IMMUTABLE_AFTER_INIT {
    uint64_t hz;
    uint64_t start; /* the host's TSC when it was first asked for */
} host;

static int64_t clock_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* From leaf 0x15 or a hypervisor's leaf 0x40000010, if they are there. */
static uint64_t hz_from_cpuid(void)
{
    if (x86_host_cpuid(0, 0).eax >= 0x15) {
        struct x86_cpuid r = x86_host_cpuid(0x15, 0);
        if (r.eax && r.ebx && r.ecx) {
            return (uint64_t)r.ecx * r.ebx / r.eax;
        }
    }
    if (x86_host_cpuid(1, 0).ecx >> 31 && x86_host_cpuid(0x40000000, 0).eax >= 0x40000010) {
        return (uint64_t)x86_host_cpuid(0x40000010, 0).eax * 1000;
    }
    return 0;
}

/* A pair of readings of clock and TSC taken as close together as several tries give. */
static void read_both(int64_t *ns, uint64_t *tsc)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 8; i++) {
        uint64_t before = sys_host_tsc();
        int64_t now = clock_ns();
        uint64_t after = sys_host_tsc();
        if (after - before < best) {
            best = after - before;
            *ns = now;
            *tsc = before + (after - before) / 2;
        }
    }
}

static uint64_t hz_from_clock(void)
{
    int64_t ns0 = 0, ns1 = 0;
    uint64_t tsc0 = 0, tsc1 = 0;
    read_both(&ns0, &tsc0);
    const struct timespec pause = {.tv_nsec = 20000000};
    nanosleep(&pause, NULL);
    read_both(&ns1, &tsc1);
    uint64_t ns = (uint64_t)(ns1 - ns0), ticks = tsc1 - tsc0;
    uint64_t khz = ticks * 1000000 / (ns ? ns : 1); /* ticks below 2^34: no overflow */
    return khz * 1000;
}

static void measure(void)
{
    host.hz = hz_from_cpuid();
    if (!host.hz) {
        host.hz = hz_from_clock();
    }
    if (!host.hz) {
        host.hz = NS_PER_S;
    }
    host.start = sys_host_tsc();
}

/* What all vCPUs' counters are offset from. */
static uint64_t source(void)
{
    return icount_enabled() ? (uint64_t)icount_now_ns() : sys_host_tsc();
}

uint64_t sys_tsc_hz(void)
{
    if (icount_enabled()) {
        return NS_PER_S;
    }
    pthread_once(&once, measure);
    return host.hz;
}

int64_t sys_tsc_first_offset(void)
{
    if (icount_enabled()) {
        return 0;
    }
    pthread_once(&once, measure);
    return (int64_t)(0 - host.start);
}

uint64_t sys_tsc_now(const struct sys_cpu *cpu)
{
    return source() + (uint64_t)cpu->tsc_offset;
}

uint64_t sys_tsc_read(struct sys_cpu *cpu)
{
    uint64_t now = source();
    if (now > cpu->tsc_look && !icount_enabled()) {
        /* Relaxed: it is for this thread. */
        atomic_fetch_or_explicit(&cpu->cpu.exit_request, CPU_EXIT_CLOCK, memory_order_relaxed);
    }
    return now + (uint64_t)cpu->tsc_offset;
}

void sys_cpu_watch_clock(struct cpu *cpu, int64_t ns)
{
    uint64_t us = (uint64_t)ns / 1000; /* of a second at most: no overflow */
    sys_cpu_of(cpu)->tsc_look = sys_host_tsc() + sys_tsc_hz() / 1000 * us / 1000;
}

void sys_tsc_write(struct sys_cpu *cpu, uint64_t value)
{
    int64_t offset = (int64_t)(value - source());
    cpu->tsc_adjust += (uint64_t)offset - (uint64_t)cpu->tsc_offset;
    cpu->tsc_offset = offset;
}

void sys_tsc_adjust_write(struct sys_cpu *cpu, uint64_t value)
{
    cpu->tsc_offset = (int64_t)((uint64_t)cpu->tsc_offset + (value - cpu->tsc_adjust));
    cpu->tsc_adjust = value;
}

uint64_t sys_cpu_tsc(struct cpu *cpu)
{
    return sys_tsc_now(sys_cpu_of(cpu));
}

static int64_t monotonic_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t sys_cpu_tsc_to_ns(struct cpu *cpu, uint64_t tsc)
{
    uint64_t hz = sys_tsc_hz();
    int64_t now_ns = icount_enabled() ? icount_now_ns() : monotonic_ns();
    uint64_t now = sys_tsc_now(sys_cpu_of(cpu));
    bool past = tsc < now; /* as the processor compares: by all 64 bits */
    uint64_t ticks = past ? now - tsc : tsc - now;
    uint64_t seconds = ticks / hz;
    if (seconds > NEVER_S) {
        return past ? 0 : INT64_MAX;
    }
    /* The remainder is below hz, and a host has less than 18 GHz. */
    int64_t ns = (int64_t)(seconds * NS_PER_S + ticks % hz * NS_PER_S / hz);
    if (past) {
        return now_ns > ns ? now_ns - ns : 0;
    }
    return now_ns + ns;
}
