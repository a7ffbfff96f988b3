/* The 8254 (Intel 8254 data sheet), on the virtual clock. A counter is its count,
 * the tick at which it was loaded, and its mode: what it shows and what its output
 * is follows from the time. Only channel 0's output is acted on, by a timer that
 * expires when it rises; a rise is an edge whether or not anybody saw the line low.
 * If the main loop is late there are as many as periods have passed (irq_tick); so there
 * are of periods too short for it.
 *
 * A count written while the counter runs takes effect at once, not at the end of
 * the running period. */
#include "hw/i8254.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "hw/ticks.h"

#define CHANNELS    3
#define SPEAKER     2     /* the channel whose gate port 0x61 drives */
#define REFRESH_BIT 15085 /* ns between toggles of port 0x61's refresh bit */
#define PERIOD_MIN  60    /* ticks, 50 us: the main loop has other things to do */

enum rw { RW_LATCH, RW_LOW, RW_HIGH, RW_BOTH };

struct OWNED_BY(holder of the bql) channel {
    uint8_t mode, rw;
    bool bcd, gate;
    bool loaded;    /* a count was written since the mode was */
    bool triggered; /* modes 1 and 5: the gate has risen since */
    uint32_t count; /* 1 to 65536 or 10000 */
    int64_t start;  /* tick at which it began */
    int64_t held;   /* ticks it had counted when its gate fell */
    bool write_high, read_high;
    uint8_t low; /* first byte written */
    bool latched;
    uint16_t latch;
    bool status_latched;
    uint8_t status;
};

struct i8254 {
    struct memory_region region, port61;
    struct irq irq IMMUTABLE_AFTER_INIT;
    struct aio_timer timer;
    struct channel channel[CHANNELS] GUARDED_BY(bql);
    int64_t next GUARDED_BY(bql); /* tick of channel 0's next rise; -1: none */
    uint8_t speaker GUARDED_BY(bql);
};

static int64_t now_ticks(void)
{
    return ticks_of_ns(aio_clock_get_ns(AIO_CLOCK_VIRTUAL), I8254_HZ);
}

static bool is_periodic(const struct channel *c)
{
    return c->mode == 2 || c->mode == 3;
}

static bool is_one_shot(const struct channel *c)
{
    return c->mode == 1 || c->mode == 5;
}

/* Ticks that it has counted since it was loaded or triggered. */
static int64_t elapsed(const struct channel *c, int64_t now)
{
    bool stands = !c->gate && !is_one_shot(c);

    return stands ? c->held : now - c->start;
}

static bool counts(const struct channel *c)
{
    return c->loaded && (!is_one_shot(c) || c->triggered);
}

static bool output(const struct channel *c, int64_t now)
{
    int64_t d = elapsed(c, now);

    if (!counts(c)) {
        return c->mode != 0;
    }
    switch (c->mode) {
    case 0:
    case 1:
        return d >= c->count;
    case 2:
        return !c->gate || d % c->count != c->count - 1;
    case 3:
        return !c->gate || d % c->count < (c->count + 1) / 2;
    default:
        return d != c->count;
    }
}

static uint16_t to_bcd(uint32_t v)
{
    return (uint16_t)(v / 1000 % 10 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static uint32_t from_bcd(uint32_t v)
{
    return (v >> 12 & 15) * 1000 + (v >> 8 & 15) * 100 + (v >> 4 & 15) * 10 + (v & 15);
}

static uint16_t current_count(const struct channel *c, int64_t now)
{
    uint32_t range = c->bcd ? 10000 : 65536;
    int64_t d = counts(c) ? elapsed(c, now) : 0;
    int64_t left;

    if (c->mode == 3) {
        left = c->count - d * 2 % c->count;
    } else if (c->mode == 2) {
        left = c->count - d % c->count;
    } else {
        left = ((int64_t)c->count - d % range + range) % range;
    }
    return c->bcd ? to_bcd((uint32_t)left) : (uint16_t)left;
}

/* The tick after `now` at which the output rises; -1: it does not. */
static int64_t next_rise(const struct channel *c, int64_t now)
{
    if (!counts(c) || (!c->gate && !is_one_shot(c))) {
        return -1;
    }
    if (is_periodic(c)) {
        return c->start + ((now - c->start) / c->count + 1) * c->count;
    }
    return now < c->start + c->count ? c->start + c->count : -1;
}

static void arm(struct i8254 *pit, int64_t now) REQUIRES(bql)
{
    const struct channel *c = &pit->channel[0];
    int64_t at;

    pit->next = next_rise(c, now);
    if (pit->next < 0) {
        aio_timer_del(&pit->timer);
        return;
    }
    at = is_periodic(c) && c->count < PERIOD_MIN ? now + PERIOD_MIN : pit->next;
    aio_timer_mod(&pit->timer, ticks_to_ns(at, I8254_HZ));
}

/* How often the output has risen from tick `first`, when it did, to `now`. */
static unsigned rises_since(const struct channel *c, int64_t first, int64_t now)
{
    int64_t more = is_periodic(c) ? (now - first) / c->count : 0;

    return (unsigned)(more < UINT_MAX ? more : UINT_MAX - 1) + 1;
}

static void on_timer(void *opaque)
{
    struct i8254 *pit = opaque;
    int64_t now = now_ticks();

    bql_assert_locked();
    if (pit->next < 0 || now < pit->next) {
        return; /* was set to another time when this was under way */
    }
    irq_tick(&pit->irq, rises_since(&pit->channel[0], pit->next, now));
    arm(pit, now);
}

/* After channel n has been written to. */
static void changed(struct i8254 *pit, unsigned n, int64_t now) REQUIRES(bql)
{
    if (n == 0) {
        irq_tick(&pit->irq, 0);
        irq_set(&pit->irq, output(&pit->channel[0], now));
        arm(pit, now);
    }
}

static void load(struct channel *c, uint32_t value, int64_t now)
{
    if (c->bcd) {
        value = from_bcd(value);
    }
    c->count = value ? value : c->bcd ? 10000 : 65536;
    c->loaded = true;
    if (!is_one_shot(c)) {
        c->start = now;
        c->held = 0;
    }
}

static void set_gate(struct channel *c, bool gate, int64_t now)
{
    if (gate == c->gate) {
        return;
    }
    if (!gate) {
        c->held = elapsed(c, now);
    } else if (is_one_shot(c)) {
        c->triggered = true;
        c->start = now;
    } else { /* modes 2 and 3 start anew, the others go on */
        c->start = is_periodic(c) ? now : now - c->held;
    }
    c->gate = gate;
}

static void latch_count(struct channel *c, int64_t now)
{
    if (!c->latched) {
        c->latch = current_count(c, now);
        c->latched = true;
    }
}

static void latch_status(struct channel *c, int64_t now)
{
    if (!c->status_latched) {
        c->status = (uint8_t)((output(c, now) ? 0x80 : 0) | (c->loaded ? 0 : 0x40) | c->rw << 4 |
                              c->mode << 1 | c->bcd);
        c->status_latched = true;
    }
}

static void write_control(struct i8254 *pit, uint8_t v, int64_t now) REQUIRES(bql)
{
    unsigned n = v >> 6;
    struct channel *c;

    if (n == 3) { /* read back */
        for (unsigned i = 0; i < CHANNELS; i++) {
            if (v & 2u << i) {
                if (!(v & 0x20)) {
                    latch_count(&pit->channel[i], now);
                }
                if (!(v & 0x10)) {
                    latch_status(&pit->channel[i], now);
                }
            }
        }
        return;
    }
    c = &pit->channel[n];
    if ((v >> 4 & 3) == RW_LATCH) {
        latch_count(c, now);
        return;
    }
    c->rw = v >> 4 & 3;
    c->mode = v >> 1 & 7;
    c->mode = (uint8_t)(c->mode > 5 ? c->mode - 4 : c->mode);
    c->bcd = v & 1;
    c->loaded = c->triggered = c->write_high = c->read_high = false;
    c->latched = c->status_latched = false;
    c->held = 0;
    changed(pit, n, now);
}

static enum memory_result i8254_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct i8254 *pit = opaque;
    uint8_t v = (uint8_t)value;
    int64_t now = now_ticks();
    struct channel *c;
    (void)size;

    bql_assert_locked();
    if (offset >= CHANNELS) {
        write_control(pit, v, now);
        return MEMORY_OK;
    }
    c = &pit->channel[offset];
    if (c->rw == RW_BOTH && !c->write_high) {
        c->low = v;
        c->write_high = true;
        if (c->mode == 0) { /* the first byte stops it */
            c->loaded = false;
            changed(pit, (unsigned)offset, now);
        }
        return MEMORY_OK;
    }
    load(c,
         c->rw == RW_LOW    ? v
         : c->rw == RW_HIGH ? (uint32_t)v << 8
                            : (uint32_t)v << 8 | c->low,
         now);
    c->write_high = false;
    changed(pit, (unsigned)offset, now);
    return MEMORY_OK;
}

static uint8_t read_counter(struct channel *c, int64_t now)
{
    uint16_t count = c->latched ? c->latch : current_count(c, now);
    bool high = c->rw == RW_HIGH || (c->rw == RW_BOTH && c->read_high);

    if (c->status_latched) {
        c->status_latched = false;
        return c->status;
    }
    if (c->rw == RW_BOTH) {
        c->read_high = !c->read_high;
    }
    if (c->rw != RW_BOTH || !c->read_high) {
        c->latched = false;
    }
    return (uint8_t)(high ? count >> 8 : count);
}

static enum memory_result i8254_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct i8254 *pit = opaque;
    (void)size;

    bql_assert_locked();
    *value = offset < CHANNELS ? read_counter(&pit->channel[offset], now_ticks()) : 0;
    return MEMORY_OK;
}

static enum memory_result port61_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct i8254 *pit = opaque;
    int64_t ns = aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = (uint64_t)(pit->speaker | (ns / REFRESH_BIT & 1) << 4 |
                        (output(&pit->channel[SPEAKER], now_ticks()) ? 0x20 : 0));
    return MEMORY_OK;
}

static enum memory_result port61_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct i8254 *pit = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    pit->speaker = value & 0xf;
    set_gate(&pit->channel[SPEAKER], value & 1, now_ticks());
    return MEMORY_OK;
}

static const struct memory_ops i8254_ops = {
    .read = i8254_read, .write = i8254_write, .min_size = 1, .max_size = 1};
static const struct memory_ops port61_ops = {
    .read = port61_read, .write = port61_write, .min_size = 1, .max_size = 1};

void i8254_reset(void *opaque)
{
    struct i8254 *pit = opaque;

    for (unsigned i = 0; i < CHANNELS; i++) {
        pit->channel[i] =
            (struct channel){.mode = 3, .rw = RW_BOTH, .gate = i != SPEAKER, .count = 65536};
    }
    pit->speaker = 0;
    changed(pit, 0, now_ticks());
}

int i8254_new(struct memory_region *io, struct irq irq, struct i8254 **out, struct error *err)
{
    struct i8254 *pit = calloc(1, sizeof(*pit));

    if (!pit) {
        return error_set(err, ENOMEM, "i8254: out of memory");
    }
    pit->irq = irq;
    aio_timer_init(&pit->timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_timer, pit);
    i8254_reset(pit);
    memory_region_init_io(&pit->region, &i8254_ops, pit, "i8254", 4);
    memory_region_add(io, 0x40, &pit->region, 0);
    memory_region_init_io(&pit->port61, &port61_ops, pit, "port61", 1);
    memory_region_add(io, 0x61, &pit->port61, 0);
    *out = pit;
    return 0;
}

void i8254_free(struct i8254 *pit)
{
    aio_timer_del(&pit->timer);
    memory_region_destroy(&pit->region);
    memory_region_destroy(&pit->port61);
    free(pit);
}
