/* The keyboard (IBM PS/2 technical reference). Keys come as codes of set 1, which the
 * rest of the world uses, and go out in the set that was chosen. */
#include "hw/ps2.h"

#include <string.h>

#define ACK            0xfa
#define RESEND         0xfe
#define PASSED         0xaa
#define PREFIX_RELEASE 0xf0

/* Codes of set 2 by those of set 1. */
static const uint8_t set2_of[128] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
    0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
    0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
    0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
    0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
    0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f, 0x27, 0x2f, 0x37, 0x3f,
    0x47, 0x4f, 0x56, 0x5e, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x57, 0x6f,
    0x13, 0x19, 0x39, 0x51, 0x53, 0x5c, 0x5f, 0x62, 0x63, 0x64, 0x65, 0x67, 0x68, 0x6a, 0x6d, 0x6e};

static void push(struct ps2_queue *q, uint8_t byte)
{
    if (q->count < PS2_QUEUE) {
        q->byte[(q->head + q->count++) % PS2_QUEUE] = byte;
    }
}

int ps2_queue_pop(struct ps2_queue *q)
{
    uint8_t byte;

    if (q->count == 0) {
        return -1;
    }
    byte = q->byte[q->head];
    q->head = (q->head + 1) % PS2_QUEUE;
    q->count--;
    return byte;
}

int ps2_translate(uint8_t byte, bool *release)
{
    unsigned bit = *release ? 0x80 : 0;

    if (byte == PREFIX_RELEASE) {
        *release = true;
        return -1;
    }
    *release = false;
    if (byte == 0x83 || byte == 0x84) { /* F7, and SysRq with Alt */
        return (int)((byte == 0x83 ? 0x41u : 0x54u) | bit);
    }
    for (unsigned i = 1; i < 128; i++) {
        if (set2_of[i] == byte && byte < 0x80) {
            return (int)(i | bit);
        }
    }
    return (int)(byte | bit); /* acknowledgements and the like are not translated */
}

static void defaults(struct ps2_keyboard *k)
{
    k->command = 0;
    k->set = 2;
    k->enabled = true;
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    memset(&k->queue, 0, sizeof(k->queue));
    defaults(k);
}

static void argument(struct ps2_keyboard *k, uint8_t v)
{
    uint8_t command = k->command;

    k->command = 0;
    push(&k->queue, ACK);
    if (command == 0xf0) { /* scan code set */
        if (v == 0) {
            push(&k->queue, k->set);
        } else if (v <= 2) {
            k->set = v;
        }
    }
}

void ps2_keyboard_write(struct ps2_keyboard *k, uint8_t v)
{
    if (k->command) {
        argument(k, v);
        return;
    }
    switch (v) {
    case 0xed: /* lights */
    case 0xf0:
    case 0xf3: /* repeat rate */
        k->command = v;
        push(&k->queue, ACK);
        break;
    case 0xee: /* echo */
        push(&k->queue, 0xee);
        break;
    case 0xf2: /* identify */
        push(&k->queue, ACK);
        push(&k->queue, 0xab);
        push(&k->queue, 0x83);
        break;
    case 0xf4:
        k->enabled = true;
        push(&k->queue, ACK);
        break;
    case 0xf5:
    case 0xf6:
        ps2_keyboard_reset(k);
        k->enabled = v == 0xf6;
        push(&k->queue, ACK);
        break;
    case 0xff:
        ps2_keyboard_reset(k);
        push(&k->queue, ACK);
        push(&k->queue, PASSED);
        break;
    default:
        push(&k->queue, RESEND);
        break;
    }
}

void ps2_keyboard_key(struct ps2_keyboard *k, unsigned code, bool down)
{
    uint8_t low = code & 0x7f;

    if (!k->enabled || low == 0) {
        return;
    }
    if (code >> 8 == 0xe0) {
        push(&k->queue, 0xe0);
    }
    if (k->set == 1) {
        push(&k->queue, (uint8_t)(low | (down ? 0 : 0x80)));
        return;
    }
    if (!down) {
        push(&k->queue, PREFIX_RELEASE);
    }
    push(&k->queue, set2_of[low]);
}
