/* Dates: seconds since 1970 to fields and back, in the Gregorian calendar. */
#ifndef MORTISE_HW_RTC_CALENDAR_H
#define MORTISE_HW_RTC_CALENDAR_H

#include <stdint.h>

struct rtc_date {
    int second, minute, hour; /* 24 hours */
    int weekday;              /* 1: Sunday */
    int day, month;           /* from 1 */
    int year;
};

struct rtc_date rtc_date_of(int64_t seconds);
/* Fields out of range carry over; the weekday does not count. */
int64_t rtc_seconds_of(const struct rtc_date *d);

#endif
