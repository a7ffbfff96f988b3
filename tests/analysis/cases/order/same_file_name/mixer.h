/* Two libraries, each with a queue.c whose static lock and push() are its
 * own. */
#ifndef MIXER_H
#define MIXER_H

#include <pthread.h>

#include "contracts.h"

void audio_push(void);
void audio_sync(void);
void video_push(void);
void video_sync(void);

#endif
