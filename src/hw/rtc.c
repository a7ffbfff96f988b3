/* The MC146818 (Motorola data sheet), on the virtual clock. The time is an offset to
 * that clock, so nothing ticks: the registers are made from it when they are read,
 * and the flags of register C from what has passed since they were last looked at. A
 * timer runs only for interrupts that are enabled. While the SET bit stops the clock,
 * and while it is written to, the ten registers are kept as they are. */
#include "hw/rtc.h"

#include <errno.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "aio/timer.h"
#include "hw/rtc_calendar.h"
#include "hw/ticks.h"

#define CMOS_SIZE 128
#define CRYSTAL   32768u
#define MAX_BASE  INT64_C(253402300799) /* the end of 9999 */
#define UIP_NS    2228000               /* 244 us before an update, and the 1984 us that it takes */

enum reg {
    SECONDS,
    SECONDS_ALARM,
    MINUTES,
    MINUTES_ALARM,
    HOURS,
    HOURS_ALARM,
    WEEKDAY,
    DAY,
    MONTH,
    YEAR,
    REG_A,
    REG_B,
    REG_C,
    REG_D
};
#define CENTURY 0x32u

#define A_UIP         0x80u
#define B_SET         0x80u
#define B_SQUARE_WAVE 0x08u
#define B_BINARY      0x04u
#define B_24H         0x02u
#define B_LINES       0x70u /* enable bits, at the places of C's flags */
#define C_IRQF        0x80u
#define C_PF          0x40u
#define C_AF          0x20u
#define C_UF          0x10u
#define D_VALID       0x80u
#define PM            0x80u
#define ANY           0xc0u /* in an alarm register: matches everything */

struct rtc {
    struct memory_region region;
    struct irq irq IMMUTABLE_AFTER_INIT;
    struct aio_timer timer;
    uint8_t cmos[CMOS_SIZE] GUARDED_BY(bql);
    uint8_t index GUARDED_BY(bql);
    int64_t offset_s GUARDED_BY(bql); /* see seconds_at */
    int64_t phase_ns GUARDED_BY(bql); /* less than a second */
    int64_t seen_ns GUARDED_BY(bql);  /* virtual time up to which register C is right */
};

static int64_t now_ns(void)
{
    return aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
}

/* Seconds since 1970 at a virtual time. Whole seconds apart, as a guest can set any
 * year of four digits. */
static int64_t seconds_at(const struct rtc *r, int64_t ns) REQUIRES(bql)
{
    return r->offset_s + (ns + r->phase_ns) / AIO_NS_PER_SEC;
}

static int64_t part_at(const struct rtc *r, int64_t ns) REQUIRES(bql)
{
    return (ns + r->phase_ns) % AIO_NS_PER_SEC;
}

static uint8_t encode(const struct rtc *r, int v) REQUIRES(bql)
{
    return (uint8_t)(r->cmos[REG_B] & B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

static int decode(const struct rtc *r, uint8_t v) REQUIRES(bql)
{
    return r->cmos[REG_B] & B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, int hour) REQUIRES(bql)
{
    if (r->cmos[REG_B] & B_24H) {
        return encode(r, hour);
    }
    return (uint8_t)(encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? PM : 0));
}

static int decode_hour(const struct rtc *r, uint8_t v) REQUIRES(bql)
{
    if (r->cmos[REG_B] & B_24H) {
        return decode(r, v);
    }
    return decode(r, (uint8_t)(v & ~PM)) % 12 + (v & PM ? 12 : 0);
}

/* The clock's time to the registers. */
static void store_time(struct rtc *r, int64_t now) REQUIRES(bql)
{
    struct rtc_date d = rtc_date_of(seconds_at(r, now));

    r->cmos[SECONDS] = encode(r, d.second);
    r->cmos[MINUTES] = encode(r, d.minute);
    r->cmos[HOURS] = encode_hour(r, d.hour);
    r->cmos[WEEKDAY] = encode(r, d.weekday);
    r->cmos[DAY] = encode(r, d.day);
    r->cmos[MONTH] = encode(r, d.month);
    r->cmos[YEAR] = encode(r, d.year % 100);
    r->cmos[CENTURY] = encode(r, d.year / 100 % 100);
}

/* The registers to the clock; the part of a second goes on. */
static void load_time(struct rtc *r, int64_t now) REQUIRES(bql)
{
    struct rtc_date d = {
        .second = decode(r, r->cmos[SECONDS]),
        .minute = decode(r, r->cmos[MINUTES]),
        .hour = decode_hour(r, r->cmos[HOURS]),
        .day = decode(r, r->cmos[DAY]),
        .month = decode(r, r->cmos[MONTH]),
        .year = decode(r, r->cmos[CENTURY]) * 100 + decode(r, r->cmos[YEAR]),
    };

    r->offset_s += rtc_seconds_of(&d) - seconds_at(r, now);
}

static bool stands(const struct rtc *r) REQUIRES(bql)
{
    return (r->cmos[REG_B] & B_SET) || (r->cmos[REG_A] & 0x60) == 0x60; /* divider reset */
}

/* Ticks of the crystal per periodic interrupt; 0: none. */
static int64_t period(const struct rtc *r) REQUIRES(bql)
{
    unsigned rate = r->cmos[REG_A] & 15;

    if (rate == 0 || (r->cmos[REG_A] & 0x60) == 0x60) {
        return 0;
    }
    return INT64_C(1) << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static bool alarm_matches(const struct rtc *r, enum reg reg, int value) REQUIRES(bql)
{
    uint8_t v = r->cmos[reg];

    return (v & ANY) == ANY || (reg == HOURS_ALARM ? decode_hour(r, v) : decode(r, v)) == value;
}

/* The first second of the day after `second` of it that the alarm matches; -1: none. */
static int next_alarm_in_day(const struct rtc *r, int second) REQUIRES(bql)
{
    for (int h = (second + 1) / 3600; h < 24; h++) {
        for (int m = 0; m < 60 && alarm_matches(r, HOURS_ALARM, h); m++) {
            for (int s = 0; s < 60 && alarm_matches(r, MINUTES_ALARM, m); s++) {
                if (h * 3600 + m * 60 + s > second && alarm_matches(r, SECONDS_ALARM, s)) {
                    return h * 3600 + m * 60 + s;
                }
            }
        }
    }
    return -1;
}

/* The second after `t` at which the alarm goes off; INT64_MAX: never. */
static int64_t next_alarm(const struct rtc *r, int64_t t) REQUIRES(bql)
{
    int64_t day = t - (t % 86400 + 86400) % 86400;
    int s = next_alarm_in_day(r, (int)(t - day));

    if (s < 0) {
        day += 86400;
        s = next_alarm_in_day(r, -1);
    }
    return s < 0 ? INT64_MAX : day + s;
}

/* Brings register C up to date. */
static void catch_up(struct rtc *r, int64_t now) REQUIRES(bql)
{
    int64_t ticks = period(r);
    int64_t before = seconds_at(r, r->seen_ns);
    int64_t second = seconds_at(r, now);

    if (ticks && ticks_of_ns(now, CRYSTAL) / ticks != ticks_of_ns(r->seen_ns, CRYSTAL) / ticks) {
        r->cmos[REG_C] |= C_PF;
    }
    if (!stands(r) && second > before) {
        r->cmos[REG_C] |= C_UF;
        if (!(r->cmos[REG_C] & C_AF) && next_alarm(r, before) <= second) {
            r->cmos[REG_C] |= C_AF;
        }
    }
    r->seen_ns = now;
}

/* When an enabled interrupt comes next; INT64_MAX: never. */
static int64_t next_event(const struct rtc *r, int64_t now) REQUIRES(bql)
{
    unsigned wanted = r->cmos[REG_B] & B_LINES & ~r->cmos[REG_C];
    int64_t ticks = period(r), next = INT64_MAX;

    if ((wanted & C_PF) && ticks) {
        next = ticks_to_ns((ticks_of_ns(now, CRYSTAL) / ticks + 1) * ticks, CRYSTAL);
    }
    if ((wanted & (C_UF | C_AF)) && !stands(r)) {
        int64_t second = seconds_at(r, now);
        int64_t at = wanted & C_UF ? second + 1 : next_alarm(r, second);
        int64_t ns =
            at == INT64_MAX ? INT64_MAX : (at - r->offset_s) * AIO_NS_PER_SEC - r->phase_ns;

        next = ns < next ? ns : next;
    }
    return next;
}

/* Drives the line and sets the timer, after anything has changed. */
static void update(struct rtc *r, int64_t now) REQUIRES(bql)
{
    int64_t next;

    if (r->cmos[REG_B] & r->cmos[REG_C] & B_LINES) {
        r->cmos[REG_C] |= C_IRQF;
    } else {
        r->cmos[REG_C] &= (uint8_t)~C_IRQF;
    }
    irq_set(&r->irq, r->cmos[REG_C] & C_IRQF);
    next = next_event(r, now);
    if (next == INT64_MAX) {
        aio_timer_del(&r->timer);
    } else {
        aio_timer_mod(&r->timer, next);
    }
}

static void on_timer(void *opaque)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();

    bql_assert_locked();
    catch_up(r, now);
    update(r, now);
}

static bool is_time(uint8_t index)
{
    return index == CENTURY || (index <= YEAR && index != SECONDS_ALARM && index != MINUTES_ALARM &&
                                index != HOURS_ALARM);
}

static void write_b(struct rtc *r, uint8_t v, int64_t now) REQUIRES(bql)
{
    bool stood = stands(r);

    if (!stood) {
        store_time(r, now); /* in the format that was */
    }
    if (v & B_SET) {
        v &= (uint8_t)~C_UF; /* as the data sheet says */
    }
    r->cmos[REG_B] = v;
    if (stood && !stands(r)) {
        load_time(r, now);
    }
}

static void write_a(struct rtc *r, uint8_t v, int64_t now) REQUIRES(bql)
{
    bool stood = stands(r);

    if (!stood) {
        store_time(r, now);
    }
    r->cmos[REG_A] = (uint8_t)(v & ~A_UIP);
    if (stood && !stands(r)) {
        /* After a divider reset the first update comes half a second later. */
        r->phase_ns = (AIO_NS_PER_SEC * 3 / 2 - now % AIO_NS_PER_SEC) % AIO_NS_PER_SEC;
        load_time(r, now);
    }
}

static void write_register(struct rtc *r, uint8_t index, uint8_t v, int64_t now) REQUIRES(bql)
{
    switch (index) {
    case REG_A:
        write_a(r, v, now);
        break;
    case REG_B:
        write_b(r, v, now);
        break;
    case REG_C:
    case REG_D:
        break;
    default:
        if (is_time(index) && !stands(r)) {
            store_time(r, now);
            r->cmos[index] = v;
            load_time(r, now);
        } else {
            r->cmos[index] = v;
        }
        break;
    }
}

static uint8_t read_register(struct rtc *r, uint8_t index, int64_t now) REQUIRES(bql)
{
    uint8_t v;

    if (is_time(index) && !stands(r)) {
        store_time(r, now);
    }
    v = r->cmos[index];
    if (index == REG_A && !stands(r) && part_at(r, now) >= AIO_NS_PER_SEC - UIP_NS) {
        v |= A_UIP;
    } else if (index == REG_C) {
        r->cmos[REG_C] = 0;
    } else if (index == REG_D) {
        v = D_VALID;
    }
    return v;
}

static enum memory_result rtc_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();
    (void)size;

    bql_assert_locked();
    if (offset % 2 == 0) {
        *value = 0xff; /* the index cannot be read back */
        return MEMORY_OK;
    }
    catch_up(r, now);
    update(r, now);
    *value = read_register(r, r->index, now);
    update(r, now);
    return MEMORY_OK;
}

static enum memory_result rtc_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();
    (void)size;

    bql_assert_locked();
    if (offset % 2 == 0) {
        r->index = value & 0x7f;
        return MEMORY_OK;
    }
    catch_up(r, now);
    write_register(r, r->index, (uint8_t)value, now);
    update(r, now);
    return MEMORY_OK;
}

static const struct memory_ops rtc_ops = {
    .read = rtc_read, .write = rtc_write, .min_size = 1, .max_size = 1};

void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value)
{
    if (index > REG_D && index < CMOS_SIZE) {
        r->cmos[index] = value;
    }
}

uint8_t rtc_get_cmos(struct rtc *r, uint8_t index)
{
    return index < CMOS_SIZE ? r->cmos[index] : 0xff;
}

/* Memory and time outlive it: there is a battery. */
void rtc_reset(void *opaque)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();

    catch_up(r, now);
    r->cmos[REG_B] &= (uint8_t)~(B_LINES | B_SQUARE_WAVE);
    r->cmos[REG_C] = 0;
    update(r, now);
}

int rtc_new(struct memory_region *io, struct irq irq, int64_t base, struct rtc **out,
            struct error *err)
{
    struct rtc *r = calloc(1, sizeof(*r));

    if (!r) {
        return error_set(err, ENOMEM, "rtc: out of memory");
    }
    if (base < 0 || base > MAX_BASE) {
        free(r);
        return error_set(err, EINVAL, "rtc: %lld seconds are no date", (long long)base);
    }
    r->irq = irq;
    r->cmos[REG_A] = 0x26; /* 32768 Hz, 1024 interrupts a second */
    r->cmos[REG_B] = B_24H;
    r->seen_ns = now_ns();
    r->phase_ns = (AIO_NS_PER_SEC - r->seen_ns % AIO_NS_PER_SEC) % AIO_NS_PER_SEC;
    r->offset_s = base - (r->seen_ns + r->phase_ns) / AIO_NS_PER_SEC;
    store_time(r, r->seen_ns);
    aio_timer_init(&r->timer, main_loop_context(), AIO_CLOCK_VIRTUAL, on_timer, r);
    memory_region_init_io(&r->region, &rtc_ops, r, "rtc", 2);
    memory_region_add(io, 0x70, &r->region, 0);
    *out = r;
    return 0;
}

void rtc_free(struct rtc *r)
{
    aio_timer_del(&r->timer);
    memory_region_destroy(&r->region);
    free(r);
}
