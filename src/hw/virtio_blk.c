/* The block device (Virtio 1.2, 5.2). Requests are served one after the other on the
 * device's I/O thread, straight between guest memory and the image. */
#include "hw/virtio_blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aio/iothread.h"
#include "hw/virtio.h"

#define F_SEG_MAX      (UINT64_C(1) << 2)
#define F_RO           (UINT64_C(1) << 5)
#define F_BLK_SIZE     (UINT64_C(1) << 6)
#define F_FLUSH        (UINT64_C(1) << 9)
#define F_DISCARD      (UINT64_C(1) << 13)
#define F_WRITE_ZEROES (UINT64_C(1) << 14)

enum config {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_DISCARD_SECTORS = 36,
    CONFIG_DISCARD_SEGMENTS = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_ZERO_SECTORS = 48,
    CONFIG_ZERO_SEGMENTS = 52,
    CONFIG_ZERO_UNMAP = 56,
    CONFIG_END = 60
};

enum request {
    REQ_IN = 0,
    REQ_OUT = 1,
    REQ_FLUSH = 4,
    REQ_ID = 8,
    REQ_DISCARD = 11,
    REQ_ZERO = 13
};
enum result { RESULT_OK = 0, RESULT_IO_ERROR = 1, RESULT_UNSUPPORTED = 2 };

#define HEADER_SIZE      16
#define ID_SIZE          20
#define ZERO_MAX         (1u << 22) /* sectors in one request */
#define REQUESTS_AT_ONCE 64

struct virtio_blk {
    struct virtio virtio;
    struct disk *disk IMMUTABLE_AFTER_INIT;
    struct iothread *thread IMMUTABLE_AFTER_INIT;
    char serial[ID_SIZE] IMMUTABLE_AFTER_INIT;
    /* Of the request being served. */
    struct virtq_chain chain OWNED_BY(holder of the lock of the device);
    struct iovec iov[VIRTQ_SEGMENTS] OWNED_BY(holder of the lock of the device);
};

static uint64_t get_le(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

/* Segments as a vector, without the first `skip` bytes, `len` bytes long. */
static int make_iov(struct virtio_blk *b, const struct virtq_segment *s, unsigned count,
                    uint64_t skip, uint64_t len)
{
    int n = 0;

    for (unsigned i = 0; i < count && len > 0; i++) {
        uint64_t part;

        if (skip >= s[i].len) {
            skip -= s[i].len;
            continue;
        }
        part = s[i].len - skip < len ? s[i].len - skip : len;
        b->iov[n++] = (struct iovec){.iov_base = s[i].host + skip, .iov_len = part};
        len -= part;
        skip = 0;
    }
    return n;
}

static enum result result_of(int ret)
{
    return ret < 0 ? RESULT_IO_ERROR : RESULT_OK;
}

/* A read or write of `len` bytes at a sector that the guest names. */
static enum result transfer(struct virtio_blk *b, bool write, uint64_t sector, uint64_t len)
{
    const struct virtq_chain *c = &b->chain;
    int n;

    if (len % DISK_SECTOR || sector > UINT64_MAX / DISK_SECTOR ||
        !disk_contains(b->disk, sector * DISK_SECTOR, len)) {
        return RESULT_IO_ERROR;
    }
    if (write) {
        n = make_iov(b, c->segment, c->out, HEADER_SIZE, len);
        return result_of(disk_write(b->disk, sector * DISK_SECTOR, b->iov, n));
    }
    n = make_iov(b, c->segment + c->out, c->in, 0, len);
    return result_of(disk_read(b->disk, sector * DISK_SECTOR, b->iov, n));
}

static enum result zero(struct virtio_blk *b, bool discard)
{
    uint8_t range[16];
    uint64_t sector, count;
    uint32_t flags;

    if (b->chain.out_len != HEADER_SIZE + sizeof(range)) {
        return RESULT_UNSUPPORTED; /* one segment, as config says */
    }
    (void)virtq_copy_out(&b->chain, HEADER_SIZE, range, sizeof(range));
    sector = get_le(range, 8);
    count = get_le(range + 8, 4);
    flags = (uint32_t)get_le(range + 12, 4);
    if (count > ZERO_MAX || sector > UINT64_MAX / DISK_SECTOR ||
        !disk_contains(b->disk, sector * DISK_SECTOR, count * DISK_SECTOR)) {
        return RESULT_IO_ERROR;
    }
    if (flags & ~1u || (discard && flags)) {
        return RESULT_UNSUPPORTED;
    }
    return result_of(
        disk_zero(b->disk, sector * DISK_SECTOR, count * DISK_SECTOR, discard || (flags & 1)));
}

/* Serves the chain; returns bytes written to it, the status byte included. */
static uint64_t serve(struct virtio_blk *b)
{
    struct virtq_chain *c = &b->chain;
    uint8_t header[HEADER_SIZE];
    uint64_t in = c->in_len - 1; /* but the status */
    enum result result = RESULT_UNSUPPORTED;
    uint64_t written = 0;
    uint8_t status;

    if (virtq_copy_out(c, 0, header, sizeof(header)) == sizeof(header)) {
        switch (get_le(header, 4)) {
        case REQ_IN:
            result = transfer(b, false, get_le(header + 8, 8), in);
            written = in;
            break;
        case REQ_OUT:
            result = transfer(b, true, get_le(header + 8, 8), c->out_len - HEADER_SIZE);
            break;
        case REQ_FLUSH:
            result = result_of(disk_flush(b->disk));
            break;
        case REQ_ID:
            written = virtq_copy_in(c, 0, b->serial, in < ID_SIZE ? in : ID_SIZE);
            result = RESULT_OK;
            break;
        case REQ_DISCARD:
        case REQ_ZERO:
            result = zero(b, get_le(header, 4) == REQ_DISCARD);
            break;
        default:
            break;
        }
    }
    status = (uint8_t)result;
    (void)virtq_copy_in(c, in, &status, 1);
    return result == RESULT_OK || written ? in + 1 : 1;
}

static bool process(struct virtio *v, unsigned n)
{
    struct virtio_blk *b = (struct virtio_blk *)(void *)v;
    struct virtq *q = &v->queue[n].q;

    for (unsigned i = 0; i < REQUESTS_AT_ONCE; i++) {
        if (!virtq_pop(q, &b->chain)) {
            return false;
        }
        virtq_push(q, &b->chain, b->chain.in_len ? serve(b) : 0);
    }
    return true;
}

static void stop(struct virtio *v) REQUIRES(bql)
{
    struct virtio_blk *b = (struct virtio_blk *)(void *)v;

    bql_unlock(); /* nobody waits for a thread with it */
    iothread_free(b->thread);
    bql_lock();
}

static void free_blk(struct virtio *v)
{
    struct virtio_blk *b = (struct virtio_blk *)(void *)v;

    disk_close(b->disk);
    free(b);
}

static const struct virtio_type type = {
    .name = "virtio-blk",
    .id = 2,
    .class_code = 0x010000,
    .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES,
    .config_size = CONFIG_END,
    .process = process,
    .stop = stop,
    .free = free_blk,
};

static const struct virtio_type type_read_only = {
    .name = "virtio-blk",
    .id = 2,
    .class_code = 0x010000,
    .features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_RO,
    .config_size = CONFIG_END,
    .process = process,
    .stop = stop,
    .free = free_blk,
};

static void fill_config(struct virtio_blk *b)
{
    struct virtio *v = &b->virtio;

    mutex_lock(&v->lock);
    pci_put(&v->config[CONFIG_CAPACITY], b->disk->size / DISK_SECTOR, 8);
    pci_put(&v->config[CONFIG_SEG_MAX], VIRTQ_MAX_SIZE - 2, 4);
    pci_put(&v->config[CONFIG_BLK_SIZE], DISK_SECTOR, 4);
    pci_put(&v->config[CONFIG_DISCARD_SECTORS], ZERO_MAX, 4);
    pci_put(&v->config[CONFIG_DISCARD_SEGMENTS], 1, 4);
    pci_put(&v->config[CONFIG_DISCARD_ALIGNMENT], 1, 4);
    pci_put(&v->config[CONFIG_ZERO_SECTORS], ZERO_MAX, 4);
    pci_put(&v->config[CONFIG_ZERO_SEGMENTS], 1, 4);
    v->config[CONFIG_ZERO_UNMAP] = 1;
    mutex_unlock(&v->lock);
}

int virtio_blk_new(struct pci_bus *bus, int devfn, struct disk *disk, const char *serial,
                   struct error *err)
{
    struct virtio_blk *b = calloc(1, sizeof(*b));
    int ret;

    if (!b) {
        return error_set(err, ENOMEM, "virtio-blk: out of memory");
    }
    b->disk = disk;
    if (serial) {
        memcpy(b->serial, serial, strnlen(serial, ID_SIZE));
    }
    ret = iothread_new("virtio-blk", AIO_MONITOR_AUTO, &b->thread, err);
    if (ret < 0) {
        free(b);
        return ret;
    }
    ret = virtio_init(&b->virtio, disk->read_only ? &type_read_only : &type, bus, devfn, 1,
                      iothread_get_aio_context(b->thread), err);
    if (ret < 0) {
        stop(&b->virtio);
        free(b);
        return ret;
    }
    fill_config(b);
    return 0;
}
