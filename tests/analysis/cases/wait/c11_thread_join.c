/* The same with C11 threads. */
#include <threads.h>

#include "contracts.h"

struct sampler {
    mtx_t lock;
    int samples GUARDED_BY(lock);
};

int sampler_run(struct sampler *sampler);

static int sampler_main(void *opaque)
{
    struct sampler *sampler = opaque;

    mtx_lock(&sampler->lock); /* expect-note: wait */
    sampler->samples++;
    mtx_unlock(&sampler->lock);
    return 0;
}

int sampler_run(struct sampler *sampler)
{
    thrd_t thread;
    int samples;

    if (thrd_create(&thread, sampler_main, sampler) != thrd_success) {
        return -1;
    }
#ifdef FAULTY
    mtx_lock(&sampler->lock); /* expect-note: wait */
    thrd_join(thread, NULL);  /* expect: wait */
#else
    thrd_join(thread, NULL);
    mtx_lock(&sampler->lock);
#endif
    samples = sampler->samples;
    mtx_unlock(&sampler->lock);
    return samples;
}
