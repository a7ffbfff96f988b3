/* Packet filters, replaced while packets run through them. */
#ifndef FILTER_H
#define FILTER_H

/* needs: liburcu */
#include <urcu.h>

#include "contracts.h"

struct filter {
    int verdict;
};

extern struct filter *active_filter RCU_PROTECTED;

int packet_check(int length);
void filter_replace(struct filter *next);

#endif
