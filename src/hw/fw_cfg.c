/* The device that QEMU's firmware ports know (its specification: docs/specs/fw_cfg in
 * QEMU's documentation). A selected item is read from an offset that advances; beyond
 * its end, and where there is no item, everything reads as zero. */
#include "hw/fw_cfg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILES      64
#define FILE_FIRST 0x20
#define LOW_KEYS   (FILE_FIRST + FILES)
#define HIGH_KEYS  0x10
#define HIGH_BIT   0x8000u
#define NAME_SIZE  56
#define DMA_PORT   0x514
#define CHUNK      4096

enum dma { DMA_ERROR = 1, DMA_READ = 2, DMA_SKIP = 4, DMA_SELECT = 8, DMA_WRITE = 16 };

struct OWNED_BY(holder of the bql) item {
    uint8_t *data;
    size_t size;
    void (*written)(void *opaque, const void *data);        /* NULL: read-only */
    void (*fill)(void *opaque, uint8_t *data, size_t size); /* NULL: stays as it is */
    void *opaque;
};

/* An entry of the directory, as the guest reads it; numbers are big-endian. */
struct file_entry {
    uint8_t size[4], select[2], reserved[2];
    char name[NAME_SIZE];
};

struct fw_cfg {
    struct memory_region selector, dma;
    struct machine *machine IMMUTABLE_AFTER_INIT;
    struct item low[LOW_KEYS] GUARDED_BY(bql);
    struct item high[HIGH_KEYS] GUARDED_BY(bql);
    unsigned files GUARDED_BY(bql);
    uint16_t selected GUARDED_BY(bql);
    uint64_t offset GUARDED_BY(bql);
    uint64_t dma_addr GUARDED_BY(bql);
};

static void put_be(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
}

static uint64_t get_be(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

static struct item *find(struct fw_cfg *f, uint16_t key) REQUIRES(bql)
{
    unsigned n = key & 0x3fff; /* bit 14 is a write flag of old */

    if (key & HIGH_BIT) {
        return n < HIGH_KEYS ? &f->high[n] : NULL;
    }
    return n < LOW_KEYS ? &f->low[n] : NULL;
}

int fw_cfg_add(struct fw_cfg *f, uint16_t key, const void *data, size_t size, struct error *err)
{
    struct item *item = find(f, key);
    uint8_t *copy;

    if (!item) {
        return error_set(err, EINVAL, "fw_cfg: item 0x%x: no such key", key);
    }
    copy = malloc(size ? size : 1);
    if (!copy) {
        return error_set(err, ENOMEM, "fw_cfg: item 0x%x: out of memory", key);
    }
    if (size) {
        memcpy(copy, data, size);
    }
    free(item->data);
    *item = (struct item){.data = copy, .size = size};
    return 0;
}

int fw_cfg_add_int(struct fw_cfg *f, uint16_t key, uint64_t value, unsigned size, struct error *err)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    return fw_cfg_add(f, key, bytes, size <= 8 ? size : 8, err);
}

int fw_cfg_add_writable_file(struct fw_cfg *f, const char *name, const void *data, size_t size,
                             void (*written)(void *opaque, const void *data), void *opaque,
                             struct error *err)
{
    size_t dir_size = 4 + (f->files + 1) * sizeof(struct file_entry);
    uint16_t key = (uint16_t)(FILE_FIRST + f->files);
    struct file_entry entry = {.name = ""};
    uint8_t *dir;
    int ret;

    if (f->files == FILES || strlen(name) >= NAME_SIZE || size > UINT32_MAX) {
        return error_set(err, ENOSPC, "fw_cfg: no room for \"%s\"", name);
    }
    dir = calloc(1, dir_size);
    if (!dir) {
        return error_set(err, ENOMEM, "fw_cfg: out of memory");
    }
    ret = fw_cfg_add(f, key, data, size, err);
    if (ret < 0) {
        free(dir);
        return ret;
    }
    f->low[key].written = written;
    f->low[key].opaque = opaque;
    put_be(entry.size, size, 4);
    put_be(entry.select, key, 2);
    memcpy(entry.name, name, strlen(name));
    if (f->files) {
        memcpy(dir, f->low[FW_CFG_FILE_DIR].data, dir_size - sizeof(entry));
    }
    f->files++;
    put_be(dir, f->files, 4);
    memcpy(dir + dir_size - sizeof(entry), &entry, sizeof(entry));
    ret = fw_cfg_add(f, FW_CFG_FILE_DIR, dir, dir_size, err);
    free(dir);
    return ret;
}

int fw_cfg_add_file(struct fw_cfg *f, const char *name, const void *data, size_t size,
                    struct error *err)
{
    return fw_cfg_add_writable_file(f, name, data, size, NULL, NULL, err);
}

void fw_cfg_refill_file(struct fw_cfg *f, const char *name,
                        void (*fill)(void *opaque, uint8_t *data, size_t size), void *opaque)
{
    const struct file_entry *entry = (const void *)(f->low[FW_CFG_FILE_DIR].data + 4);

    for (unsigned n = 0; n < f->files; n++) {
        if (strcmp(entry[n].name, name) == 0) {
            f->low[FILE_FIRST + n].fill = fill;
            f->low[FILE_FIRST + n].opaque = opaque;
        }
    }
}

static void select_item(struct fw_cfg *f, uint16_t key) REQUIRES(bql)
{
    const struct item *item = find(f, key);

    f->selected = key;
    f->offset = 0;
    if (item && item->fill) {
        item->fill(item->opaque, item->data, item->size);
    }
}

/* Bytes of the selected item from the offset on. */
static size_t left(const struct fw_cfg *f, const struct item *item) REQUIRES(bql)
{
    return item && f->offset < item->size ? item->size - (size_t)f->offset : 0;
}

static uint8_t read_byte(struct fw_cfg *f) REQUIRES(bql)
{
    const struct item *item = find(f, f->selected);
    uint8_t byte = 0;

    if (left(f, item)) {
        byte = item->data[f->offset++];
    }
    return byte;
}

/* Copies to the guest, then zeros. False: part of it is no memory. */
static bool dma_read(struct fw_cfg *f, uint64_t addr, uint64_t len) REQUIRES(bql)
{
    static const uint8_t zeros[CHUNK];
    const struct item *item = find(f, f->selected);
    uint64_t n = left(f, item);

    n = n < len ? n : len;
    if (item && n && address_space_write(f->machine->memory_as, addr, item->data + f->offset, n)) {
        return false;
    }
    f->offset += n;
    while (n < len) {
        uint64_t chunk = len - n < CHUNK ? len - n : CHUNK;

        if (address_space_write(f->machine->memory_as, addr + n, zeros, chunk)) {
            return false;
        }
        n += chunk;
    }
    return true;
}

static bool dma_write(struct fw_cfg *f, uint64_t addr, uint64_t len) REQUIRES(bql)
{
    struct item *item = find(f, f->selected);

    if (!item || !item->written || len > left(f, item) ||
        address_space_read(f->machine->memory_as, addr, item->data + f->offset, len)) {
        return false;
    }
    f->offset += len;
    item->written(item->opaque, item->data);
    return true;
}

static void dma(struct fw_cfg *f, uint64_t at) REQUIRES(bql)
{
    uint8_t command[16], status[4];
    uint64_t addr, len;
    uint32_t control;
    bool ok = true;

    if (address_space_read(f->machine->memory_as, at, command, sizeof(command))) {
        return;
    }
    control = (uint32_t)get_be(command, 4);
    len = get_be(command + 4, 4);
    addr = get_be(command + 8, 8);
    if (control & DMA_SELECT) {
        select_item(f, (uint16_t)(control >> 16));
    }
    if (control & DMA_READ) {
        ok = dma_read(f, addr, len);
    } else if (control & DMA_WRITE) {
        ok = dma_write(f, addr, len);
    } else if (control & DMA_SKIP) {
        f->offset += len;
    }
    put_be(status, ok ? 0 : DMA_ERROR, 4);
    (void)address_space_write(f->machine->memory_as, at, status, sizeof(status));
}

static enum memory_result selector_write(void *opaque, uint64_t offset, unsigned size,
                                         uint64_t value)
{
    (void)offset;
    bql_assert_locked();
    if (size == 2) {
        select_item(opaque, (uint16_t)value);
    }
    return MEMORY_OK;
}

/* The data port overlaps the selector's second byte: reads are data. */
static enum memory_result selector_read(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t *value)
{
    bql_assert_locked();
    *value = offset == 1 && size == 1 ? read_byte(opaque) : 0;
    return MEMORY_OK;
}

/* Big-endian, as its specification has it: offset 0 is the upper half. */
static enum memory_result dma_port_read(void *opaque, uint64_t offset, unsigned size,
                                        uint64_t *value)
{
    static const uint8_t signature[] = "QEMU CFG";
    (void)opaque;

    *value = 0;
    for (unsigned i = 0; i < size; i++) {
        *value |= (uint64_t)signature[(offset + i) % 8] << 8 * i;
    }
    return MEMORY_OK;
}

static enum memory_result dma_port_write(void *opaque, uint64_t offset, unsigned size,
                                         uint64_t value)
{
    struct fw_cfg *f = opaque;
    uint8_t bytes[8];

    bql_assert_locked();
    if (size != 4 && size != 8) {
        return MEMORY_OK;
    }
    for (unsigned i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
    if (size == 4 && offset == 0) {
        f->dma_addr = get_be(bytes, 4) << 32;
        return MEMORY_OK;
    }
    f->dma_addr = size == 8 ? get_be(bytes, 8) : f->dma_addr | get_be(bytes, 4);
    dma(f, f->dma_addr);
    f->dma_addr = 0;
    return MEMORY_OK;
}

static const struct memory_ops selector_ops = {.read = selector_read,
                                               .write = selector_write,
                                               .min_size = 1,
                                               .max_size = 2,
                                               .unaligned = true};
static const struct memory_ops dma_ops = {
    .read = dma_port_read, .write = dma_port_write, .min_size = 1, .max_size = 8};

void fw_cfg_reset(void *opaque)
{
    struct fw_cfg *f = opaque;

    select_item(f, 0);
    f->dma_addr = 0;
}

int fw_cfg_new(struct machine *m, struct error *err)
{
    struct fw_cfg *f = calloc(1, sizeof(*f));
    int ret;

    if (!f) {
        return error_set(err, ENOMEM, "fw_cfg: out of memory");
    }
    f->machine = m;
    ret = fw_cfg_add(f, FW_CFG_SIGNATURE, "QEMU", 4, err);
    if (ret == 0) {
        ret = fw_cfg_add_int(f, FW_CFG_ID, 3, 4, err); /* ports and DMA */
    }
    if (ret == 0) {
        ret = fw_cfg_add(f, FW_CFG_FILE_DIR, "\0\0\0", 4, err);
    }
    memory_region_init_io(&f->selector, &selector_ops, f, "fw-cfg", 2);
    memory_region_add(&m->io, 0x510, &f->selector, 0);
    memory_region_init_io(&f->dma, &dma_ops, f, "fw-cfg-dma", 8);
    memory_region_add(&m->io, DMA_PORT, &f->dma, 0);
    if (ret < 0) {
        fw_cfg_free(f);
        return ret;
    }
    m->fw_cfg = f;
    return 0;
}

void fw_cfg_free(struct fw_cfg *f)
{
    memory_region_destroy(&f->selector);
    memory_region_destroy(&f->dma);
    for (unsigned i = 0; i < LOW_KEYS; i++) {
        free(f->low[i].data);
    }
    for (unsigned i = 0; i < HIGH_KEYS; i++) {
        free(f->high[i].data);
    }
    free(f);
}
