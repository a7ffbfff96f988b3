/* Each thread has its own, if it says so. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#ifdef FAULTY
static unsigned seed; /* expect: sharing */
#else
static _Thread_local unsigned seed;
#endif
static const unsigned multipliers[2] = {1103515245u, 69069u};

void *dealer_main(void *opaque) THREAD_ENTRY("dealer");
void *player_main(void *opaque) THREAD_ENTRY("player");

static unsigned next_random(int which)
{
    seed = seed * multipliers[which] + 12345u;
    return seed;
}

void *dealer_main(void *opaque)
{
    unsigned *card = opaque;

    *card = next_random(0);
    return NULL;
}

void *player_main(void *opaque)
{
    unsigned *bet = opaque;

    *bet = next_random(1);
    return NULL;
}
