/* Cleanup labels in a row; one error path jumps to the wrong one. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct image {
    pthread_mutex_t lock;
    unsigned char *pixels GUARDED_BY(lock);
    size_t size GUARDED_BY(lock);
};

int image_resize(struct image *image, size_t size);

int image_resize(struct image *image, size_t size)
{
    unsigned char *pixels;
    int result = 0;

    pixels = malloc(size);
    if (pixels == NULL) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&image->lock); /* expect-note: balance */
    if (image->size == size) {
        goto unlock;
    }
    if (size == 0) {
        result = -EINVAL;
#ifdef FAULTY
        goto release;
#else
        goto unlock;
#endif
    }
    {
        unsigned char *old = image->pixels;

        image->pixels = pixels;
        image->size = size;
        pixels = old;
    }
unlock:
    pthread_mutex_unlock(&image->lock);
#ifdef FAULTY
release:
#endif
    free(pixels);
    return result; /* expect: balance */
}
