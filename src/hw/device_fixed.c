/* Properties that QEMU's devices and drives have and that have one value here: command lines
 * written for QEMU carry them, and often with the value that is true here anyway. Another one
 * is refused, not ignored. */
#include "hw/device_fixed.h"

#include <errno.h>
#include <string.h>

static const struct fixed {
    const char *types; /* what the type's name begins with */
    const char *name;
    const char *values[3]; /* those that are true; NULL: no more */
} fixed[] = {
    {"virtio-", "disable-legacy", {"on", "auto"}},
    {"virtio-", "disable-modern", {"off"}},
    {"virtio-", "ioeventfd", {"on", "off"}}, /* how it is done, not what */
    {"virtio-blk", "num-queues", {"1"}},
    {"virtio-blk", "write-cache", {"on", "auto"}},
    {"virtio-blk", "scsi", {"off"}},
    {"virtio-blk", "logical_block_size", {"512"}},
    {"virtio-blk", "physical_block_size", {"512"}},
    {"virtio-serial", "max_ports", {"1"}},
    {"virtconsole", "nr", {"0"}},
    {"ide-", "write-cache", {"on", "auto"}},
    {"ide-", "logical_block_size", {"512"}},
    {"ide-", "physical_block_size", {"512"}},
    {"ide-", "werror", {"report"}},
    {"ide-", "rerror", {"report", "auto"}},
    {"virtio-blk", "werror", {"report"}},
    {"virtio-blk", "rerror", {"report", "auto"}},
    {"-drive", "werror", {"report"}},
    {"-drive", "rerror", {"report", "auto"}},
    {"-drive", "detect-zeroes", {"off"}},
    {"-drive", "snapshot", {"off"}},
    {"-drive", "copy-on-read", {"off"}},
    {"-drive", "auto-read-only", {"off"}},
};

static const struct fixed *find(const char *type, const char *name)
{
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        const struct fixed *f = &fixed[i];

        if (strncmp(type, f->types, strlen(f->types)) == 0 && strcmp(name, f->name) == 0) {
            return f;
        }
    }
    return NULL;
}

bool device_fixed_has(const char *type, const char *name)
{
    return find(type, name) != NULL;
}

int device_fixed_check(const char *type, const char *name, const char *value, struct error *err)
{
    const struct fixed *f = find(type, name);

    for (unsigned i = 0; f && i < 3 && f->values[i]; i++) {
        if (strcmp(value, f->values[i]) == 0) {
            return 0;
        }
    }
    return f ? error_set(err, ENOTSUP, "%s: %s=%s is not there, only %s=%s", type, name, value,
                         name, f->values[0])
             : 0;
}
