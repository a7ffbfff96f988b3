/* The 16550A UART. Transmission takes no time: the holding register is empty as
 * soon as the character device has taken the byte, and with it the interrupt is
 * pending again. Received bytes below the FIFO's trigger level raise the character
 * time-out interrupt at once, as nothing is known of further ones. */
#include "hw/serial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_SIZE 16

enum ier { IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MODEM = 8 };
enum iir {
    IIR_NONE = 1,
    IIR_MODEM = 0,
    IIR_TX = 2,
    IIR_RX = 4,
    IIR_LINE = 6,
    IIR_TIMEOUT = 0xc,
    IIR_FIFO = 0xc0
};
enum fcr { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4 };
enum lsr { LSR_DATA = 1, LSR_OVERRUN = 2, LSR_BREAK = 0x10, LSR_THRE = 0x20, LSR_IDLE = 0x40 };
enum mcr { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum msr { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };
#define LCR_DLAB 0x80

struct serial {
    struct memory_region region;
    struct irq irq IMMUTABLE_AFTER_INIT;
    struct chardev *chardev IMMUTABLE_AFTER_INIT;
    uint16_t divisor GUARDED_BY(bql);
    uint8_t ier GUARDED_BY(bql), fcr GUARDED_BY(bql), lcr GUARDED_BY(bql), mcr GUARDED_BY(bql);
    uint8_t lsr GUARDED_BY(bql), msr GUARDED_BY(bql), scratch GUARDED_BY(bql);
    bool tx_pending GUARDED_BY(bql); /* THRE has become true and has not been seen */
    bool tx_full GUARDED_BY(bql);    /* the character device took no more */
    uint8_t tx_byte GUARDED_BY(bql);
    uint8_t fifo[FIFO_SIZE] GUARDED_BY(bql);
    unsigned head GUARDED_BY(bql), count GUARDED_BY(bql);
};

static unsigned capacity(const struct serial *s) REQUIRES(bql)
{
    return s->fcr & FCR_ENABLE ? FIFO_SIZE : 1;
}

static unsigned trigger(const struct serial *s) REQUIRES(bql)
{
    static const uint8_t levels[] = {1, 4, 8, 14};
    return s->fcr & FCR_ENABLE ? levels[s->fcr >> 6] : 1;
}

/* The interrupt of the highest priority, as IIR shows it. */
static uint8_t interrupt_id(const struct serial *s) REQUIRES(bql)
{
    if ((s->ier & IER_LINE) && (s->lsr & (LSR_OVERRUN | LSR_BREAK))) {
        return IIR_LINE;
    }
    if ((s->ier & IER_RX) && s->count > 0) {
        return s->count >= trigger(s) ? IIR_RX : IIR_TIMEOUT;
    }
    if ((s->ier & IER_TX) && s->tx_pending) {
        return IIR_TX;
    }
    if ((s->ier & IER_MODEM) && (s->msr & 0xf)) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void update_irq(struct serial *s) REQUIRES(bql)
{
    irq_set(&s->irq, interrupt_id(s) != IIR_NONE);
}

/* There is room again: the other side may have stopped for want of it. */
static void accept_input(struct serial *s) REQUIRES(bql)
{
    if (s->chardev) {
        chardev_accept_input(s->chardev);
    }
}

static void push_received(struct serial *s, uint8_t byte) REQUIRES(bql)
{
    if (s->count == capacity(s)) {
        s->lsr |= LSR_OVERRUN;
        return;
    }
    s->fifo[(s->head + s->count++) % FIFO_SIZE] = byte;
    s->lsr |= LSR_DATA;
}

static uint8_t pop_received(struct serial *s) REQUIRES(bql)
{
    uint8_t byte = s->fifo[s->head];
    if (s->count > 0) {
        s->head = (s->head + 1) % FIFO_SIZE;
        s->count--;
    }
    if (s->count == 0) {
        s->lsr &= (uint8_t)~LSR_DATA;
        accept_input(s);
    }
    update_irq(s);
    return byte;
}

static void transmit(struct serial *s) REQUIRES(bql)
{
    if (s->mcr & MCR_LOOP) {
        push_received(s, s->tx_byte);
    } else if (s->chardev && chardev_write(s->chardev, &s->tx_byte, 1) == 0) {
        s->tx_full = true;
        s->lsr &= (uint8_t)~(LSR_THRE | LSR_IDLE);
        return;
    }
    s->tx_full = false;
    s->lsr |= LSR_THRE | LSR_IDLE;
    s->tx_pending = true;
}

/* Modem inputs: the loop back of our outputs, or a line that is always there. */
static void update_modem(struct serial *s) REQUIRES(bql)
{
    uint8_t lines = MSR_CTS | MSR_DSR | MSR_DCD;
    if (s->mcr & MCR_LOOP) {
        lines = (uint8_t)((s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
                          (s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
    } else if (!s->chardev) {
        lines = 0;
    }
    uint8_t changed = (uint8_t)((lines ^ s->msr) >> 4);
    if (changed & 4) { /* of RI only the trailing edge counts */
        changed = (uint8_t)(lines & MSR_RI ? changed & ~4 : changed);
    }
    s->msr = (uint8_t)(lines | (s->msr & 0xf) | changed);
}

static void set_fcr(struct serial *s, uint8_t v) REQUIRES(bql)
{
    if ((v ^ s->fcr) & FCR_ENABLE || v & FCR_CLEAR_RX) {
        s->head = s->count = 0;
        s->lsr &= (uint8_t)~LSR_DATA;
    }
    if ((v & FCR_CLEAR_TX) && s->tx_full) { /* what waits is dropped */
        s->tx_full = false;
        s->lsr |= LSR_THRE | LSR_IDLE;
        s->tx_pending = true;
    }
    s->fcr = v & (0xc0 | FCR_ENABLE);
    accept_input(s);
}

static void set_ier(struct serial *s, uint8_t v) REQUIRES(bql)
{
    if ((v & IER_TX) && !(s->ier & IER_TX) && (s->lsr & LSR_THRE)) {
        s->tx_pending = true; /* enabling it with an empty register interrupts */
    }
    s->ier = v & 0xf;
}

static enum memory_result serial_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct serial *s = opaque;
    uint8_t v = (uint8_t)value;
    (void)size;
    bql_assert_locked();
    bool dlab = s->lcr & LCR_DLAB;
    switch (offset) {
    case 0:
        if (dlab) {
            s->divisor = (uint16_t)((s->divisor & 0xff00) | v);
            break;
        }
        if (s->tx_full) {
            break; /* lost, as on the chip when the register is not empty */
        }
        s->tx_pending = false;
        s->tx_byte = v;
        transmit(s);
        break;
    case 1:
        if (dlab) {
            s->divisor = (uint16_t)((s->divisor & 0xff) | v << 8);
            break;
        }
        set_ier(s, v);
        break;
    case 2:
        set_fcr(s, v);
        break;
    case 3:
        s->lcr = v;
        break;
    case 4:
        s->mcr = v & 0x1f;
        update_modem(s);
        accept_input(s); /* which loop back has kept out */
        break;
    case 7:
        s->scratch = v;
        break;
    default:
        break;
    }
    update_irq(s);
    return MEMORY_OK;
}

static uint8_t read_iir(struct serial *s) REQUIRES(bql)
{
    uint8_t id = interrupt_id(s);
    if (id == IIR_TX) {
        s->tx_pending = false;
        update_irq(s);
    }
    return id | (s->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static uint8_t read_lsr(struct serial *s) REQUIRES(bql)
{
    uint8_t v = s->lsr;
    s->lsr &= (uint8_t)~(LSR_OVERRUN | LSR_BREAK);
    update_irq(s);
    return v;
}

static uint8_t read_msr(struct serial *s) REQUIRES(bql)
{
    uint8_t v = s->msr;
    s->msr &= 0xf0;
    update_irq(s);
    return v;
}

static enum memory_result serial_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct serial *s = opaque;
    (void)size;
    bql_assert_locked();
    bool dlab = s->lcr & LCR_DLAB;
    switch (offset) {
    case 0:
        *value = dlab ? s->divisor & 0xff : pop_received(s);
        break;
    case 1:
        *value = dlab ? (uint64_t)(s->divisor >> 8) : s->ier;
        break;
    case 2:
        *value = read_iir(s);
        break;
    case 3:
        *value = s->lcr;
        break;
    case 4:
        *value = s->mcr;
        break;
    case 5:
        *value = read_lsr(s);
        break;
    case 6:
        *value = read_msr(s);
        break;
    default:
        *value = s->scratch;
        break;
    }
    return MEMORY_OK;
}

static const struct memory_ops serial_ops = {
    .read = serial_read, .write = serial_write, .min_size = 1, .max_size = 1};

static size_t can_receive(void *opaque)
{
    const struct serial *s = opaque;
    bql_assert_locked();
    return s->mcr & MCR_LOOP ? 0 : capacity(s) - s->count;
}

static void receive(void *opaque, const uint8_t *buf, size_t len)
{
    struct serial *s = opaque;
    bql_assert_locked();
    for (size_t i = 0; i < len; i++) {
        push_received(s, buf[i]);
    }
    update_irq(s);
}

static void writable(void *opaque)
{
    struct serial *s = opaque;
    bql_assert_locked();
    if (s->tx_full) {
        transmit(s);
        update_irq(s);
    }
}

static const struct chardev_client client = {
    .can_receive = can_receive, .receive = receive, .writable = writable};

void serial_reset(void *serial)
{
    struct serial *s = serial;
    s->divisor = 12;
    s->ier = s->fcr = s->lcr = s->scratch = 0;
    s->mcr = MCR_OUT2;
    s->lsr = LSR_THRE | LSR_IDLE;
    s->msr = 0;
    s->head = s->count = 0;
    memset(s->fifo, 0, sizeof(s->fifo));
    s->tx_pending = s->tx_full = false;
    update_modem(s);
    s->msr &= 0xf0;
    accept_input(s);
    update_irq(s);
}

int serial_new(struct memory_region *io, uint16_t base, struct irq irq, struct chardev *c,
               struct serial **out, struct error *err)
{
    struct serial *s = calloc(1, sizeof(*s));
    if (!s) {
        return error_set(err, ENOMEM, "serial port: out of memory");
    }
    s->irq = irq;
    s->chardev = c;
    memory_region_init_io(&s->region, &serial_ops, s, "serial", 8);
    serial_reset(s);
    memory_region_add(io, base, &s->region, 0);
    if (c) {
        chardev_attach(c, &client, s);
    }
    *out = s;
    return 0;
}

void serial_free(struct serial *s)
{
    if (s) {
        memory_region_destroy(&s->region);
        free(s);
    }
}
