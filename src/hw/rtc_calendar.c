/* Days are counted from 1 March of year 0, so that the leap day is the last of its
 * year, in eras of 400 years. */
#include "hw/rtc_calendar.h"

#define DAYS_ERA  146097
#define DAYS_1970 719468 /* from 1 March 0000 */
#define DAY_SECS  86400

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

struct rtc_date rtc_date_of(int64_t seconds)
{
    int64_t days = floor_div(seconds, DAY_SECS);
    int second = (int)(seconds - days * DAY_SECS);
    int64_t era = floor_div(days + DAYS_1970, DAYS_ERA);
    int in_era = (int)(days + DAYS_1970 - era * DAYS_ERA);
    int year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int in_year = in_era - (365 * year + year / 4 - year / 100);
    int month = (5 * in_year + 2) / 153; /* from March */

    return (struct rtc_date){
        .second = second % 60,
        .minute = second / 60 % 60,
        .hour = second / 3600,
        .weekday = (int)((days + 4) % 7 + 7) % 7 + 1,
        .day = in_year - (153 * month + 2) / 5 + 1,
        .month = month < 10 ? month + 3 : month - 9,
        .year = (int)(year + era * 400) + (month >= 10),
    };
}

int64_t rtc_seconds_of(const struct rtc_date *d)
{
    int64_t months = (int64_t)d->year * 12 + d->month - 3; /* from March of year 0 */
    int64_t year = floor_div(months, 12);
    int month = (int)(months - year * 12);
    int64_t era = floor_div(year, 400);
    int64_t in_era = year - era * 400;
    int64_t days = era * DAYS_ERA + in_era * 365 + in_era / 4 - in_era / 100 +
                   (153 * month + 2) / 5 + d->day - 1 - DAYS_1970;

    return days * DAY_SECS + (int64_t)d->hour * 3600 + (int64_t)d->minute * 60 + d->second;
}
