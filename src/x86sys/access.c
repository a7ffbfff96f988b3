/* Data accesses to linear memory, from generated code's slow path and from C.
 *
 * An access is resolved first, both pages of it if it crosses: only then is
 * anything read or written, so that one that faults has done nothing. RAM is
 * reached in place, under a read section; devices, ROM for writes, and crossings
 * of pages that are not neighbours in RAM by way of physical addresses
 * (phys.c), which may leave the section and so keep no host address. */
#include "x86sys/walk.h"

#include "exec/tb.h"
#include "x86sys/copy_asm.h"
#include "x86sys/emulate.h"
#include "x86sys/inside.h"

/* An access of up to a page, resolved. */
struct resolved {
    enum sys_mmu mmu;
    uint32_t head;             /* bytes on the first page */
    uint64_t phys[2];          /* of the first byte; of the second page */
    struct sys_page page[2];   /* [1] only if it crosses */
    struct memory_page mem[2]; /* good while in the read section */
};

static uint32_t head_of(uint64_t linear, uint32_t size)
{
    uint64_t left = GUEST_PAGE_SIZE - linear % GUEST_PAGE_SIZE;

    return left < size ? (uint32_t)left : size;
}

/* One page; *addr and *error say what faulted. */
static bool resolve_page(struct sys_cpu *cpu, uint64_t linear, uint32_t access, struct resolved *r,
                         unsigned n, uint32_t *error) REQUIRES_SHARED(rcu_cap)
{
    if (!sys_walk_cached(cpu, linear, access, r->mmu, &r->page[n], error)) {
        return false;
    }
    r->phys[n] = r->page[n].phys | linear % GUEST_PAGE_SIZE;
    r->mem[n] = address_space_page(sys_memory_space(cpu), r->page[n].phys);
    return true;
}

/* The linear address behind the first page: 32 bits outside of long mode. */
static uint64_t second_page(const struct sys_cpu *cpu, uint64_t linear, uint32_t head)
{
    uint64_t next = linear + head;

    return cpu->efer & SYS_EFER_LMA ? next : (uint32_t)next;
}

static bool resolve(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                    struct resolved *r, uint64_t *fault, uint32_t *error) REQUIRES_SHARED(rcu_cap)
{
    r->mmu = sys_mmu_of(cpu, access);
    r->head = head_of(linear, size);
    *fault = linear;
    if (!resolve_page(cpu, linear, access, r, 0, error)) {
        return false;
    }
    if (r->head == size) {
        return true;
    }
    *fault = second_page(cpu, linear, r->head);
    return resolve_page(cpu, *fault, access, r, 1, error);
}

static bool resolve_or_raise(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                             struct resolved *r) REQUIRES_SHARED(rcu_cap)
{
    uint64_t fault;
    uint32_t error;

    if (!resolve(cpu, linear, size, access, r, &fault, &error)) {
        return sys_raise_page_fault(cpu, fault, error);
    }
    return true;
}

/* An access that will be made: a breakpoint may be on it. */
static void note_access(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    if (cpu->mode & SYS_MODE_DEBUG && !(access & (SYS_IMPLICIT | SYS_FETCH))) {
        sys_debug_check(cpu, linear, size, access);
    }
}

/* Whether the access can be made in host memory as one: on one page of RAM, or on
 * two that are neighbours there. */
static bool in_ram(const struct resolved *r, uint32_t size, uint32_t access)
{
    bool write = access & SYS_WRITE;

    if (!r->mem[0].host || (write && !r->mem[0].writable)) {
        return false;
    }
    return r->head == size || (r->mem[1].host == r->mem[0].host + GUEST_PAGE_SIZE &&
                               r->mem[1].ram_addr == r->mem[0].ram_addr + GUEST_PAGE_SIZE &&
                               (!write || r->mem[1].writable));
}

static void load_bounce(struct sys_cpu *cpu)
{
    struct sys_bounce *b = &cpu->bounce;
    uint8_t *data = sys_bounce_data(b);

    sys_phys_load(cpu, b->phys[0], data, b->head);
    if (b->head < b->size) {
        sys_phys_load(cpu, b->phys[1], data + b->head, b->size - b->head);
    }
}

/* The access in RAM: fills the TLB where it can. */
static uintptr_t begin_in_ram(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                              const struct resolved *r, bool *commit) REQUIRES_SHARED(rcu_cap)
{
    uint64_t offset = linear % GUEST_PAGE_SIZE;
    bool writes = false;

    if (r->head == size) {
        writes = sys_tlb_fill(cpu, r->mmu, linear, &r->page[0], &r->mem[0]);
    }
    /* A store that no write tag stands for looks after translations itself. */
    if (access & SYS_WRITE && !writes) {
        struct sys_bounce *b = &cpu->bounce;

        *commit = true;
        b->in_place = true;
        b->linear = linear;
        b->size = size;
        b->access = access;
        b->ram = r->mem[0].ram_addr + offset;
    }
    return (uintptr_t)(r->mem[0].host + offset);
}

uintptr_t sys_access_begin(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                           bool *commit)
{
    struct sys_bounce *b = &cpu->bounce;
    struct resolved r;
    uintptr_t host = 0;

    *commit = false;
    rcu_read_lock();
    sys_tlb_sync(cpu);
    bool ok = resolve_or_raise(cpu, linear, size, access, &r);
    if (ok && in_ram(&r, size, access)) {
        host = begin_in_ram(cpu, linear, size, access, &r, commit);
    }
    rcu_read_unlock();
    if (ok) {
        note_access(cpu, linear, size, access);
    }
    if (!ok || host) {
        return host;
    }
    b->in_place = false;
    b->linear = linear;
    b->size = size;
    b->access = access;
    b->head = r.head;
    b->phys[0] = r.phys[0];
    b->phys[1] = r.phys[1];
    /* The addresses stay good while we wait: a CPU that changes mappings waits for an
     * acknowledgement between two instructions of this one. */
    if (access & SYS_LOCKED && !sys_alone_begin(cpu)) {
        return 0;
    }
    if (access & SYS_READ) {
        load_bounce(cpu);
    }
    *commit = access & SYS_WRITE;
    return (uintptr_t)sys_bounce_data(b);
}

bool sys_access_commit(struct sys_cpu *cpu)
{
    struct sys_bounce *b = &cpu->bounce;

    if (b->in_place) {
        sys_ram_written(cpu, b->ram, b->size);
        return true;
    }
    const uint8_t *data = sys_bounce_data(b);
    sys_phys_store(cpu, b->phys[0], data, b->head);
    if (b->head < b->size) {
        sys_phys_store(cpu, b->phys[1], data + b->head, b->size - b->head);
    }
    return true;
}

/* The entry that lets the access pass, if there is one. */
static const struct sys_tlb_entry *hit(const struct sys_cpu *cpu, uint64_t linear, uint32_t size,
                                       uint32_t access)
{
    const struct sys_tlb_entry *table = cpu->tlb.e[sys_mmu_of(cpu, access)];

    for (unsigned n = 0; n < 2; n++) {
        const struct sys_tlb_entry *e = &table[n ? sys_tlb_victim(linear) : sys_tlb_index(linear)];
        uint64_t tag =
            atomic_load_explicit(access & SYS_WRITE ? &e->write : &e->read, memory_order_relaxed);

        if (linear - tag <= GUEST_PAGE_SIZE - size) {
            return e;
        }
    }
    return NULL;
}

static uint8_t *hit_host(const struct sys_tlb_entry *e, uint64_t linear)
{
    return (uint8_t *)(uintptr_t)e->host + linear % GUEST_PAGE_SIZE;
}

/* Resolves an access and fills the TLB if it lies in one page of RAM. */
static bool resolve_and_fill(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access,
                             struct resolved *r)
{
    rcu_read_lock();
    bool ok = resolve_or_raise(cpu, linear, size, access, r);
    if (ok && r->head == size && r->mem[0].host) {
        sys_tlb_fill(cpu, r->mmu, linear, &r->page[0], &r->mem[0]);
    }
    rcu_read_unlock();
    return ok;
}

bool sys_mem_read(struct sys_cpu *cpu, uint64_t linear, void *buf, uint32_t size, uint32_t access)
{
    struct resolved r;

    rcu_read_lock();
    sys_tlb_sync(cpu);
    const struct sys_tlb_entry *e = hit(cpu, linear, size, access);
    if (e) {
        sys_copy(buf, hit_host(e, linear), size);
    }
    rcu_read_unlock();
    if (e) {
        return true;
    }
    if (!resolve_and_fill(cpu, linear, size, access, &r)) {
        return false;
    }
    note_access(cpu, linear, size, access);
    sys_phys_load(cpu, r.phys[0], buf, r.head);
    if (r.head < size) {
        sys_phys_load(cpu, r.phys[1], (uint8_t *)buf + r.head, size - r.head);
    }
    return true;
}

bool sys_mem_write(struct sys_cpu *cpu, uint64_t linear, const void *buf, uint32_t size,
                   uint32_t access)
{
    struct resolved r;

    access |= SYS_WRITE;
    rcu_read_lock();
    sys_tlb_sync(cpu);
    const struct sys_tlb_entry *e = hit(cpu, linear, size, access);
    if (e) {
        uint64_t page = atomic_load_explicit(&e->ram, memory_order_relaxed);

        sys_copy(hit_host(e, linear), buf, size);
        sys_ram_written(cpu, (page & ~(GUEST_PAGE_SIZE - 1)) | linear % GUEST_PAGE_SIZE, size);
    }
    rcu_read_unlock();
    if (e) {
        return true;
    }
    if (!resolve_and_fill(cpu, linear, size, access, &r)) {
        return false;
    }
    note_access(cpu, linear, size, access);
    sys_phys_store(cpu, r.phys[0], buf, r.head);
    if (r.head < size) {
        sys_phys_store(cpu, r.phys[1], (const uint8_t *)buf + r.head, size - r.head);
    }
    return true;
}

bool sys_mem_probe(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    struct resolved r;

    rcu_read_lock();
    sys_tlb_sync(cpu);
    bool ok = hit(cpu, linear, size, access);
    rcu_read_unlock();
    return ok || resolve_and_fill(cpu, linear, size, access, &r);
}

void *sys_mem_host(struct sys_cpu *cpu, uint64_t linear, uint32_t size, uint32_t access)
{
    struct resolved r;
    uint64_t fault;
    uint32_t error;
    uint8_t *host = NULL;

    rcu_read_lock();
    sys_tlb_sync(cpu);
    const struct sys_tlb_entry *e = hit(cpu, linear, size, access);
    if (e) {
        host = hit_host(e, linear);
    } else if (head_of(linear, size) == size && !sys_debug_watches(cpu, linear) &&
               resolve(cpu, linear, size, access, &r, &fault, &error) && in_ram(&r, size, access) &&
               (sys_tlb_fill(cpu, r.mmu, linear, &r.page[0], &r.mem[0]) || !(access & SYS_WRITE))) {
        host = r.mem[0].host + linear % GUEST_PAGE_SIZE;
    }
    rcu_read_unlock();
    return host;
}

void sys_mem_host_written(struct sys_cpu *cpu, uint64_t linear, uint32_t size)
{
    uint64_t tag = linear & ~(GUEST_PAGE_SIZE - 1);

    /* Whatever mode it was stored in, the page's entry is still there, for reads at
     * least, or has become a victim. */
    for (unsigned n = 0; n < 2 * SYS_MMU_MODES; n++) {
        unsigned i = n % 2 ? sys_tlb_victim(linear) : sys_tlb_index(linear);
        const struct sys_tlb_entry *e = &cpu->tlb.e[n / 2][i];

        if (atomic_load_explicit(&e->read, memory_order_relaxed) == tag) {
            uint64_t page = atomic_load_explicit(&e->ram, memory_order_relaxed);

            sys_ram_written(cpu, (page & ~(GUEST_PAGE_SIZE - 1)) | linear % GUEST_PAGE_SIZE, size);
        }
    }
}
