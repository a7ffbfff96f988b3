/* Backends of a block layer, called through a table of operations. */
#include <pthread.h>

#include "contracts.h"

struct backend;

struct backend_ops {
    const char *name;
    int (*flush)(struct backend *backend);
};

struct backend {
    const struct backend_ops *ops;
    pthread_mutex_t lock;
    int dirty GUARDED_BY(lock);
};

struct disk {
    struct backend *backend;
    pthread_mutex_t lock;
    int errors GUARDED_BY(lock);
};

int disk_sync(struct disk *disk);
void disk_report_error(struct disk *disk);
void ramdisk_check(struct disk *disk);
void ramdisk_attach(struct backend *backend);

int disk_sync(struct disk *disk)
{
    int result;

    pthread_mutex_lock(&disk->lock);                   /* expect-note: lock-order */
    result = disk->backend->ops->flush(disk->backend); /* expect-any: lock-order */
    pthread_mutex_unlock(&disk->lock);
    return result;
}

void disk_report_error(struct disk *disk)
{
    pthread_mutex_lock(&disk->lock); /* expect-note: lock-order */
    disk->errors++;
    pthread_mutex_unlock(&disk->lock);
}

static int ramdisk_flush(struct backend *backend)
{
    pthread_mutex_lock(&backend->lock); /* expect-note: lock-order */
    backend->dirty = 0;
    pthread_mutex_unlock(&backend->lock);
    return 0;
}

void ramdisk_check(struct disk *disk)
{
    struct backend *backend = disk->backend;
    int failed;

    pthread_mutex_lock(&backend->lock); /* expect-note: lock-order */
    failed = backend->dirty < 0;
#ifdef FAULTY
    if (failed) {
        disk_report_error(disk); /* expect-any: lock-order */
    }
    pthread_mutex_unlock(&backend->lock);
#else
    pthread_mutex_unlock(&backend->lock);
    if (failed) {
        disk_report_error(disk);
    }
#endif
}

static const struct backend_ops ramdisk_ops = {
    .name = "ramdisk",
    .flush = ramdisk_flush,
};

void ramdisk_attach(struct backend *backend)
{
    backend->ops = &ramdisk_ops;
}
