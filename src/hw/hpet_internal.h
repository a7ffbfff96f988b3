/* What the registers of the HPET and its comparators share. */
#ifndef MORTISE_HW_HPET_INTERNAL_H
#define MORTISE_HW_HPET_INTERNAL_H

#include "aio/timer.h"
#include "hw/hpet.h"
#include "locks/mutex.h"

#define HPET_TIMERS 3

#define HPET_CONFIG_RUN    1u
#define HPET_CONFIG_LEGACY 2u

#define HPET_TIMER_LEVEL       (1u << 1)
#define HPET_TIMER_INTERRUPT   (1u << 2)
#define HPET_TIMER_PERIODIC    (1u << 3)
#define HPET_TIMER_CAN_PERIOD  (1u << 4)
#define HPET_TIMER_IS_64       (1u << 5)
#define HPET_TIMER_SET         (1u << 6)
#define HPET_TIMER_32          (1u << 8)
#define HPET_TIMER_ROUTE_SHIFT 9
#define HPET_TIMER_FSB         (1u << 14)
#define HPET_TIMER_CAN_FSB     (1u << 15)
#define HPET_TIMER_WRITABLE    0x7f4eu

struct OWNED_BY(holder of the lock of its hpet) hpet_comparator {
    struct aio_timer timer;
    uint64_t config; /* with the routes in the upper half */
    uint64_t compare, period;
    unsigned owed; /* level-triggered interrupts to come when the status bit is cleared */
    uint64_t fsb;  /* data, and address in the upper half */
};

struct hpet {
    struct memory_region region;
    struct hpet_lines lines IMMUTABLE_AFTER_INIT;
    struct mutex lock;
    struct hpet_comparator timer[HPET_TIMERS] GUARDED_BY(&lock);
    uint64_t config GUARDED_BY(&lock), status GUARDED_BY(&lock);
    uint64_t counter GUARDED_BY(&lock); /* while it stands, and what it was at `base` */
    int64_t base GUARDED_BY(&lock);     /* virtual ns */
};

/* At a virtual time. */
uint64_t hpet_counter_at(const struct hpet *h, int64_t now) REQUIRES(&h -> lock);
/* The bits that a comparator compares. */
uint64_t hpet_mask_of(const struct hpet_comparator *t);

/* The line of timer n, and lines by their number. */
unsigned hpet_route_of(const struct hpet *h, unsigned n) REQUIRES(&h -> lock);
void hpet_drive(struct hpet *h, unsigned gsi, bool level) REQUIRES(&h -> lock);
void hpet_tick(struct hpet *h, unsigned gsi, unsigned count) REQUIRES(&h -> lock);
/* What the status bits of the timers that it is the line of mean for it. */
void hpet_update_line(struct hpet *h, unsigned gsi) REQUIRES(&h -> lock);

/* The guest has taken the level-triggered interrupt of comparator n. */
void hpet_acknowledged(struct hpet *h, unsigned n) REQUIRES(&h -> lock);
/* What a periodic comparator owes is forgotten: the guest sets it anew. */
void hpet_forget(struct hpet *h, unsigned n) REQUIRES(&h -> lock);
/* Sets the host timer of comparator n to when it matches next. */
void hpet_arm(struct hpet *h, unsigned n, int64_t now) REQUIRES(&h -> lock);
void hpet_comparators_init(struct hpet *h) REQUIRES(&h -> lock);

#endif
