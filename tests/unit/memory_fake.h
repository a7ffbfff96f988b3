/* Guest-physical memory for tests: a root region and an address space of it, RAM,
 * and devices that remember what was done to them. Tests hold the BQL. */
#ifndef TESTS_UNIT_MEMORY_FAKE_H
#define TESTS_UNIT_MEMORY_FAKE_H

#include "exec_fake.h"

#include "exec/memory.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* A device that remembers what was done to it, and answers with its name and the
 * offset. */
struct probe {
    struct memory_region mr;
    uint64_t name;
    unsigned accesses;
    uint64_t offset, value;
    unsigned size;
    bool had_bql;
    struct address_space *dma; /* is entered again through it, at dma_addr */
    uint64_t dma_addr;
    enum memory_result dma_result;
};

static inline void note(struct probe *p, uint64_t offset, unsigned size)
{
    p->accesses++;
    p->offset = offset;
    p->size = size;
    p->had_bql = bql_locked();
}

static inline enum memory_result probe_read(void *opaque, uint64_t offset, unsigned size,
                                            uint64_t *value)
{
    struct probe *p = opaque;

    note(p, offset, size);
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value |= ((p->name + offset + i) & 0xff) << 8 * i;
    }
    if (p->dma) {
        uint64_t ignored;
        p->dma_result = address_space_read(p->dma, p->dma_addr, &ignored, 1);
    }
    return MEMORY_OK;
}

static inline enum memory_result probe_write(void *opaque, uint64_t offset, unsigned size,
                                             uint64_t value)
{
    struct probe *p = opaque;

    note(p, offset, size);
    p->value = value;
    return MEMORY_OK;
}

/* Takes accesses of every size. */
static const struct memory_ops probe_any_ops = {.read = probe_read, .write = probe_write};

/* What most tests have: a root, a space of it, a few devices. */
struct fixture {
    struct memory_region root, ram, other, alias, alias2, box;
    struct probe dev[3];
    struct address_space *as;
    unsigned changes; /* calls of the listener */
};

static inline void changed(void *opaque)
{
    struct fixture *f = opaque;

    f->changes++;
}

static inline void expect_ok(int ret, const struct error *err)
{
    if (ret < 0) {
        fail_msg("%s", err->text);
    }
}

static inline int setup(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err = {0};

    bql_lock();
    memory_region_init(&f->root, "root", UINT64_MAX);
    expect_ok(address_space_new(&f->as, "test", &f->root, &err), &err);
    address_space_set_listener(f->as, changed, f);
    *state = f;
    return 0;
}

static inline int teardown(void **state) NO_THREAD_SAFETY_ANALYSIS
{
    struct fixture *f = *state;

    address_space_free(f->as);
    bql_unlock();
    rcu_barrier();
    free(f);
    return 0;
}

/* Tests run with the BQL, which setup has taken. */
static inline struct fixture *with_bql(void **state) ASSERT_CAPABILITY(bql)
{
    bql_assert_locked();
    return *state;
}

static inline void add_device(struct fixture *f, unsigned n, const struct memory_ops *ops,
                              uint64_t addr, uint64_t size, int priority) REQUIRES(bql)
{
    f->dev[n].name = 0x10 * (n + 1);
    memory_region_init_io(&f->dev[n].mr, ops, &f->dev[n], "device", size);
    memory_region_add(&f->root, addr, &f->dev[n].mr, priority);
}

static inline void add_ram(struct fixture *f, uint64_t addr, uint64_t size) REQUIRES(bql)
{
    struct error err = {0};

    expect_ok(memory_region_init_ram(&f->ram, "ram", size, &err), &err);
    memory_region_add(&f->root, addr, &f->ram, 0);
}

/* As a CPU, which has not got the BQL that the tests hold otherwise. */
static inline enum memory_result cpu_load(struct address_space *as, uint64_t addr, unsigned size,
                                          uint64_t *value) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    enum memory_result result = address_space_load(as, addr, size, value);
    bql_lock();
    return result;
}

static inline enum memory_result cpu_store(struct address_space *as, uint64_t addr, unsigned size,
                                           uint64_t value) NO_THREAD_SAFETY_ANALYSIS
{
    bql_unlock();
    enum memory_result result = address_space_store(as, addr, size, value);
    bql_lock();
    return result;
}

static inline uint64_t load(struct fixture *f, uint64_t addr, unsigned size)
{
    uint64_t value = 0;

    (void)cpu_load(f->as, addr, size, &value);
    return value;
}

/* Which device answers at addr: 0, 1, 2; 9: none. */
static inline unsigned who(struct fixture *f, uint64_t addr)
{
    uint64_t value;

    for (unsigned i = 0; i < 3; i++) {
        f->dev[i].accesses = 0;
    }
    (void)cpu_load(f->as, addr, 1, &value);
    for (unsigned i = 0; i < 3; i++) {
        if (f->dev[i].accesses) {
            return i;
        }
    }
    return 9;
}

/* A test with a fixture of its own. */
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

#endif
