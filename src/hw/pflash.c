/* Flash with command set 1 (Intel Basic/Extended) and its description by CFI (JEDEC
 * JESD68, JEP137), eight bits wide.
 *
 * Each write is a cycle of a command, and what a read gives depends on the last one. In
 * array mode the region is memory that CPUs run from at full speed; in the other modes
 * every access comes here. An access wider than the part is one cycle all the same, with
 * the command in the low byte and all of its data. Programming only clears bits: to set
 * them a block is erased. Both are done at once, so the part is never busy.
 *
 * "Clear status" clears the ready bit too, and the next operation sets it: OVMF tells
 * flash from RAM and ROM by a status of zero after that command. */
#include "hw/pflash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER 256u /* bytes of a buffered write: as many as its one count byte can say */

enum command {
    CMD_LOCK_CONFIRM = 0x01,
    CMD_PROGRAM_OLD = 0x10,
    CMD_ERASE = 0x20,
    CMD_LOCK_DOWN = 0x2f,
    CMD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_STATUS = 0x70,
    CMD_ID = 0x90,
    CMD_QUERY = 0x98,
    CMD_CONFIRM = 0xd0,
    CMD_BUFFER = 0xe8,
    CMD_ARRAY_OLD = 0xf0,
    CMD_ARRAY = 0xff,
};

enum status {
    STATUS_PROTECTED = 0x02,
    STATUS_PROGRAM = 0x10, /* programming failed; with the next, a wrong sequence */
    STATUS_ERASE = 0x20,
    STATUS_READY = 0x80,
};

enum mode { MODE_ARRAY, MODE_STATUS, MODE_ID, MODE_QUERY };

/* What the next write is. */
enum cycle {
    CYCLE_COMMAND,
    CYCLE_PROGRAM,
    CYCLE_ERASE,
    CYCLE_LOCK,
    CYCLE_BUFFER_COUNT,
    CYCLE_BUFFER_DATA,
    CYCLE_BUFFER_CONFIRM,
};

struct pflash {
    struct memory_region region;
    struct disk *disk IMMUTABLE_AFTER_INIT;
    uint64_t size IMMUTABLE_AFTER_INIT;
    enum mode mode GUARDED_BY(bql);
    enum cycle cycle GUARDED_BY(bql);
    uint8_t status GUARDED_BY(bql);

    /* A buffered write: the bytes of one aligned buffer, and which of them are given. */
    uint64_t buffer_at GUARDED_BY(bql);
    unsigned buffer_left GUARDED_BY(bql);
    uint8_t buffer[BUFFER] GUARDED_BY(bql);
};

static const uint8_t ids[] = {0x89, 0x18}; /* Intel, a part of its StrataFlash line */

/* From 0x10 on, the primary table at 0x31; what depends on the size is filled in by query_byte. */
static const uint8_t query[] = {
    'Q',
    'R',
    'Y',
    0x01,
    0x00,
    0x31,
    0x00,
    0x00,
    0x00,
    0x00,
    0x00, /* command set 1 */
    0x45,
    0x55,
    0x00,
    0x00, /* 4.5 to 5.5 V, no Vpp */
    0x01,
    0x01,
    0x01,
    0x00,
    0x04,
    0x04,
    0x04,
    0x00, /* times and limits */
    0x00,
    0x00,
    0x00,
    0x08,
    0x00, /* size, x8, buffer of 256 */
    0x01,
    0x00,
    0x00,
    PFLASH_BLOCK / 256 & 0xff,
    PFLASH_BLOCK / 65536, /* one erase region */
    'P',
    'R',
    'I',
    '1',
    '0',
    0x00,
    0x00,
    0x00,
    0x00,
    0x00, /* no optional features */
    0x00,
    0x00,
    0x50,
    0x00, /* 5.0 V */
};

enum query_offset { QUERY_FIRST = 0x10, QUERY_SIZE = 0x27, QUERY_BLOCKS = 0x2d };

static uint8_t query_byte(const struct pflash *p, uint64_t offset)
{
    uint64_t blocks = p->size / PFLASH_BLOCK - 1;
    unsigned log = 0;

    offset &= 0xff;
    switch (offset) {
    case QUERY_SIZE: /* a power of two: the next one */
        while (UINT64_C(1) << log < p->size) {
            log++;
        }
        return (uint8_t)log;
    case QUERY_BLOCKS:
        return (uint8_t)blocks;
    case QUERY_BLOCKS + 1:
        return (uint8_t)(blocks >> 8);
    default:
        return offset >= QUERY_FIRST && offset - QUERY_FIRST < sizeof(query)
                   ? query[offset - QUERY_FIRST]
                   : 0;
    }
}

static uint8_t read_byte(const struct pflash *p, uint64_t offset) REQUIRES(bql)
{
    switch (p->mode) {
    case MODE_STATUS:
        return p->status;
    case MODE_ID:
        offset &= 0xff;
        return offset < sizeof(ids) ? ids[offset] : 0;
    case MODE_QUERY:
        return query_byte(p, offset);
    case MODE_ARRAY:
    default:
        return p->region.host[offset];
    }
}

static enum memory_result flash_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct pflash *p = opaque;

    bql_assert_locked();
    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value |= (uint64_t)read_byte(p, offset + i) << 8 * i;
    }
    return MEMORY_OK;
}

static void set_mode(struct pflash *p, enum mode mode, enum cycle cycle) REQUIRES(bql)
{
    p->mode = mode;
    p->cycle = cycle;
    memory_region_set_romd(&p->region, mode == MODE_ARRAY && cycle == CYCLE_COMMAND);
}

/* An operation has ended; reads tell how. */
static void finish(struct pflash *p, unsigned failed) REQUIRES(bql)
{
    p->status = (uint8_t)(p->status | STATUS_READY | failed);
    set_mode(p, MODE_STATUS, CYCLE_COMMAND);
}

/* Bytes of the array have changed: they go to the disk, and code in them is forgotten. */
static unsigned store(struct pflash *p, uint64_t offset, uint64_t len, unsigned failure)
    REQUIRES(bql)
{
    struct iovec iov = {.iov_base = p->region.host + offset, .iov_len = len};

    memory_ram_written(p->region.ram_addr + offset, len);
    return disk_write(p->disk, offset, &iov, 1) < 0 ? failure : 0;
}

static void program(struct pflash *p, uint64_t offset, const uint8_t *data, unsigned len)
    REQUIRES(bql)
{
    if (p->disk->read_only) {
        finish(p, STATUS_PROGRAM | STATUS_PROTECTED);
        return;
    }
    for (unsigned i = 0; i < len; i++) {
        p->region.host[offset + i] &= data[i];
    }
    finish(p, store(p, offset, len, STATUS_PROGRAM));
}

static void erase(struct pflash *p, uint64_t offset) REQUIRES(bql)
{
    if (p->disk->read_only) {
        finish(p, STATUS_ERASE | STATUS_PROTECTED);
        return;
    }
    offset -= offset % PFLASH_BLOCK;
    memset(p->region.host + offset, 0xff, PFLASH_BLOCK);
    finish(p, store(p, offset, PFLASH_BLOCK, STATUS_ERASE));
}

static void wrong_sequence(struct pflash *p) REQUIRES(bql)
{
    finish(p, STATUS_PROGRAM | STATUS_ERASE);
}

/* Data of a buffered write, anywhere in the aligned buffer that the first one opens; what
 * is not given stays as it is. */
static void buffer_data(struct pflash *p, uint64_t offset, unsigned size, uint64_t value)
    REQUIRES(bql)
{
    uint64_t at = offset % BUFFER;

    if (p->buffer_at == UINT64_MAX) {
        p->buffer_at = offset - at;
    }
    if (offset - at != p->buffer_at || size > p->buffer_left || size > BUFFER - at) {
        wrong_sequence(p);
        return;
    }
    for (unsigned i = 0; i < size; i++) {
        p->buffer[at + i] = (uint8_t)(value >> 8 * i);
    }
    p->buffer_left -= size;
    if (p->buffer_left == 0) {
        p->cycle = CYCLE_BUFFER_CONFIRM;
    }
}

static void command(struct pflash *p, uint8_t cmd) REQUIRES(bql)
{
    switch (cmd) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_OLD:
        set_mode(p, MODE_STATUS, CYCLE_PROGRAM);
        break;
    case CMD_ERASE:
        set_mode(p, MODE_STATUS, CYCLE_ERASE);
        break;
    case CMD_LOCK:
        set_mode(p, MODE_STATUS, CYCLE_LOCK);
        break;
    case CMD_BUFFER: /* there is always a buffer */
        p->status |= STATUS_READY;
        set_mode(p, MODE_STATUS, CYCLE_BUFFER_COUNT);
        break;
    case CMD_CLEAR_STATUS:
        p->status = 0;
        break;
    case CMD_STATUS:
        set_mode(p, MODE_STATUS, CYCLE_COMMAND);
        break;
    case CMD_ID:
        set_mode(p, MODE_ID, CYCLE_COMMAND);
        break;
    case CMD_QUERY:
        set_mode(p, MODE_QUERY, CYCLE_COMMAND);
        break;
    case CMD_ARRAY:
    case CMD_ARRAY_OLD:
    default:
        set_mode(p, MODE_ARRAY, CYCLE_COMMAND);
        break;
    }
}

static enum memory_result flash_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pflash *p = opaque;
    uint8_t low = (uint8_t)value, data[8];

    bql_assert_locked();
    switch (p->cycle) {
    case CYCLE_PROGRAM:
        for (unsigned i = 0; i < size; i++) {
            data[i] = (uint8_t)(value >> 8 * i);
        }
        program(p, offset, data, size);
        break;
    case CYCLE_ERASE:
        if (low == CMD_CONFIRM) {
            erase(p, offset);
        } else {
            wrong_sequence(p);
        }
        break;
    case CYCLE_LOCK: /* blocks have no locks; setting and clearing them succeeds */
        if (low == CMD_CONFIRM || low == CMD_LOCK_CONFIRM || low == CMD_LOCK_DOWN) {
            finish(p, 0);
        } else {
            wrong_sequence(p);
        }
        break;
    case CYCLE_BUFFER_COUNT:
        memset(p->buffer, 0xff, sizeof(p->buffer));
        p->buffer_at = UINT64_MAX;
        p->buffer_left = low + 1u;
        p->cycle = CYCLE_BUFFER_DATA;
        break;
    case CYCLE_BUFFER_DATA:
        buffer_data(p, offset, size, value);
        break;
    case CYCLE_BUFFER_CONFIRM:
        if (low == CMD_CONFIRM) {
            program(p, p->buffer_at, p->buffer, BUFFER);
        } else {
            wrong_sequence(p);
        }
        break;
    case CYCLE_COMMAND:
    default:
        command(p, low);
        break;
    }
    return MEMORY_OK;
}

static const struct memory_ops flash_ops = {
    .read = flash_read, .write = flash_write, .min_size = 1, .max_size = 8, .unaligned = true};

void pflash_reset(void *opaque)
{
    struct pflash *p = opaque;

    p->status = STATUS_READY;
    set_mode(p, MODE_ARRAY, CYCLE_COMMAND);
}

int pflash_new(const char *name, struct memory_region *parent, uint64_t end, uint64_t max,
               struct disk *disk, struct pflash **out, struct error *err)
{
    struct pflash *p;
    struct iovec iov;
    int ret;

    if (disk->size == 0 || disk->size % PFLASH_BLOCK || disk->size > max) {
        return error_set(err, EINVAL, "%s: %llu bytes; a multiple of %u, at most %llu, is expected",
                         name, (unsigned long long)disk->size, PFLASH_BLOCK,
                         (unsigned long long)max);
    }
    p = calloc(1, sizeof(*p));
    if (!p) {
        return error_set(err, ENOMEM, "%s: out of memory", name);
    }
    p->size = disk->size;
    ret = memory_region_init_rom_device(&p->region, &flash_ops, p, name, p->size, err);
    if (ret < 0) {
        free(p);
        return ret;
    }
    iov = (struct iovec){.iov_base = memory_region_host(&p->region), .iov_len = p->size};
    ret = disk_read(disk, 0, &iov, 1);
    if (ret < 0) {
        memory_region_destroy(&p->region);
        free(p);
        return error_set(err, -ret, "%s cannot be read: %s", name, error_text(-ret));
    }
    p->disk = disk;
    p->status = STATUS_READY;
    memory_region_add(parent, end - p->size, &p->region, 0);
    *out = p;
    return 0;
}

void pflash_free(struct pflash *p)
{
    memory_region_destroy(&p->region);
    disk_close(p->disk);
    free(p);
}

struct memory_region *pflash_memory(struct pflash *p)
{
    return &p->region;
}

uint64_t pflash_size(const struct pflash *p)
{
    return p->size;
}
