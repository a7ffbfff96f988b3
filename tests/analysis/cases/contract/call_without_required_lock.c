/* The member's contract wants the lock; this call comes without it. */
#include <pthread.h>

#include "contracts.h"

struct codec;

struct codec_ops {
    int (*flush)(struct codec *codec) REQUIRES(codec->lock); /* expect-note: contract */
};

struct codec {
    const struct codec_ops *ops IMMUTABLE;
    pthread_mutex_t lock;
    int pending GUARDED_BY(lock);
};

int codec_drain(struct codec *codec);
int codec_close(struct codec *codec);

int codec_drain(struct codec *codec)
{
    int result;

    pthread_mutex_lock(&codec->lock);
    result = codec->ops->flush(codec);
    pthread_mutex_unlock(&codec->lock);
    return result;
}

int codec_close(struct codec *codec)
{
    int result;

#ifdef FAULTY
    result = codec->ops->flush(codec); /* expect: contract */
#else
    pthread_mutex_lock(&codec->lock);
    result = codec->ops->flush(codec);
    pthread_mutex_unlock(&codec->lock);
#endif
    return result;
}
