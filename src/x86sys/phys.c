/* Guest physical memory from the vCPU's thread, and devices.
 *
 * RAM is accessed in a read section. A device's callback may block, so what may
 * lead to one is called with no address in hand: none survives it. */
#include "x86sys/walk.h"

#include "exec/exclusive.h"
#include "exec/tb.h"
#include "x86sys/copy_asm.h"
#include "x86sys/inside.h"
#include "x86sys/log.h"

/* Checked addresses are let go of, as whoever waits for that may hold what a
 * device's callback waits for. */
static bool let_go(struct sys_cpu *cpu)
{
    bool used = atomic_load_explicit(&cpu->tlb.use, memory_order_relaxed) & 1;

    if (used) {
        sys_tlb_use_end(&cpu->tlb);
    }
    return used;
}

static void take_up(struct sys_cpu *cpu, bool used)
{
    if (used) {
        sys_tlb_use_begin(&cpu->tlb);
    }
}

static bool device_begin(struct sys_cpu *cpu, bool *used)
{
    *used = let_go(cpu);
    return sys_outside_begin(cpu);
}

static void device_end(struct sys_cpu *cpu, bool was_inside, bool used)
{
    sys_outside_end(cpu, was_inside);
    rcu_read_lock();
    sys_tlb_sync(cpu);
    rcu_read_unlock();
    take_up(cpu, used);
}

uint64_t sys_device_load(struct sys_cpu *cpu, struct address_space *as, uint64_t addr,
                         uint32_t size)
{
    uint64_t value;
    bool used, was = device_begin(cpu, &used);

    /* What is not there reads as ones by itself, and so does what fails. */
    if (address_space_load(as, addr, size, &value) == MEMORY_UNASSIGNED && as != cpu->io) {
        sys_log_no_memory(cpu, false, addr, size);
    }
    device_end(cpu, was, used);
    return value;
}

void sys_device_store(struct sys_cpu *cpu, struct address_space *as, uint64_t addr, uint32_t size,
                      uint64_t value)
{
    bool used, was = device_begin(cpu, &used);

    if (address_space_store(as, addr, size, value) == MEMORY_UNASSIGNED && as != cpu->io) {
        sys_log_no_memory(cpu, true, addr, size);
    }
    device_end(cpu, was, used);
}

void sys_sleep(struct sys_cpu *cpu, uint64_t ns)
{
    bool used, was = device_begin(cpu, &used);

    cpu_halt_wait_for(&cpu->cpu, ns);
    device_end(cpu, was, used);
}

void sys_ram_written(struct sys_cpu *cpu, uint64_t ram, uint64_t len)
{
    /* Pairs with memory_ram_set_code: see exec/memory_ram.c. */
    atomic_thread_fence(memory_order_seq_cst);
    if (memory_ram_has_code(ram) || memory_ram_has_code(ram + len - 1)) {
        bool used = let_go(cpu);

        memory_ram_written(ram, len);
        take_up(cpu, used);
    }
}

/* The largest natural access at addr within n bytes. */
static uint32_t natural_size(uint64_t addr, uint32_t n)
{
    uint32_t size = 8;

    while (size > n || addr % size) {
        size /= 2;
    }
    return size;
}

/* Whole accesses of a natural size go to the device as one even if unaligned, as
 * the device's region says what it takes. */
static uint32_t device_size(uint64_t addr, uint32_t n)
{
    return n == 1 || n == 2 || n == 4 || n == 8 ? n : natural_size(addr, n);
}

static bool ram_load(struct sys_cpu *cpu, uint64_t phys, void *buf, uint32_t size)
{
    rcu_read_lock();
    struct memory_page mem = address_space_page(sys_memory_space(cpu), phys);
    if (mem.host) {
        sys_copy(buf, mem.host + phys % GUEST_PAGE_SIZE, size);
    }
    rcu_read_unlock();
    return mem.host;
}

static bool ram_store(struct sys_cpu *cpu, uint64_t phys, const void *buf, uint32_t size)
{
    rcu_read_lock();
    struct memory_page mem = address_space_page(sys_memory_space(cpu), phys);
    if (mem.writable) {
        sys_copy(mem.host + phys % GUEST_PAGE_SIZE, buf, size);
        sys_ram_written(cpu, mem.ram_addr + phys % GUEST_PAGE_SIZE, size);
    }
    rcu_read_unlock();
    return mem.writable;
}

void sys_phys_load(struct sys_cpu *cpu, uint64_t phys, void *buf, uint32_t size)
{
    uint8_t *to = buf;

    if (ram_load(cpu, phys, buf, size)) {
        return;
    }
    while (size > 0) {
        uint32_t n = device_size(phys, size);
        uint64_t value = sys_device_load(cpu, sys_memory_space(cpu), phys, n);

        sys_copy(to, &value, n);
        to += n;
        phys += n;
        size -= n;
    }
}

void sys_phys_store(struct sys_cpu *cpu, uint64_t phys, const void *buf, uint32_t size)
{
    const uint8_t *from = buf;

    if (ram_store(cpu, phys, buf, size)) {
        return;
    }
    while (size > 0) {
        uint32_t n = device_size(phys, size);
        uint64_t value = 0;

        sys_copy(&value, from, n);
        sys_device_store(cpu, sys_memory_space(cpu), phys, n, value);
        from += n;
        phys += n;
        size -= n;
    }
}

/* How many of `size` bytes lie on the first page. */
static uint32_t on_page(uint64_t addr, uint32_t size)
{
    uint64_t left = GUEST_PAGE_SIZE - addr % GUEST_PAGE_SIZE;

    return left < size ? (uint32_t)left : size;
}

bool sys_phys_read(struct sys_cpu *cpu, uint64_t phys, void *buf, uint32_t size)
{
    uint8_t *to = buf;

    while (size > 0) {
        uint32_t n = on_page(phys, size);

        if (!ram_load(cpu, phys, to, n)) {
            return false;
        }
        to += n;
        phys += n;
        size -= n;
    }
    return true;
}

bool sys_phys_write(struct sys_cpu *cpu, uint64_t phys, const void *buf, uint32_t size)
{
    const uint8_t *from = buf;

    while (size > 0) {
        uint32_t n = on_page(phys, size);

        if (!ram_store(cpu, phys, from, n)) {
            return false;
        }
        from += n;
        phys += n;
        size -= n;
    }
    return true;
}
