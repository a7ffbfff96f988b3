/* Data of commands: guest memory as a table of areas tells it, and sectors straight
 * between it and the image. Addresses and lengths are the guest's: only RAM is touched. */
#include <errno.h>

#include "hw/ahci_internal.h"

#define ENTRY_SIZE 16u
#define SEGMENTS   64
#define COUNT_MASK 0x3fffffu

/* The next area of the table; false: there is none. */
static bool next_area(struct ahci *ahci, struct ahci_walk *w)
{
    uint8_t entry[ENTRY_SIZE];

    if (w->entries == 0 || pci_dma_read(&ahci->pci, w->table, entry, sizeof(entry)) != MEMORY_OK) {
        return false;
    }
    w->entries--;
    w->table += sizeof(entry);
    w->addr = (pci_get(entry, 4) | (uint64_t)pci_get(entry + 4, 4) << 32) & ~UINT64_C(1);
    w->left = (pci_get(entry + 12, 4) & COUNT_MASK & ~1u) + 2; /* bytes but one, always odd */
    return true;
}

uint32_t ahci_move(struct ahci *ahci, struct ahci_walk *w, uint8_t *buf, uint32_t len,
                   bool to_memory)
{
    uint32_t done = 0;

    while (done < len && (w->left || next_area(ahci, w))) {
        uint32_t n = len - done < w->left ? len - done : w->left;
        enum memory_result result = to_memory ? pci_dma_write(&ahci->pci, w->addr, buf + done, n)
                                              : pci_dma_read(&ahci->pci, w->addr, buf + done, n);

        if (result != MEMORY_OK) {
            break;
        }
        w->addr += n;
        w->left -= n;
        done += n;
    }
    return done;
}

/* Some guest memory, held in place. */
struct piece {
    int count;
    uint64_t len;
    struct iovec iov[SEGMENTS];
};

static void hold(struct ahci *ahci, struct ahci_walk *w, uint64_t len, bool write,
                 struct piece *piece)
{
    struct address_space *as = ahci->pci.bus->machine->memory_as;

    piece->count = 0;
    piece->len = 0;
    while (piece->count < SEGMENTS && piece->len < len && (w->left || next_area(ahci, w))) {
        uint64_t n = len - piece->len < w->left ? len - piece->len : w->left;
        void *host = address_space_map(as, w->addr, &n, write);

        if (!host) {
            break;
        }
        piece->iov[piece->count++] = (struct iovec){.iov_base = host, .iov_len = n};
        piece->len += n;
        w->addr += n;
        w->left -= (uint32_t)n;
    }
}

static void release(struct ahci *ahci, const struct piece *piece, bool write)
{
    for (int i = 0; i < piece->count; i++) {
        uint64_t len = piece->iov[i].iov_len;

        address_space_unmap(ahci->pci.bus->machine->memory_as, piece->iov[i].iov_base, len, write,
                            write ? len : 0);
    }
}

static bool stopped(const struct ahci_port *p, unsigned stops)
{
    return atomic_load_explicit(&p->stops, memory_order_relaxed) != stops;
}

/* Piece by piece, so that who stops the port does not wait for all of them. */
static int move_sectors(const struct ahci_port *p, const struct ahci_transfer *t, unsigned stops)
{
    struct ahci *ahci = p->ahci;
    bool read = t->direction == AHCI_READ;
    uint64_t done = 0;
    int ret = 0;

    while (ret == 0 && done < t->len && !stopped(p, stops)) {
        struct piece held, used;

        if (!pci_is_master(&ahci->pci)) {
            return -EFAULT;
        }
        hold(ahci, t->walk, t->len - done, read, &held);
        if (held.len == 0) {
            return -EFAULT;
        }
        used = held; /* the vector is used up */
        ret = read ? disk_read(t->disk, t->offset + done, used.iov, used.count)
                   : disk_write(t->disk, t->offset + done, used.iov, used.count);
        done += held.len;
        release(ahci, &held, read);
    }
    return ret;
}

int ahci_transfer(struct ahci_port *p, const struct ahci_transfer *t)
{
    unsigned stops = atomic_load_explicit(&p->stops, memory_order_relaxed);
    int ret;

    mutex_lock(&p->io);
    bql_unlock();
    ret = t->direction == AHCI_FLUSH ? disk_flush(t->disk) : move_sectors(p, t, stops);
    mutex_unlock(&p->io);
    bql_lock();
    return stopped(p, stops) ? -ECANCELED : ret;
}
