/* Registers of a port (AHCI 3.3). */
#include "hw/ahci_internal.h"

enum reg {
    REG_LIST = 0x00,
    REG_LIST_HIGH = 0x04,
    REG_FIS = 0x08,
    REG_FIS_HIGH = 0x0c,
    REG_EVENTS = 0x10,
    REG_ENABLED = 0x14,
    REG_COMMAND = 0x18,
    REG_TASK_FILE = 0x20,
    REG_SIGNATURE = 0x24,
    REG_STATUS = 0x28,
    REG_CONTROL = 0x2c,
    REG_ERROR = 0x30,
    REG_ISSUED = 0x38
};

#define EVENTS_KNOWN   0xfdc000ffu
#define COMMAND_KEPT   (AHCI_START | AHCI_SPIN_UP | AHCI_POWER_ON | AHCI_FIS_ENABLE | AHCI_IS_ATAPI)
#define SLOT_SHIFT     8
#define CONTROL_KEPT   0xfffu
#define DETECT         15u
#define DETECT_RESET   1u
#define DETECT_OFF     4u
#define LINK_UP        0x113u /* active, 1.5 Gbit/s, a drive */
#define LINK_RESETTING 0x001u
#define LINK_OFF       0x004u
#define ERROR_EXCHANGE 0x04000000u
#define NO_DRIVE       0x7fu
#define NO_SIGNATURE   UINT32_MAX

uint32_t ahci_port_events(const struct ahci_port *p)
{
    return p->events | (p->error & ERROR_EXCHANGE ? AHCI_CONNECT_CHANGE : 0);
}

static uint32_t link_status(const struct ahci_port *p) REQUIRES(bql)
{
    switch (p->control & DETECT) {
    case DETECT_OFF:
        return LINK_OFF;
    case DETECT_RESET:
        return p->unit.present ? LINK_RESETTING : 0;
    default:
        return p->unit.present ? LINK_UP : 0;
    }
}

/* Commands run while the port is started, and reported as running. */
static uint32_t command_status(const struct ahci_port *p) REQUIRES(bql)
{
    return p->command | (p->command & AHCI_START ? AHCI_RUNNING : 0) |
           (p->command & AHCI_FIS_ENABLE ? AHCI_FIS_RUNNING : 0) |
           (p->command & AHCI_START ? p->slot << SLOT_SHIFT : 0);
}

uint32_t ahci_port_read(const struct ahci_port *p, unsigned reg)
{
    switch (reg) {
    case REG_LIST:
        return (uint32_t)p->list;
    case REG_LIST_HIGH:
        return (uint32_t)(p->list >> 32);
    case REG_FIS:
        return (uint32_t)p->fis;
    case REG_FIS_HIGH:
        return (uint32_t)(p->fis >> 32);
    case REG_EVENTS:
        return ahci_port_events(p);
    case REG_ENABLED:
        return p->enabled;
    case REG_COMMAND:
        return command_status(p);
    case REG_TASK_FILE:
        return p->task_file;
    case REG_SIGNATURE:
        return p->signature;
    case REG_STATUS:
        return link_status(p);
    case REG_CONTROL:
        return p->control;
    case REG_ERROR:
        return p->error;
    case REG_ISSUED:
        return p->issued;
    default:
        return 0;
    }
}

void ahci_raise(struct ahci_port *p, uint32_t events)
{
    p->events |= events;
    ahci_update_irq(p->ahci);
}

void ahci_port_stop(struct ahci_port *p)
{
    atomic_fetch_add_explicit(&p->stops, 1, memory_order_relaxed);
    mutex_lock(&p->io);
    mutex_unlock(&p->io);
    p->unit.phase = IDE_IDLE;
    p->issued = 0;
    p->slot = 31; /* the first one is to be 0 */
    p->failed = p->resetting = false;
}

/* The drive is there, after power-on or a reset of the link. */
static void connect_drive(struct ahci_port *p) REQUIRES(bql)
{
    if (!p->unit.present) {
        p->task_file = NO_DRIVE;
        p->signature = NO_SIGNATURE;
        return;
    }
    ide_reset_unit(&p->unit);
    p->error |= ERROR_EXCHANGE;
    ahci_post_signature(p);
    ahci_update_irq(p->ahci);
}

void ahci_port_reset(struct ahci_port *p)
{
    ahci_port_stop(p);
    p->list = p->fis = 0;
    p->events = p->enabled = 0;
    p->command = AHCI_SPIN_UP | AHCI_POWER_ON;
    p->control = p->error = 0;
    connect_drive(p);
}

static void write_command(struct ahci_port *p, uint32_t v) REQUIRES(bql)
{
    uint32_t before = p->command;

    if ((before & AHCI_START) && !(v & AHCI_START)) {
        ahci_port_stop(p);
        if (p->task_file & IDE_BUSY) {
            p->task_file = (uint32_t)p->unit.error << 8 | IDE_READY | IDE_SEEK;
        }
    }
    p->command = v & COMMAND_KEPT;
    if ((v & AHCI_OVERRIDE) && !(v & AHCI_START)) {
        p->task_file &= ~(uint32_t)(IDE_BUSY | IDE_DRQ);
    }
    if (p->signature_waits && (v & AHCI_FIS_ENABLE) && p->unit.present) {
        ahci_post_signature(p);
    }
}

static void write_control(struct ahci_port *p, uint32_t v) REQUIRES(bql)
{
    uint32_t before = p->control & DETECT;

    p->control = v & CONTROL_KEPT;
    if ((v & DETECT) == before) {
        return;
    }
    ahci_port_stop(p);
    if ((v & DETECT) == DETECT_RESET || (v & DETECT) == DETECT_OFF) {
        p->task_file = NO_DRIVE;
        p->signature = NO_SIGNATURE;
    } else {
        connect_drive(p);
    }
}

void ahci_port_write(struct ahci_port *p, unsigned reg, uint32_t v)
{
    switch (reg) {
    case REG_LIST:
        p->list = (p->list & ~(uint64_t)UINT32_MAX) | (v & ~0x3ffu);
        break;
    case REG_LIST_HIGH:
        p->list = (uint32_t)p->list | (uint64_t)v << 32;
        break;
    case REG_FIS:
        p->fis = (p->fis & ~(uint64_t)UINT32_MAX) | (v & ~0xffu);
        break;
    case REG_FIS_HIGH:
        p->fis = (uint32_t)p->fis | (uint64_t)v << 32;
        break;
    case REG_EVENTS:
        p->events &= ~v;
        break;
    case REG_ENABLED:
        p->enabled = v & EVENTS_KNOWN;
        ahci_update_irq(p->ahci);
        break;
    case REG_COMMAND:
        write_command(p, v);
        break;
    case REG_CONTROL:
        write_control(p, v);
        break;
    case REG_ERROR:
        p->error &= ~v;
        break;
    case REG_ISSUED:
        if ((p->command & AHCI_START) && p->bh) {
            p->issued |= v;
            aio_bh_schedule(p->bh);
        }
        break;
    default:
        break;
    }
}
