/* Sleeping while other threads spin. */
#include <pthread.h>
#include <time.h>

#include "contracts.h"

struct led {
    pthread_spinlock_t lock;
    int on GUARDED_BY(lock);
};

void led_blink(struct led *led);

void led_blink(struct led *led)
{
    struct timespec pause = {.tv_nsec = 1000000};

    pthread_spin_lock(&led->lock); /* expect-note: blocking */
    led->on = 1;
#ifdef FAULTY
    nanosleep(&pause, NULL); /* expect: blocking */
    led->on = 0;
    pthread_spin_unlock(&led->lock);
#else
    pthread_spin_unlock(&led->lock);
    nanosleep(&pause, NULL);
    pthread_spin_lock(&led->lock);
    led->on = 0;
    pthread_spin_unlock(&led->lock);
#endif
}
