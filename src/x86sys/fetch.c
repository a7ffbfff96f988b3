/* Instruction fetches by the translator and by C: through small tables of their
 * own, by linear page. */
#include "x86sys/walk.h"

#include "exec/tb.h"
#include "x86sys/copy_asm.h"

/* Where a page of code is. */
struct code_page {
    const uint8_t *host; /* NULL: a device */
    uint64_t ram;
    uint64_t phys; /* only if host is NULL */
};

static bool find_page(struct sys_cpu *cpu, uint64_t linear, struct code_page *page, uint32_t *error)
    REQUIRES_SHARED(rcu_cap)
{
    enum sys_mmu mmu = sys_mmu_of(cpu, SYS_FETCH);
    const struct sys_tlb_entry *e =
        &cpu->tlb.code[mmu][linear >> GUEST_PAGE_BITS & (SYS_TLB_CODE_ENTRIES - 1)];
    struct sys_page found;

    if (atomic_load_explicit(&e->read, memory_order_relaxed) != (linear & ~(GUEST_PAGE_SIZE - 1))) {
        if (!sys_walk_cached(cpu, linear, SYS_FETCH, mmu, &found, error)) {
            return false;
        }
        struct memory_page mem = address_space_page(sys_memory_space(cpu), found.phys);
        if (!mem.host) {
            *page = (struct code_page){.ram = SYS_NO_RAM, .phys = found.phys};
            return true;
        }
        sys_tlb_fill_code(cpu, mmu, linear, &found, &mem);
    }
    page->host = (const uint8_t *)(uintptr_t)e->host;
    page->ram = atomic_load_explicit(&e->ram, memory_order_relaxed) & ~(GUEST_PAGE_SIZE - 1);
    return true;
}

static bool find_or_raise(struct sys_cpu *cpu, uint64_t linear, struct code_page *page)
    REQUIRES_SHARED(rcu_cap)
{
    uint32_t error;

    return find_page(cpu, linear, page, &error) || sys_raise_page_fault(cpu, linear, error);
}

bool sys_fetch_ram(struct sys_cpu *cpu, uint64_t linear, uint64_t *ram)
{
    struct code_page page = {.ram = SYS_NO_RAM};

    rcu_read_lock();
    sys_tlb_sync(cpu);
    bool ok = find_or_raise(cpu, linear, &page);
    rcu_read_unlock();
    if (ok) {
        *ram = page.host ? page.ram | linear % GUEST_PAGE_SIZE : SYS_NO_RAM;
    }
    return ok;
}

/* Bytes of one page; 0 if it can't be fetched, or is a device's. */
static uint32_t fetch_page(struct sys_cpu *cpu, uint64_t linear, uint8_t *to, uint32_t n,
                           bool raise, struct code_page *page)
{
    uint32_t error;

    rcu_read_lock();
    sys_tlb_sync(cpu);
    bool ok = raise ? find_or_raise(cpu, linear, page) : find_page(cpu, linear, page, &error);
    if (ok && page->host) {
        sys_copy(to, page->host + linear % GUEST_PAGE_SIZE, n);
    }
    rcu_read_unlock();
    return ok && page->host ? n : 0;
}

uint32_t sys_fetch(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t len, uint64_t *ram)
{
    uint8_t *to = buf;
    uint32_t done = 0;

    while (done < len) {
        uint64_t at = linear + done;
        uint64_t left = GUEST_PAGE_SIZE - at % GUEST_PAGE_SIZE;
        uint32_t n = left < len - done ? (uint32_t)left : len - done;
        struct code_page page = {.ram = SYS_NO_RAM};

        if (!(cpu->efer & SYS_EFER_LMA)) {
            at &= UINT32_MAX;
        }
        bool there = fetch_page(cpu, at, to + done, n, done == 0, &page);
        if (done == 0) {
            *ram = page.host ? page.ram | linear % GUEST_PAGE_SIZE : SYS_NO_RAM;
        }
        if (!there) {
            break;
        }
        done += n;
    }
    return done;
}

uint32_t sys_fetch_device(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t len)
{
    uint64_t left = GUEST_PAGE_SIZE - linear % GUEST_PAGE_SIZE;
    uint32_t n = left < len ? (uint32_t)left : len;
    struct code_page page = {.ram = SYS_NO_RAM};

    rcu_read_lock();
    sys_tlb_sync(cpu);
    bool ok = find_or_raise(cpu, linear, &page);
    rcu_read_unlock();
    if (!ok || page.host) {
        return 0;
    }
    sys_phys_load(cpu, page.phys | linear % GUEST_PAGE_SIZE, buf, n);
    return n;
}
