/* PS/2 keyboard and mouse: what is on the other end of the 8042's cables. */
#ifndef MORTISE_HW_PS2_H
#define MORTISE_HW_PS2_H

#include <stdbool.h>
#include <stdint.h>

#include "base/annotations.h"
#include "locks/bql.h"

#define PS2_QUEUE 64

/* Bytes on their way to the controller. What does not fit is lost. */
struct OWNED_BY(holder of the bql) ps2_queue {
    uint8_t byte[PS2_QUEUE];
    unsigned head, count;
};

struct OWNED_BY(holder of the bql) ps2_keyboard {
    struct ps2_queue queue;
    uint8_t command; /* whose argument comes next; 0: none */
    uint8_t set;     /* of scan codes: 1 or 2 */
    bool enabled;
};

struct OWNED_BY(holder of the bql) ps2_mouse {
    struct ps2_queue queue;
    uint8_t command;
    uint8_t rate, resolution, buttons;
    uint8_t last_rates[3]; /* by which drivers ask for the wheel */
    bool enabled, remote, scale, wheel;
    int dx, dy, dz; /* not yet reported */
};

/* The next byte for the controller; -1: none. */
int ps2_queue_pop(struct ps2_queue *q);

void ps2_keyboard_reset(struct ps2_keyboard *k);
void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t v);
/* A key by its code of set 1 (0xe000 added for extended ones). */
void ps2_keyboard_key(struct ps2_keyboard *k, unsigned code, bool down);
/* A byte of set 2 as the 8042 translates it to set 1; -1: it takes the byte away and
 * marks the next one as a release. */
int ps2_translate(uint8_t byte, bool *release);

void ps2_mouse_reset(struct ps2_mouse *m);
void ps2_mouse_write(struct ps2_mouse *m, uint8_t v);
/* Movement (dy is up) and buttons (bit 0 left, 1 right, 2 middle). */
void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, uint8_t buttons);

#endif
