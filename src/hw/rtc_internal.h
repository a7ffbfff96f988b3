/* What the clock's registers and its interrupts share. All times are virtual, in ns. */
#ifndef MORTISE_HW_RTC_INTERNAL_H
#define MORTISE_HW_RTC_INTERNAL_H

#include "aio/timer.h"
#include "hw/rtc.h"

#define RTC_CMOS_SIZE 128

enum rtc_reg {
    RTC_SECONDS,
    RTC_SECONDS_ALARM,
    RTC_MINUTES,
    RTC_MINUTES_ALARM,
    RTC_HOURS,
    RTC_HOURS_ALARM,
    RTC_WEEKDAY,
    RTC_DAY,
    RTC_MONTH,
    RTC_YEAR,
    RTC_REG_A,
    RTC_REG_B,
    RTC_REG_C,
    RTC_REG_D
};
#define RTC_CENTURY 0x32u

#define RTC_A_UIP         0x80u
#define RTC_B_SET         0x80u
#define RTC_B_SQUARE_WAVE 0x08u
#define RTC_B_BINARY      0x04u
#define RTC_B_24H         0x02u
#define RTC_B_LINES       0x70u /* enable bits, at the places of C's flags */
#define RTC_C_IRQF        0x80u
#define RTC_C_PF          0x40u
#define RTC_C_AF          0x20u
#define RTC_C_UF          0x10u
#define RTC_D_VALID       0x80u
#define RTC_PM            0x80u
#define RTC_ANY           0xc0u /* in an alarm register: matches everything */

struct rtc {
    struct memory_region region;
    struct irq irq IMMUTABLE_AFTER_INIT;
    struct aio_timer timer;
    uint8_t cmos[RTC_CMOS_SIZE] GUARDED_BY(bql);
    uint8_t index GUARDED_BY(bql);
    int64_t offset_s GUARDED_BY(bql); /* see rtc_seconds_at */
    int64_t phase_ns GUARDED_BY(bql); /* less than a second */
    int64_t seen_ns GUARDED_BY(bql);  /* virtual time up to which register C is right */
};

/* Seconds since 1970 at a virtual time. Whole seconds apart, as a guest can set any
 * year of four digits. */
int64_t rtc_seconds_at(const struct rtc *r, int64_t ns) REQUIRES(bql);
/* What a register says. */
int rtc_decode(const struct rtc *r, uint8_t v) REQUIRES(bql);
int rtc_decode_hour(const struct rtc *r, uint8_t v) REQUIRES(bql);
bool rtc_stands(const struct rtc *r) REQUIRES(bql);

/* rtc_events.c. Brings register C up to date. */
void rtc_catch_up(struct rtc *r, int64_t now) REQUIRES(bql);
/* Drives the line and sets the timer, after anything has changed. */
void rtc_update(struct rtc *r, int64_t now) REQUIRES(bql);

#endif
