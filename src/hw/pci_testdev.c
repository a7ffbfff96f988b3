/* pci-testdev. Each BAR begins with the header of the test that was chosen last in any
 * of them; in its second half is a byte for each test to be written to. */
#include "hw/pci_testdev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MEMORY_SIZE 4096u
#define PORTS_SIZE  256u
#define TESTS       3u
#define NAME_AT     16
#define MATCH       0xfa /* the value that tests with one value take */
#define ANY         0xce /* what is written in the others */

enum test { TEST_CALLBACK, TEST_ANY_VALUE, TEST_ONE_VALUE };

static const char *const test_names[TESTS] = {"no-eventfd", "wildcard-eventfd",
                                              "datamatch-eventfd"};

struct pci_testdev;

/* One of the two BARs. */
struct part {
    struct memory_region region;
    struct pci_testdev *dev IMMUTABLE_AFTER_INIT;
    uint32_t half IMMUTABLE_AFTER_INIT; /* of its size */
    unsigned n IMMUTABLE_AFTER_INIT;
};

struct pci_testdev {
    struct pci_device pci;
    struct part part[2];
    int eventfd IMMUTABLE_AFTER_INIT;
    const struct part *chosen GUARDED_BY(bql); /* NULL: no test runs */
    enum test test GUARDED_BY(bql);
    uint32_t count GUARDED_BY(bql);
};

static uint32_t target_of(const struct pci_testdev *d) REQUIRES(bql)
{
    return d->chosen->half + d->chosen->n * TESTS + d->test;
}

/* Takes what has been signalled into the count. */
static void collect(struct pci_testdev *d) REQUIRES(bql)
{
    uint64_t signals;

    if (read(d->eventfd, &signals, sizeof(signals)) == (ssize_t)sizeof(signals)) {
        d->count += (uint32_t)signals;
    }
}

static void stop(struct pci_testdev *d) REQUIRES(bql)
{
    if (d->chosen && d->test != TEST_CALLBACK) {
        memory_region_remove_notifier(&d->part[d->chosen->n].region, target_of(d), d->eventfd);
    }
    d->chosen = NULL;
    collect(d);
}

static void start(struct pci_testdev *d, struct part *p, uint64_t number) REQUIRES(bql)
{
    stop(d);
    if (number >= TESTS) {
        return;
    }
    d->chosen = p;
    d->test = (enum test)number;
    d->count = 0;
    if (d->test != TEST_CALLBACK &&
        memory_region_add_notifier(&p->region, target_of(d), 1, d->test == TEST_ONE_VALUE, MATCH,
                                   d->eventfd) < 0) {
        d->chosen = NULL; /* as a test that is not there */
    }
}

static uint8_t header_byte(struct pci_testdev *d, uint64_t offset) REQUIRES(bql)
{
    char name[64];

    if (offset >= NAME_AT) {
        int len = snprintf(name, sizeof(name), "%s-%s", d->chosen->n == 0 ? "mmio" : "portio",
                           test_names[d->test]);

        return offset - NAME_AT < (unsigned)len ? (uint8_t)name[offset - NAME_AT] : 0;
    }
    if (offset >= 12) {
        collect(d);
        return (uint8_t)(d->count >> 8 * (offset - 12));
    }
    if (offset >= 8) {
        return offset > 8 ? 0 : d->test == TEST_ANY_VALUE ? ANY : MATCH;
    }
    if (offset >= 4) {
        return (uint8_t)(target_of(d) >> 8 * (offset - 4));
    }
    return offset == 1; /* the width of writes: a byte */
}

static enum memory_result part_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct part *p = opaque;
    (void)size;

    bql_assert_locked();
    *value = p->dev->chosen ? header_byte(p->dev, offset) : 0;
    return MEMORY_OK;
}

static enum memory_result part_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct part *p = opaque;
    struct pci_testdev *d = p->dev;
    (void)size;

    bql_assert_locked();
    if (offset == 0) {
        start(d, p, value);
    } else if (d->chosen == p && offset == target_of(d) &&
               (d->test == TEST_ANY_VALUE || value == MATCH)) {
        d->count++;
    }
    return MEMORY_OK;
}

static const struct memory_ops part_ops = {
    .read = part_read, .write = part_write, .min_size = 1, .max_size = 1};

static struct pci_testdev *testdev_of(struct pci_device *d)
{
    return (struct pci_testdev *)(void *)d;
}

static void reset(struct pci_device *pci)
{
    bql_assert_locked();
    stop(testdev_of(pci));
}

static void free_testdev(struct pci_device *pci)
{
    struct pci_testdev *d = testdev_of(pci);

    bql_assert_locked();
    stop(d);
    memory_region_destroy(&d->part[0].region);
    memory_region_destroy(&d->part[1].region);
    (void)close(d->eventfd);
    free(d);
}

static const struct pci_device_ops ops = {.reset = reset, .free = free_testdev};

static void add_part(struct pci_testdev *d, unsigned n, unsigned type, const char *name,
                     uint32_t size) REQUIRES(bql)
{
    struct part *p = &d->part[n];

    p->dev = d;
    p->n = n;
    p->half = size / 2;
    memory_region_init_io(&p->region, &part_ops, p, name, size);
    pci_device_add_bar(&d->pci, n, type, &p->region, size);
}

int pci_testdev_new(struct pci_bus *bus, int devfn, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x1b36,
                                       .device = 0x0005,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x00ff00};
    struct pci_testdev *d = calloc(1, sizeof(*d));
    int ret;

    if (!d) {
        return error_set(err, ENOMEM, "pci-testdev: out of memory");
    }
    d->eventfd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (d->eventfd < 0) {
        ret = error_set(err, errno, "pci-testdev: eventfd: %s", error_text(errno));
        free(d);
        return ret;
    }
    ret = pci_device_init(&d->pci, bus, devfn, "pci-testdev", &ids, &ops, err);
    if (ret < 0) {
        (void)close(d->eventfd);
        free(d);
        return ret;
    }
    add_part(d, 0, PCI_BAR_MEMORY, "pci-testdev-memory", MEMORY_SIZE);
    add_part(d, 1, PCI_BAR_IO, "pci-testdev-ports", PORTS_SIZE);
    return 0;
}
