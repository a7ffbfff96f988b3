/* The clock's interrupts: the periodic one, those of each second and of the alarm. The
 * flags in register C are made from what has passed since they were last looked at. */
#include "hw/rtc_internal.h"
#include "hw/ticks.h"

#define CRYSTAL 32768u

/* Ticks of the crystal per periodic interrupt; 0: none. */
static int64_t period(const struct rtc *r) REQUIRES(bql)
{
    unsigned rate = r->cmos[RTC_REG_A] & 15;

    if (rate == 0 || (r->cmos[RTC_REG_A] & 0x60) == 0x60) {
        return 0;
    }
    return INT64_C(1) << ((rate <= 2 ? rate + 7 : rate) - 1);
}

static bool alarm_matches(const struct rtc *r, enum rtc_reg reg, int value) REQUIRES(bql)
{
    uint8_t v = r->cmos[reg];

    return (v & RTC_ANY) == RTC_ANY ||
           (reg == RTC_HOURS_ALARM ? rtc_decode_hour(r, v) : rtc_decode(r, v)) == value;
}

/* The first second of the day after `second` of it that the alarm matches; -1: none. */
static int next_alarm_in_day(const struct rtc *r, int second) REQUIRES(bql)
{
    for (int h = (second + 1) / 3600; h < 24; h++) {
        for (int m = 0; m < 60 && alarm_matches(r, RTC_HOURS_ALARM, h); m++) {
            for (int s = 0; s < 60 && alarm_matches(r, RTC_MINUTES_ALARM, m); s++) {
                if (h * 3600 + m * 60 + s > second && alarm_matches(r, RTC_SECONDS_ALARM, s)) {
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

void rtc_catch_up(struct rtc *r, int64_t now)
{
    int64_t ticks = period(r);
    int64_t before = rtc_seconds_at(r, r->seen_ns);
    int64_t second = rtc_seconds_at(r, now);

    if (ticks && ticks_of_ns(now, CRYSTAL) / ticks != ticks_of_ns(r->seen_ns, CRYSTAL) / ticks) {
        r->cmos[RTC_REG_C] |= RTC_C_PF;
    }
    if (!rtc_stands(r) && second > before) {
        r->cmos[RTC_REG_C] |= RTC_C_UF;
        if (!(r->cmos[RTC_REG_C] & RTC_C_AF) && next_alarm(r, before) <= second) {
            r->cmos[RTC_REG_C] |= RTC_C_AF;
        }
    }
    r->seen_ns = now;
}

/* When an enabled interrupt comes next; INT64_MAX: never. */
static int64_t next_event(const struct rtc *r, int64_t now) REQUIRES(bql)
{
    unsigned wanted = r->cmos[RTC_REG_B] & RTC_B_LINES & ~r->cmos[RTC_REG_C];
    int64_t ticks = period(r), next = INT64_MAX;

    if ((wanted & RTC_C_PF) && ticks) {
        next = ticks_to_ns((ticks_of_ns(now, CRYSTAL) / ticks + 1) * ticks, CRYSTAL);
    }
    if ((wanted & (RTC_C_UF | RTC_C_AF)) && !rtc_stands(r)) {
        int64_t second = rtc_seconds_at(r, now);
        int64_t at = wanted & RTC_C_UF ? second + 1 : next_alarm(r, second);
        int64_t ns =
            at == INT64_MAX ? INT64_MAX : (at - r->offset_s) * AIO_NS_PER_SEC - r->phase_ns;

        next = ns < next ? ns : next;
    }
    return next;
}

void rtc_update(struct rtc *r, int64_t now)
{
    int64_t next;

    if (r->cmos[RTC_REG_B] & r->cmos[RTC_REG_C] & RTC_B_LINES) {
        r->cmos[RTC_REG_C] |= RTC_C_IRQF;
    } else {
        r->cmos[RTC_REG_C] &= (uint8_t)~RTC_C_IRQF;
    }
    irq_set(&r->irq, r->cmos[RTC_REG_C] & RTC_C_IRQF);
    next = next_event(r, now);
    if (next == INT64_MAX) {
        aio_timer_del(&r->timer);
    } else {
        aio_timer_mod(&r->timer, next);
    }
}
