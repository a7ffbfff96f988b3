/* The PIIX3's bus master (Intel 82371SB data sheet, 2.7; the programming interface for
 * bus master IDE controllers). A transfer runs at once, when both the command and the
 * bus master have been started. */
#include "hw/ide_internal.h"

enum bm_reg { BM_COMMAND = 0, BM_STATUS = 2, BM_TABLE = 4 };

#define BM_START     0x01u
#define BM_TO_MEMORY 0x08u
#define BM_ACTIVE    0x01u
#define BM_ERROR     0x02u
#define BM_INTERRUPT 0x04u
#define BM_CAPABLE   0x60u
#define AREA_LAST    0x80000000u
#define AREAS_MAX    8192u

struct ide_walk ide_dma_begin(const struct ide_channel *c)
{
    return (struct ide_walk){.table = c->bm_table};
}

/* The next area of the table; false: there is none. */
static bool next_area(struct ide_channel *c, struct ide_walk *w) REQUIRES(bql)
{
    uint8_t entry[8];
    uint32_t count;

    if (w->last || w->areas++ == AREAS_MAX ||
        pci_dma_read(&c->ide->pci, w->table, entry, sizeof(entry)) != MEMORY_OK) {
        return false;
    }
    w->table += sizeof(entry);
    w->addr = pci_get(entry, 4) & ~1u;
    count = pci_get(entry + 4, 4);
    w->last = count & AREA_LAST;
    w->left = count & 0xfffe ? count & 0xfffe : 0x10000;
    return true;
}

uint32_t ide_dma_move(struct ide_channel *c, struct ide_walk *w, uint8_t *buf, uint32_t len,
                      bool to_memory)
{
    uint32_t done = 0;

    while (done < len) {
        uint32_t n;
        enum memory_result result;

        if (w->left == 0 && !next_area(c, w)) {
            break;
        }
        n = len - done < w->left ? len - done : w->left;
        result = to_memory ? pci_dma_write(&c->ide->pci, w->addr, buf + done, n)
                           : pci_dma_read(&c->ide->pci, w->addr, buf + done, n);
        if (result != MEMORY_OK) {
            break;
        }
        w->addr += n;
        w->left -= n;
        done += n;
    }
    return done;
}

void ide_dma_try(struct ide_channel *c)
{
    if (!(c->bm_command & BM_START) || !(c->bm_status & BM_ACTIVE)) {
        return;
    }
    for (unsigned n = 0; n < 2; n++) {
        struct ide_unit *u = &c->unit[n];

        switch (u->phase) {
        case IDE_DMA_READ:
        case IDE_DMA_WRITE:
            c->bm_status &= (uint8_t)~BM_ACTIVE;
            ide_ata_dma(c, u);
            break;
        case IDE_DMA_PACKET:
            c->bm_status &= (uint8_t)~BM_ACTIVE;
            ide_atapi_dma(c, u);
            break;
        default:
            continue;
        }
        if (u->status & IDE_ERR) {
            c->bm_status |= BM_ERROR;
        }
        return;
    }
}

static enum memory_result bm_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    struct ide *ide = opaque;
    const struct ide_channel *c;

    bql_assert_locked();
    c = &ide->channel[offset >> 3 & 1];
    switch (offset & 7) {
    case BM_COMMAND:
        *value = c->bm_command;
        break;
    case BM_STATUS:
        *value = c->bm_status;
        break;
    default:
        *value = (offset & 7) < BM_TABLE ? 0 : c->bm_table >> (offset & 3) * 8;
        break;
    }
    *value &= (UINT64_C(1) << 8 * size) - 1;
    return MEMORY_OK;
}

static void write_command(struct ide_channel *c, uint8_t v) REQUIRES(bql)
{
    bool starts = (v & BM_START) && !(c->bm_command & BM_START);

    c->bm_command = v & (BM_START | BM_TO_MEMORY);
    if (starts) {
        c->bm_status |= BM_ACTIVE;
        ide_dma_try(c);
    } else if (!(v & BM_START)) {
        c->bm_status &= (uint8_t)~BM_ACTIVE;
    }
}

static enum memory_result bm_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct ide *ide = opaque;
    struct ide_channel *c;
    uint8_t v = (uint8_t)value;

    bql_assert_locked();
    c = &ide->channel[offset >> 3 & 1];
    switch (offset & 7) {
    case BM_COMMAND:
        write_command(c, v);
        break;
    case BM_STATUS:
        c->bm_status = (uint8_t)((c->bm_status & ~BM_CAPABLE & ~(v & (BM_ERROR | BM_INTERRUPT))) |
                                 (v & BM_CAPABLE));
        break;
    case BM_TABLE:
        if (size == 4) {
            c->bm_table = (uint32_t)value & ~3u;
        }
        break;
    default:
        break;
    }
    return MEMORY_OK;
}

static const struct memory_ops bm_ops = {
    .read = bm_read, .write = bm_write, .min_size = 1, .max_size = 4};

void ide_dma_init(struct ide *ide)
{
    memory_region_init_io(&ide->bm, &bm_ops, ide, "ide-bus-master", 16);
    pci_device_add_bar(&ide->pci, 4, PCI_BAR_IO, &ide->bm, 16);
}
