/* Real-time clock and CMOS memory: Motorola MC146818 at ports 0x70 and 0x71, with the
 * 128 bytes and the century register of PCs. */
#ifndef MORTISE_HW_RTC_H
#define MORTISE_HW_RTC_H

#include "exec/memory.h"
#include "hw/irq.h"

struct rtc;

/* `irq` is IRQ 8. It shows `base` (seconds since 1970) now, and goes on with the
 * virtual clock. The main loop exists. */
NODISCARD int rtc_new(struct memory_region *io, struct irq irq, int64_t base, struct rtc **out,
                      struct error *err) REQUIRES(bql);
void rtc_free(struct rtc *r) REQUIRES(bql);
void rtc_reset(void *opaque) REQUIRES(bql);

/* Byte of CMOS memory, 0x0e to 0x7f; what firmware reads of the machine. */
void rtc_set_cmos(struct rtc *r, uint8_t index, uint8_t value) REQUIRES(bql);
uint8_t rtc_get_cmos(struct rtc *r, uint8_t index) REQUIRES(bql);

#endif
