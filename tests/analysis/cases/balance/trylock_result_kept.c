/* The result of a trylock is kept and asked again at the end. */
#include <pthread.h>
#include <stdbool.h>

#include "contracts.h"

struct console {
    pthread_mutex_t lock;
    long lines;
    bool colour;
};

void console_panic(struct console *console, int count);

/* Prints even if somebody else has died with the lock held. */
void console_panic(struct console *console, int count)
{
    bool locked = pthread_mutex_trylock(&console->lock) == 0; /* expect-note: balance */

    for (int i = 0; i < count; i++) {
        console->lines++;
    }
#ifdef FAULTY
    if (locked && console->colour) {
#else
    if (locked) {
#endif
        pthread_mutex_unlock(&console->lock);
    }
} /* expect: balance */
