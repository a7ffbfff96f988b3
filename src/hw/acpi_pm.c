/* ACPI fixed hardware (ACPI specification 6.5, chapter 4.8). Under the BQL, but for
 * the timer register: it is a function of the virtual clock, and guests read it often.
 *
 * The timer's status bit is set when bit 23 of the count changes; that is found out
 * when somebody looks, and by a timer only while it may interrupt. */
#include "hw/acpi_pm.h"

#include <errno.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "hw/ticks.h"

#define TIMER_BITS 24
#define APM_PORT   0xb2

enum pm1 {
    PM1_TIMER = 1 << 0,
    PM1_GLOBAL = 1 << 5,
    PM1_POWER_BUTTON = 1 << 8,
    PM1_SLEEP_BUTTON = 1 << 9,
    PM1_RTC = 1 << 10,
    PM1_WAKE = 1 << 15,
};
#define PM1_EVENTS (PM1_TIMER | PM1_GLOBAL | PM1_POWER_BUTTON | PM1_SLEEP_BUTTON | PM1_RTC)

enum control { CONTROL_SCI = 1 << 0, CONTROL_SLEEP = 1 << 13 };
#define CONTROL_TYPE_SHIFT 10
#define CONTROL_KEPT       0x1c07u

struct acpi_pm {
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct acpi_pm_config config IMMUTABLE_AFTER_INIT;
    struct memory_region container, events, control, counter, gpe, apm;
    struct aio_timer timer;
    uint16_t status GUARDED_BY(bql), enable GUARDED_BY(bql), cnt GUARDED_BY(bql);
    int64_t seen GUARDED_BY(bql); /* count up to which the timer's status is right */
    uint8_t gpe_reg[32] GUARDED_BY(bql);
    uint8_t apm_reg[2] GUARDED_BY(bql);
    bool smi GUARDED_BY(bql);
    bool container_mapped GUARDED_BY(bql), gpe_mapped GUARDED_BY(bql);
};

static int64_t count_now(void)
{
    return ticks_of_ns(aio_clock_get_ns(AIO_CLOCK_VIRTUAL), ACPI_PM_HZ);
}

static bool gpe_pending(const struct acpi_pm *pm) REQUIRES(bql)
{
    unsigned half = pm->config.gpe_bytes / 2;

    for (unsigned i = 0; i < half; i++) {
        if (pm->gpe_reg[i] & pm->gpe_reg[half + i]) {
            return true;
        }
    }
    return false;
}

/* Status, line and timer, after something has changed or time has passed. */
static void update(struct acpi_pm *pm) REQUIRES(bql)
{
    int64_t now = count_now();
    bool pending;

    if (now >> (TIMER_BITS - 1) != pm->seen >> (TIMER_BITS - 1)) {
        pm->status |= PM1_TIMER;
    }
    pm->seen = now;
    pending = (pm->status & pm->enable & PM1_EVENTS) || gpe_pending(pm);
    irq_set(&pm->config.sci, pending && (pm->cnt & CONTROL_SCI));
    if ((pm->enable & PM1_TIMER) && !(pm->status & PM1_TIMER)) {
        int64_t next = ((now >> (TIMER_BITS - 1)) + 1) << (TIMER_BITS - 1);

        aio_timer_mod(&pm->timer, ticks_to_ns(next, ACPI_PM_HZ));
    } else {
        aio_timer_del(&pm->timer);
    }
}

static void on_timer(void *opaque)
{
    bql_assert_locked();
    update(opaque);
}

/* The bytes of a word register that an access reaches, and what of it belongs there: these
 * registers are written by bytes too. */
static uint16_t reached(uint64_t offset, unsigned size)
{
    return (uint16_t)((size == 1 ? 0xffu : 0xffffu) << offset % 2 * 8);
}

static uint16_t in_place(uint64_t offset, uint64_t value)
{
    return (uint16_t)(value << offset % 2 * 8);
}

static enum memory_result events_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    update(pm);
    *value = (uint64_t)(offset < 2 ? pm->status : pm->enable) >> offset % 2 * 8;
    return MEMORY_OK;
}

static enum memory_result events_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct acpi_pm *pm = opaque;
    uint16_t bits = in_place(offset, value), mask = reached(offset, size);

    bql_assert_locked();
    update(pm);
    if (offset < 2) {
        pm->status &= (uint16_t)~bits;
    } else {
        pm->enable = (uint16_t)(((pm->enable & ~mask) | bits) & PM1_EVENTS);
    }
    update(pm);
    return MEMORY_OK;
}

static enum memory_result control_read(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value)
{
    const struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    *value = offset < 2 ? (uint64_t)pm->cnt >> offset * 8 : 0;
    return MEMORY_OK;
}

static enum memory_result control_write(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value)
{
    struct acpi_pm *pm = opaque;
    uint16_t bits = in_place(offset, value), mask = reached(offset, size);

    bql_assert_locked();
    if (offset >= 2) {
        return MEMORY_OK;
    }
    mask &= (uint16_t)~CONTROL_SCI; /* the APM port's to change, not the guest's */
    pm->cnt = (uint16_t)((bits & CONTROL_KEPT & mask) | (pm->cnt & ~mask));
    if ((bits & CONTROL_SLEEP) && (bits >> CONTROL_TYPE_SHIFT & 7) == pm->config.sleep_off) {
        machine_request(pm->machine, MACHINE_SHUTDOWN, 0);
    }
    return MEMORY_OK;
}

static enum memory_result counter_read(void *opaque, uint64_t offset, unsigned size,
                                       uint64_t *value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    *value = (uint64_t)count_now() & ((1u << TIMER_BITS) - 1);
    return MEMORY_OK;
}

static enum memory_result counter_write(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t value)
{
    (void)opaque;
    (void)offset;
    (void)size;
    (void)value;
    return MEMORY_OK;
}

static enum memory_result gpe_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    *value = offset < sizeof(pm->gpe_reg) ? pm->gpe_reg[offset] : 0;
    return MEMORY_OK;
}

static enum memory_result gpe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    if (offset >= sizeof(pm->gpe_reg)) {
        return MEMORY_OK;
    }
    if (offset < pm->config.gpe_bytes / 2) {
        pm->gpe_reg[offset] &= (uint8_t)~value;
    } else {
        pm->gpe_reg[offset] = (uint8_t)value;
    }
    update(pm);
    return MEMORY_OK;
}

static enum memory_result apm_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    *value = pm->apm_reg[offset & 1];
    return MEMORY_OK;
}

static enum memory_result apm_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct acpi_pm *pm = opaque;
    (void)size;

    bql_assert_locked();
    pm->apm_reg[offset & 1] = (uint8_t)value;
    if (offset != 0) {
        return MEMORY_OK;
    }
    if (value == ACPI_PM_ENABLE) {
        pm->cnt |= CONTROL_SCI;
    } else if (value == ACPI_PM_DISABLE) {
        pm->cnt &= (uint16_t)~CONTROL_SCI;
    }
    update(pm);
    if (pm->smi) {
        irq_pulse(&pm->config.smi);
    }
    return MEMORY_OK;
}

static const struct memory_ops events_ops = {
    .read = events_read, .write = events_write, .min_size = 1, .max_size = 2};
static const struct memory_ops control_ops = {
    .read = control_read, .write = control_write, .min_size = 1, .max_size = 2};
static const struct memory_ops counter_ops = {
    .read = counter_read, .write = counter_write, .min_size = 4, .max_size = 4};
static const struct memory_ops gpe_ops = {
    .read = gpe_read, .write = gpe_write, .min_size = 1, .max_size = 1};
static const struct memory_ops apm_ops = {
    .read = apm_read, .write = apm_write, .min_size = 1, .max_size = 1};

void acpi_pm_map(struct acpi_pm *pm, bool enabled, uint16_t port)
{
    if (pm->container_mapped) {
        memory_region_remove(&pm->container);
    }
    pm->container_mapped = enabled;
    if (enabled) {
        memory_region_add(&pm->machine->io, port, &pm->container, 0);
    }
}

void acpi_pm_map_gpe(struct acpi_pm *pm, bool enabled, uint16_t port)
{
    if (pm->gpe_mapped) {
        memory_region_remove(&pm->gpe);
    }
    pm->gpe_mapped = enabled;
    if (enabled) {
        memory_region_add(&pm->machine->io, port, &pm->gpe, 1);
    }
}

void acpi_pm_set_smi(struct acpi_pm *pm, bool enabled)
{
    pm->smi = enabled;
}

void acpi_pm_power_button(struct acpi_pm *pm)
{
    pm->status |= PM1_POWER_BUTTON;
    update(pm);
}

void acpi_pm_event(struct acpi_pm *pm, unsigned n)
{
    if (n < pm->config.gpe_bytes / 2 * 8) {
        pm->gpe_reg[n / 8] |= (uint8_t)(1u << n % 8);
        update(pm);
    }
}

void acpi_pm_reset(void *opaque)
{
    struct acpi_pm *pm = opaque;

    pm->status = pm->enable = pm->cnt = 0;
    pm->smi = false;
    for (unsigned i = 0; i < sizeof(pm->gpe_reg); i++) {
        pm->gpe_reg[i] = 0;
    }
    pm->apm_reg[0] = pm->apm_reg[1] = 0;
    pm->seen = count_now();
    update(pm);
}

int acpi_pm_new(struct machine *m, const struct acpi_pm_config *config, struct acpi_pm **out,
                struct error *err)
{
    struct acpi_pm *pm = calloc(1, sizeof(*pm));

    if (!pm || config->gpe_bytes > sizeof(pm->gpe_reg)) {
        free(pm);
        return error_set(err, ENOMEM, "acpi: out of memory");
    }
    pm->machine = m;
    pm->config = *config;
    aio_timer_init(&pm->timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_timer, pm);
    memory_region_init(&pm->container, "acpi-pm", 64);
    memory_region_init_io(&pm->events, &events_ops, pm, "acpi-events", 4);
    memory_region_add(&pm->container, 0, &pm->events, 0);
    memory_region_init_io(&pm->control, &control_ops, pm, "acpi-control", 4);
    memory_region_add(&pm->container, 4, &pm->control, 0);
    memory_region_init_io(&pm->counter, &counter_ops, pm, "acpi-timer", 4);
    memory_region_set_lockless(&pm->counter);
    memory_region_add(&pm->container, 8, &pm->counter, 0);
    memory_region_init_io(&pm->gpe, &gpe_ops, pm, "acpi-gpe", config->gpe_bytes);
    memory_region_init_io(&pm->apm, &apm_ops, pm, "apm", 2);
    memory_region_add(&m->io, APM_PORT, &pm->apm, 0);
    acpi_pm_reset(pm);
    *out = pm;
    return 0;
}

void acpi_pm_free(struct acpi_pm *pm)
{
    aio_timer_del(&pm->timer);
    memory_region_destroy(&pm->events);
    memory_region_destroy(&pm->control);
    memory_region_destroy(&pm->counter);
    memory_region_destroy(&pm->container);
    memory_region_destroy(&pm->gpe);
    memory_region_destroy(&pm->apm);
    free(pm);
}
