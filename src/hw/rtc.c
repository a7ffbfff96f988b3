/* The MC146818 (Motorola data sheet), on the virtual clock. The time is an offset to
 * that clock, so nothing ticks: the registers are made from it when they are read,
 * and the flags of register C from what has passed since they were last looked at. A
 * timer runs only for interrupts that are enabled. While the SET bit stops the clock,
 * and while it is written to, the ten registers are kept as they are. */
#include "hw/rtc.h"

#include <errno.h>
#include <stdlib.h>

#include "aio/main_loop.h"
#include "hw/rtc_calendar.h"
#include "hw/rtc_internal.h"

#define MAX_BASE INT64_C(253402300799) /* the end of 9999 */
#define UIP_NS   2228000               /* 244 us before an update, and the 1984 us that it takes */

static int64_t now_ns(void)
{
    return aio_clock_get_ns(AIO_CLOCK_VIRTUAL);
}

int64_t rtc_seconds_at(const struct rtc *r, int64_t ns)
{
    return r->offset_s + (ns + r->phase_ns) / AIO_NS_PER_SEC;
}

static int64_t part_at(const struct rtc *r, int64_t ns) REQUIRES(bql)
{
    return (ns + r->phase_ns) % AIO_NS_PER_SEC;
}

static uint8_t encode(const struct rtc *r, int v) REQUIRES(bql)
{
    return (uint8_t)(r->cmos[RTC_REG_B] & RTC_B_BINARY ? v : v / 10 % 10 << 4 | v % 10);
}

int rtc_decode(const struct rtc *r, uint8_t v)
{
    return r->cmos[RTC_REG_B] & RTC_B_BINARY ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t encode_hour(const struct rtc *r, int hour) REQUIRES(bql)
{
    if (r->cmos[RTC_REG_B] & RTC_B_24H) {
        return encode(r, hour);
    }
    return (uint8_t)(encode(r, (hour + 11) % 12 + 1) | (hour >= 12 ? RTC_PM : 0));
}

int rtc_decode_hour(const struct rtc *r, uint8_t v)
{
    if (r->cmos[RTC_REG_B] & RTC_B_24H) {
        return rtc_decode(r, v);
    }
    return rtc_decode(r, (uint8_t)(v & ~RTC_PM)) % 12 + (v & RTC_PM ? 12 : 0);
}

/* The clock's time to the registers. */
static void store_time(struct rtc *r, int64_t now) REQUIRES(bql)
{
    struct rtc_date d = rtc_date_of(rtc_seconds_at(r, now));

    r->cmos[RTC_SECONDS] = encode(r, d.second);
    r->cmos[RTC_MINUTES] = encode(r, d.minute);
    r->cmos[RTC_HOURS] = encode_hour(r, d.hour);
    r->cmos[RTC_WEEKDAY] = encode(r, d.weekday);
    r->cmos[RTC_DAY] = encode(r, d.day);
    r->cmos[RTC_MONTH] = encode(r, d.month);
    r->cmos[RTC_YEAR] = encode(r, d.year % 100);
    r->cmos[RTC_CENTURY] = encode(r, d.year / 100 % 100);
}

/* The registers to the clock; the part of a second goes on. */
static void load_time(struct rtc *r, int64_t now) REQUIRES(bql)
{
    struct rtc_date d = {
        .second = rtc_decode(r, r->cmos[RTC_SECONDS]),
        .minute = rtc_decode(r, r->cmos[RTC_MINUTES]),
        .hour = rtc_decode_hour(r, r->cmos[RTC_HOURS]),
        .day = rtc_decode(r, r->cmos[RTC_DAY]),
        .month = rtc_decode(r, r->cmos[RTC_MONTH]),
        .year = rtc_decode(r, r->cmos[RTC_CENTURY]) * 100 + rtc_decode(r, r->cmos[RTC_YEAR]),
    };

    r->offset_s += rtc_seconds_of(&d) - rtc_seconds_at(r, now);
}

bool rtc_stands(const struct rtc *r)
{
    return (r->cmos[RTC_REG_B] & RTC_B_SET) ||
           (r->cmos[RTC_REG_A] & 0x60) == 0x60; /* divider reset */
}

static void on_timer(void *opaque)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();

    bql_assert_locked();
    rtc_catch_up(r, now);
    rtc_update(r, now);
}

static bool is_time(uint8_t index)
{
    return index == RTC_CENTURY || (index <= RTC_YEAR && index != RTC_SECONDS_ALARM &&
                                    index != RTC_MINUTES_ALARM && index != RTC_HOURS_ALARM);
}

static void write_b(struct rtc *r, uint8_t v, int64_t now) REQUIRES(bql)
{
    bool stood = rtc_stands(r);

    if (!stood) {
        store_time(r, now); /* in the format that was */
    }
    if (v & RTC_B_SET) {
        v &= (uint8_t)~RTC_C_UF; /* as the data sheet says */
    }
    r->cmos[RTC_REG_B] = v;
    if (stood && !rtc_stands(r)) {
        load_time(r, now);
    }
}

static void write_a(struct rtc *r, uint8_t v, int64_t now) REQUIRES(bql)
{
    bool stood = rtc_stands(r);

    if (!stood) {
        store_time(r, now);
    }
    r->cmos[RTC_REG_A] = (uint8_t)(v & ~RTC_A_UIP);
    if (stood && !rtc_stands(r)) {
        /* After a divider reset the first update comes half a second later. */
        r->phase_ns = (AIO_NS_PER_SEC * 3 / 2 - now % AIO_NS_PER_SEC) % AIO_NS_PER_SEC;
        load_time(r, now);
    }
}

static void write_register(struct rtc *r, uint8_t index, uint8_t v, int64_t now) REQUIRES(bql)
{
    switch (index) {
    case RTC_REG_A:
        write_a(r, v, now);
        break;
    case RTC_REG_B:
        write_b(r, v, now);
        break;
    case RTC_REG_C:
    case RTC_REG_D:
        break;
    default:
        if (is_time(index) && !rtc_stands(r)) {
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

    if (is_time(index) && !rtc_stands(r)) {
        store_time(r, now);
    }
    v = r->cmos[index];
    if (index == RTC_REG_A && !rtc_stands(r) && part_at(r, now) >= AIO_NS_PER_SEC - UIP_NS) {
        v |= RTC_A_UIP;
    } else if (index == RTC_REG_C) {
        r->cmos[RTC_REG_C] = 0;
    } else if (index == RTC_REG_D) {
        v = RTC_D_VALID;
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
    rtc_catch_up(r, now);
    rtc_update(r, now);
    *value = read_register(r, r->index, now);
    rtc_update(r, now);
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
    rtc_catch_up(r, now);
    write_register(r, r->index, (uint8_t)value, now);
    rtc_update(r, now);
    return MEMORY_OK;
}

static const struct memory_ops rtc_ops = {
    .read = rtc_read, .write = rtc_write, .min_size = 1, .max_size = 1};

void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value)
{
    if (index > RTC_REG_D && index < RTC_CMOS_SIZE) {
        r->cmos[index] = value;
    }
}

uint8_t rtc_get_cmos(struct rtc *r, uint8_t index)
{
    return index < RTC_CMOS_SIZE ? r->cmos[index] : 0xff;
}

/* Memory and time outlive it: there is a battery. */
void rtc_reset(void *opaque)
{
    struct rtc *r = opaque;
    int64_t now = now_ns();

    rtc_catch_up(r, now);
    r->cmos[RTC_REG_B] &= (uint8_t)~(RTC_B_LINES | RTC_B_SQUARE_WAVE);
    r->cmos[RTC_REG_C] = 0;
    rtc_update(r, now);
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
    r->cmos[RTC_REG_A] = 0x26; /* 32768 Hz, 1024 interrupts a second */
    r->cmos[RTC_REG_B] = RTC_B_24H;
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
