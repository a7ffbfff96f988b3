/* Four stages of a video pipeline, each of which hands on under its lock;
 * flushing goes backwards from the first to the last. The edges stand in the
 * file as 3-4, 1-2, 4-1, 2-3. */
#include <pthread.h>

#include "contracts.h"

struct stage {
    pthread_mutex_t lock;
    int frames GUARDED_BY(lock);
};

struct demuxer {
    struct stage stage;
};
struct decoder {
    pthread_mutex_t lock;
    int frames GUARDED_BY(lock);
};
struct scaler {
    pthread_mutex_t lock;
    int frames GUARDED_BY(lock);
};
struct sink {
    pthread_mutex_t lock;
    int frames GUARDED_BY(lock);
};

void scaler_push(struct scaler *scaler, struct sink *sink);
void demuxer_push(struct demuxer *demuxer, struct decoder *decoder);
void sink_flush(struct sink *sink, struct demuxer *demuxer);
void decoder_push(struct decoder *decoder, struct scaler *scaler);

void scaler_push(struct scaler *scaler, struct sink *sink)
{
    pthread_mutex_lock(&scaler->lock); /* expect-note: lock-order */
    pthread_mutex_lock(&sink->lock);   /* expect-any: lock-order */
    sink->frames += scaler->frames;
    pthread_mutex_unlock(&sink->lock);
    pthread_mutex_unlock(&scaler->lock);
}

void demuxer_push(struct demuxer *demuxer, struct decoder *decoder)
{
    pthread_mutex_lock(&demuxer->stage.lock); /* expect-note: lock-order */
    pthread_mutex_lock(&decoder->lock);       /* expect-any: lock-order */
    decoder->frames += demuxer->stage.frames;
    pthread_mutex_unlock(&decoder->lock);
    pthread_mutex_unlock(&demuxer->stage.lock);
}

void sink_flush(struct sink *sink, struct demuxer *demuxer)
{
    pthread_mutex_lock(&sink->lock); /* expect-note: lock-order */
    sink->frames = 0;
#ifndef FAULTY
    pthread_mutex_unlock(&sink->lock);
#endif
    pthread_mutex_lock(&demuxer->stage.lock); /* expect-any: lock-order */
    demuxer->stage.frames = 0;
    pthread_mutex_unlock(&demuxer->stage.lock);
#ifdef FAULTY
    pthread_mutex_unlock(&sink->lock);
#endif
}

void decoder_push(struct decoder *decoder, struct scaler *scaler)
{
    pthread_mutex_lock(&decoder->lock); /* expect-note: lock-order */
    pthread_mutex_lock(&scaler->lock);  /* expect-any: lock-order */
    scaler->frames += decoder->frames;
    pthread_mutex_unlock(&scaler->lock);
    pthread_mutex_unlock(&decoder->lock);
}
