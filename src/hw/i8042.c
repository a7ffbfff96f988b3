/* The 8042 as a PC programs it. The output buffer holds one byte, of the keyboard, the
 * mouse or the controller itself; when it has been read, the next one moves up. */
#include "hw/i8042.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/ps2.h"

#define DATA_PORT   0x60
#define STATUS_PORT 0x64

enum status { STATUS_FULL = 1, STATUS_SYSTEM = 4, STATUS_COMMAND = 8, STATUS_MOUSE = 0x20 };
#define STATUS_UNLOCKED 0x10u

enum mode {
    MODE_KEYBOARD_IRQ = 1,
    MODE_MOUSE_IRQ = 2,
    MODE_SYSTEM = 4,
    MODE_NO_KEYBOARD = 0x10,
    MODE_NO_MOUSE = 0x20,
    MODE_TRANSLATE = 0x40
};
#define OUTPUT_RESET 1u /* low resets */
#define OUTPUT_A20   2u

enum source { FROM_NONE, FROM_CONTROLLER, FROM_KEYBOARD, FROM_MOUSE };

struct i8042 {
    struct memory_region data, status;
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct ps2_keyboard keyboard GUARDED_BY(bql);
    struct ps2_mouse mouse GUARDED_BY(bql);
    uint8_t mode GUARDED_BY(bql), output GUARDED_BY(bql);
    uint8_t command GUARDED_BY(bql); /* whose argument is expected at the data port */
    bool last_was_command GUARDED_BY(bql);
    bool release GUARDED_BY(bql); /* translation has seen a release prefix */
    uint8_t buffer GUARDED_BY(bql);
    enum source source GUARDED_BY(bql); /* of buffer; NONE: it is empty */
    uint8_t ram[32] GUARDED_BY(bql);
};

static void fill(struct i8042 *c, enum source source, int byte) REQUIRES(bql)
{
    c->buffer = (uint8_t)byte;
    c->source = source;
}

/* Lets the next byte move into the buffer if that is empty, and drives the lines. */
static void update(struct i8042 *c) REQUIRES(bql)
{
    const struct irq *irq = c->machine->isa_irq;

    while (c->source == FROM_NONE && !(c->mode & MODE_NO_KEYBOARD) && c->keyboard.queue.count) {
        int byte = ps2_queue_pop(&c->keyboard.queue);

        if (c->mode & MODE_TRANSLATE) {
            byte = ps2_translate((uint8_t)byte, &c->release);
        }
        if (byte >= 0) {
            fill(c, FROM_KEYBOARD, byte);
        }
    }
    if (c->source == FROM_NONE && !(c->mode & MODE_NO_MOUSE) && c->mouse.queue.count) {
        fill(c, FROM_MOUSE, ps2_queue_pop(&c->mouse.queue));
    }
    irq_set(&irq[1], (c->mode & MODE_KEYBOARD_IRQ) &&
                         (c->source == FROM_KEYBOARD || c->source == FROM_CONTROLLER));
    irq_set(&irq[12], (c->mode & MODE_MOUSE_IRQ) && c->source == FROM_MOUSE);
}

static void answer(struct i8042 *c, uint8_t byte) REQUIRES(bql)
{
    fill(c, FROM_CONTROLLER, byte);
}

static void set_output(struct i8042 *c, uint8_t v) REQUIRES(bql)
{
    if (!(v & OUTPUT_RESET)) {
        machine_request(c->machine, MACHINE_RESET, 0);
    }
    c->output = v | OUTPUT_RESET;
}

static void command(struct i8042 *c, uint8_t v) REQUIRES(bql)
{
    if (v >= 0x20 && v < 0x40) {
        answer(c, v == 0x20 ? c->mode : c->ram[v & 31]);
        return;
    }
    if ((v >= 0x60 && v < 0x80) || (v >= 0xd1 && v <= 0xd4)) {
        c->command = v;
        return;
    }
    switch (v) {
    case 0xa7:
        c->mode |= MODE_NO_MOUSE;
        break;
    case 0xa8:
        c->mode &= (uint8_t)~MODE_NO_MOUSE;
        break;
    case 0xa9: /* test of the mouse's cable */
    case 0xab: /* and of the keyboard's */
        answer(c, 0);
        break;
    case 0xaa:
        c->mode |= MODE_SYSTEM;
        answer(c, 0x55);
        break;
    case 0xad:
        c->mode |= MODE_NO_KEYBOARD;
        break;
    case 0xae:
        c->mode &= (uint8_t)~MODE_NO_KEYBOARD;
        break;
    case 0xc0:
        answer(c, 0x80); /* not locked */
        break;
    case 0xd0:
        answer(c, c->output);
        break;
    default:
        if (v >= 0xf0 && !(v & OUTPUT_RESET)) { /* pulses low what is 0 */
            machine_request(c->machine, MACHINE_RESET, 0);
        }
        break;
    }
}

static void argument(struct i8042 *c, uint8_t v) REQUIRES(bql)
{
    uint8_t what = c->command;

    c->command = 0;
    switch (what) {
    case 0xd1:
        set_output(c, v);
        break;
    case 0xd2:
        fill(c, FROM_KEYBOARD, v);
        break;
    case 0xd3:
        fill(c, FROM_MOUSE, v);
        break;
    case 0xd4:
        c->mode &= (uint8_t)~MODE_NO_MOUSE;
        ps2_mouse_write(&c->mouse, v);
        break;
    default:
        c->ram[what & 31] = v;
        if (what == 0x60) {
            c->mode = v;
        }
        break;
    }
}

static enum memory_result data_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct i8042 *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    c->last_was_command = false;
    if (c->command) {
        argument(c, (uint8_t)value);
    } else {
        c->mode &= (uint8_t)~MODE_NO_KEYBOARD;
        ps2_keyboard_write(&c->keyboard, (uint8_t)value);
    }
    update(c);
    return MEMORY_OK;
}

static enum memory_result data_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct i8042 *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = c->buffer;
    if (c->source != FROM_NONE) {
        c->source = FROM_NONE;
        irq_set(&c->machine->isa_irq[1], false); /* the next byte is another edge */
        irq_set(&c->machine->isa_irq[12], false);
        update(c);
    }
    return MEMORY_OK;
}

static enum memory_result status_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct i8042 *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    c->last_was_command = true;
    c->command = 0;
    command(c, (uint8_t)value);
    update(c);
    return MEMORY_OK;
}

static enum memory_result status_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct i8042 *c = opaque;
    (void)offset;
    (void)size;

    bql_assert_locked();
    *value = STATUS_UNLOCKED | (c->source != FROM_NONE ? STATUS_FULL : 0u) |
             (c->mode & MODE_SYSTEM ? STATUS_SYSTEM : 0u) |
             (c->last_was_command ? STATUS_COMMAND : 0u) |
             (c->source == FROM_MOUSE ? STATUS_MOUSE : 0u);
    return MEMORY_OK;
}

static const struct memory_ops data_ops = {
    .read = data_read, .write = data_write, .min_size = 1, .max_size = 1};
static const struct memory_ops status_ops = {
    .read = status_read, .write = status_write, .min_size = 1, .max_size = 1};

void i8042_key(struct i8042 *c, unsigned code, bool down)
{
    ps2_keyboard_key(&c->keyboard, code, down);
    update(c);
}

void i8042_mouse(struct i8042 *c, int dx, int dy, int dz, uint8_t buttons)
{
    ps2_mouse_move(&c->mouse, dx, dy, dz, buttons);
    update(c);
}

void i8042_reset(void *opaque)
{
    struct i8042 *c = opaque;

    ps2_keyboard_reset(&c->keyboard);
    ps2_mouse_reset(&c->mouse);
    c->mode = MODE_KEYBOARD_IRQ | MODE_MOUSE_IRQ;
    c->output = 0xcc | OUTPUT_RESET | OUTPUT_A20;
    c->command = 0;
    c->last_was_command = c->release = false;
    c->source = FROM_NONE;
    c->buffer = 0;
    memset(c->ram, 0, sizeof(c->ram));
    update(c);
}

int i8042_new(struct machine *m, struct i8042 **out, struct error *err)
{
    struct i8042 *c = calloc(1, sizeof(*c));

    if (!c) {
        return error_set(err, ENOMEM, "i8042: out of memory");
    }
    c->machine = m;
    i8042_reset(c);
    memory_region_init_io(&c->data, &data_ops, c, "i8042-data", 1);
    memory_region_add(&m->io, DATA_PORT, &c->data, 0);
    memory_region_init_io(&c->status, &status_ops, c, "i8042-status", 1);
    memory_region_add(&m->io, STATUS_PORT, &c->status, 0);
    *out = c;
    return 0;
}

void i8042_free(struct i8042 *c)
{
    memory_region_destroy(&c->data);
    memory_region_destroy(&c->status);
    free(c);
}
