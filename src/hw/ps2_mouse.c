/* The mouse: a Microsoft Intellimouse, which has a wheel for drivers that ask for it by
 * setting the rates 200, 100 and 80. */
#include "hw/ps2.h"

#include <string.h>

#define ACK    0xfa
#define PASSED 0xaa

static void push(struct ps2_queue *q, uint8_t byte)
{
    if (q->count < PS2_QUEUE) {
        q->byte[(q->head + q->count++) % PS2_QUEUE] = byte;
    }
}

static void defaults(struct ps2_mouse *m)
{
    m->command = 0;
    m->rate = 100;
    m->resolution = 2;
    m->enabled = m->remote = m->scale = false;
    m->dx = m->dy = m->dz = 0;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    memset(m, 0, sizeof(*m));
    defaults(m);
}

static int take(int *delta, int low, int high)
{
    int part = *delta < low ? low : *delta > high ? high : *delta;

    *delta -= part;
    return part;
}

/* One packet of what has moved; more remains if it moved far. */
static void report(struct ps2_mouse *m)
{
    int dx = take(&m->dx, -255, 255), dy = take(&m->dy, -255, 255);

    push(&m->queue, (uint8_t)(8 | (m->buttons & 7) | (dx < 0 ? 0x10 : 0) | (dy < 0 ? 0x20 : 0)));
    push(&m->queue, (uint8_t)dx);
    push(&m->queue, (uint8_t)dy);
    if (m->wheel) {
        push(&m->queue, (uint8_t)take(&m->dz, -8, 7));
    }
    m->dz = m->wheel ? m->dz : 0;
}

static void argument(struct ps2_mouse *m, uint8_t v)
{
    uint8_t command = m->command;

    m->command = 0;
    push(&m->queue, ACK);
    if (command == 0xe8) {
        m->resolution = v & 3;
        return;
    }
    m->rate = v;
    m->last_rates[0] = m->last_rates[1];
    m->last_rates[1] = m->last_rates[2];
    m->last_rates[2] = v;
    if (m->last_rates[0] == 200 && m->last_rates[1] == 100 && v == 80) {
        m->wheel = true;
    }
}

static void status(struct ps2_mouse *m)
{
    push(&m->queue, (uint8_t)((m->remote ? 0x40 : 0) | (m->enabled ? 0x20 : 0) |
                              (m->scale ? 0x10 : 0) | (m->buttons & 7)));
    push(&m->queue, m->resolution);
    push(&m->queue, m->rate);
}

void ps2_mouse_write(struct ps2_mouse *m, uint8_t v)
{
    if (m->command) {
        argument(m, v);
        return;
    }
    push(&m->queue, ACK);
    switch (v) {
    case 0xe6:
    case 0xe7:
        m->scale = v == 0xe7;
        break;
    case 0xe8:
    case 0xf3:
        m->command = v;
        break;
    case 0xe9:
        status(m);
        break;
    case 0xea:
    case 0xf0:
        m->remote = v == 0xf0;
        break;
    case 0xeb:
        report(m);
        break;
    case 0xf2:
        push(&m->queue, m->wheel ? 3 : 0);
        break;
    case 0xf4:
    case 0xf5:
        m->enabled = v == 0xf4;
        break;
    case 0xf6:
        defaults(m);
        break;
    case 0xff:
        ps2_mouse_reset(m);
        push(&m->queue, ACK);
        push(&m->queue, PASSED);
        push(&m->queue, 0);
        break;
    default:
        break;
    }
}

static int limited(int64_t v)
{
    return (int)(v < -4096 ? -4096 : v > 4096 ? 4096 : v);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, uint8_t buttons)
{
    m->dx = limited((int64_t)m->dx + dx);
    m->dy = limited((int64_t)m->dy + dy);
    m->dz = limited((int64_t)m->dz + dz);
    m->buttons = buttons & 7;
    if (!m->enabled || m->remote) {
        return;
    }
    do { /* whole packets only */
        if (m->queue.count > PS2_QUEUE - 4) {
            return;
        }
        report(m);
    } while (m->dx || m->dy);
}
