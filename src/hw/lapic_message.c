/* Messages to local APICs, from the I/O APIC, from PCI devices and from one another, on
 * any thread: who is addressed. */
#include "hw/lapic_internal.h"

static bool addressed(const struct lapic *l, const struct apic_message *m)
{
    uint32_t ldr = lapic_get(&l->ldr);

    if (!(lapic_base(l) & BASE_ENABLE)) {
        return false;
    }
    if (m->broadcast) {
        return true;
    }
    if (lapic_is_x2apic(l)) {
        if (!m->logical) {
            return m->dest == l->x2apic_id;
        }
        return m->dest >> 16 == ldr >> 16 && (m->dest & ldr & 0xffff);
    }
    if (m->dest > 0xff) {
        return false;
    }
    if (!m->logical) {
        return m->dest == lapic_get(&l->id) >> 24;
    }
    ldr >>= 24;
    if (lapic_get(&l->dfr) >> 28 == 0xf) {
        return ldr & m->dest;
    }
    return ldr >> 4 == m->dest >> 4 && (ldr & m->dest & 0xf);
}

/* Among those addressed that can take it, the one with the least to do. */
static void deliver_lowest(struct lapic_set *set, const struct apic_message *m)
{
    struct lapic *best = NULL;
    unsigned best_ppr = 0;

    for (unsigned i = 0; i < set->count; i++) {
        struct lapic *l = set->lapic[i];

        if (addressed(l, m) && lapic_enabled(l)) {
            unsigned ppr = lapic_ppr(l) >> 4;

            if (!best || ppr < best_ppr) {
                best = l;
                best_ppr = ppr;
            }
        }
    }
    if (best) {
        lapic_take(best, APIC_FIXED, m->vector, m->level, m->ticks);
    }
}

void lapic_set_deliver(struct lapic_set *set, const struct apic_message *m)
{
    if (m->mode == APIC_LOWEST) {
        deliver_lowest(set, m);
        return;
    }
    for (unsigned i = 0; i < set->count; i++) {
        if (addressed(set->lapic[i], m)) {
            lapic_take(set->lapic[i], m->mode, m->vector, m->level, m->ticks);
        }
    }
}

void lapic_set_forget_ticks(struct lapic_set *set, uint8_t vector)
{
    for (unsigned i = 0; i < set->count; i++) {
        lapic_forget_owed(set->lapic[i], vector);
    }
}

void lapic_set_msi_tick(struct lapic_set *set, uint64_t addr, uint32_t data, unsigned count)
{
    uint32_t dest = addr >> 12 & 0xff;
    struct apic_message m = {
        .dest = dest,
        .vector = (uint8_t)data,
        .mode = (enum apic_mode)(data >> 8 & 7),
        .logical = addr & 4,
        .level = data & 1u << 15,
        .broadcast = dest == 0xff,
        .ticks = count,
    };

    lapic_set_deliver(set, &m);
}

void lapic_set_msi(struct lapic_set *set, uint64_t addr, uint32_t data)
{
    lapic_set_msi_tick(set, addr, data, 0);
}

void lapic_send_ipi(struct lapic *l, uint32_t low, uint32_t dest)
{
    struct lapic_set *set = l->set;
    struct apic_message m = {
        .dest = dest,
        .vector = (uint8_t)low,
        .mode = (enum apic_mode)(low >> 8 & 7),
        .logical = low & 1u << 11,
        .broadcast = dest == (lapic_is_x2apic(l) ? UINT32_MAX : 0xff),
    };
    unsigned shorthand = low >> 18 & 3;

    if (m.mode == APIC_INIT && !(low & 1u << 14)) {
        return; /* level de-assert: for processors of old */
    }
    if (m.mode == APIC_EXTINT) {
        return; /* reserved here */
    }
    if (m.mode <= APIC_LOWEST && m.vector < 16) {
        lapic_raise_error(l, ERROR_SEND_VECTOR);
        return;
    }
    switch (shorthand) {
    case 0:
        lapic_set_deliver(set, &m);
        break;
    case 1:
        if (m.mode <= APIC_LOWEST) { /* the others are not for oneself */
            lapic_take(l, APIC_FIXED, m.vector, false, 0);
        }
        break;
    default:
        for (unsigned i = 0; i < set->count; i++) {
            if ((lapic_base(set->lapic[i]) & BASE_ENABLE) &&
                (shorthand == 2 || set->lapic[i] != l)) {
                lapic_take(set->lapic[i], m.mode == APIC_LOWEST ? APIC_FIXED : m.mode, m.vector,
                           false, 0);
            }
        }
        break;
    }
}
