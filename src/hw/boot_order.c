/* The list is kept in its order; a path ends with a newline in the file, the last one with a
 * zero, as QEMU writes it. HALT at the end has firmware try nothing else. */
#include "hw/boot_order.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hw/fw_cfg.h"

#define ENTRIES_MAX 32
#define PATH_SIZE   64

static struct {
    uint64_t index;
    char path[PATH_SIZE];
} entries[ENTRIES_MAX] GUARDED_BY(bql);
static unsigned entry_count GUARDED_BY(bql);

static int add(const struct device_props *p, const char *path, struct error *err) REQUIRES(bql)
{
    const char *text = device_props_get(p, "bootindex");
    uint64_t index = 0;
    unsigned at = 0;
    int ret;

    if (!text || strcmp(text, "-1") == 0) {
        return 0;
    }
    ret = device_props_number(p, "bootindex", 0, INT32_MAX, &index, err);
    if (ret < 0) {
        return ret;
    }
    if (entry_count == ENTRIES_MAX) {
        return error_set(err, E2BIG, "more than %d devices with a bootindex", ENTRIES_MAX);
    }
    while (at < entry_count && entries[at].index < index) {
        at++;
    }
    if (at < entry_count && entries[at].index == index) {
        return error_set(err, EEXIST, "the bootindex %llu has already been used",
                         (unsigned long long)index);
    }
    memmove(&entries[at + 1], &entries[at], (entry_count - at) * sizeof(entries[0]));
    entries[at].index = index;
    (void)snprintf(entries[at].path, PATH_SIZE, "%s", path);
    entry_count++;
    return 0;
}

int boot_order_add_ide(const struct machine *m, const struct device_props *p, unsigned place,
                       struct error *err)
{
    char path[PATH_SIZE];

    if (m->ahci) {
        (void)snprintf(path, sizeof(path), "/pci@i0cf8/pci8086,2922@1f,2/drive@%x/disk@0", place);
    } else {
        (void)snprintf(path, sizeof(path), "/pci@i0cf8/ide@1,1/drive@%x/disk@%x", place / 2,
                       place % 2);
    }
    return add(p, path, err);
}

int boot_order_add_virtio_blk(const struct device_props *p, int devfn, struct error *err)
{
    unsigned slot = (unsigned)devfn >> 3, function = (unsigned)devfn & 7;
    char path[PATH_SIZE], of[8] = "";

    if (function) {
        (void)snprintf(of, sizeof(of), ",%x", function);
    }
    (void)snprintf(path, sizeof(path), "/pci@i0cf8/scsi@%x%s/disk@0,0", slot, of);
    return add(p, path, err);
}

int boot_order_publish(struct machine *m, struct error *err)
{
    static const char halt[] = "HALT";
    char file[(size_t)ENTRIES_MAX * PATH_SIZE + sizeof(halt)];
    size_t len = 0;

    for (unsigned i = 0; i < entry_count; i++) {
        size_t n = strlen(entries[i].path);

        memcpy(file + len, entries[i].path, n);
        file[len + n] = i + 1 < entry_count ? '\n' : '\0';
        len += n + 1;
    }
    if (len && m->config.boot.strict) {
        file[len - 1] = '\n';
        memcpy(file + len, halt, sizeof(halt));
        len += sizeof(halt);
    }
    return len && m->fw_cfg ? fw_cfg_add_file(m->fw_cfg, "bootorder", file, len, err) : 0;
}

void boot_order_forget(void)
{
    entry_count = 0;
}
