/* A file server's namespace, inode and block layers; the third function
 * closes the circle. */
#include <pthread.h>

#include "contracts.h"

struct volume {
    pthread_mutex_t namespace_lock;
    pthread_mutex_t inode_lock;
    pthread_mutex_t block_lock;
    long names GUARDED_BY(namespace_lock);
    long inodes GUARDED_BY(inode_lock);
    long blocks GUARDED_BY(block_lock);
};

void volume_create(struct volume *volume);
void volume_extend(struct volume *volume);
void volume_reclaim(struct volume *volume);

void volume_create(struct volume *volume)
{
    pthread_mutex_lock(&volume->namespace_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&volume->inode_lock);     /* expect-any: lock-order */
    volume->names++;
    volume->inodes++;
    pthread_mutex_unlock(&volume->inode_lock);
    pthread_mutex_unlock(&volume->namespace_lock);
}

void volume_extend(struct volume *volume)
{
    pthread_mutex_lock(&volume->inode_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&volume->block_lock); /* expect-any: lock-order */
    volume->blocks++;
    pthread_mutex_unlock(&volume->block_lock);
    pthread_mutex_unlock(&volume->inode_lock);
}

void volume_reclaim(struct volume *volume)
{
    pthread_mutex_lock(&volume->block_lock); /* expect-note: lock-order */
    volume->blocks--;
#ifndef FAULTY
    pthread_mutex_unlock(&volume->block_lock);
#endif
    pthread_mutex_lock(&volume->namespace_lock); /* expect-any: lock-order */
    volume->names--;
    pthread_mutex_unlock(&volume->namespace_lock);
#ifdef FAULTY
    pthread_mutex_unlock(&volume->block_lock);
#endif
}
