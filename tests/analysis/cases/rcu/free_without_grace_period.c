/* Unpublished and freed at once, while readers may still look at it. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>

#include "contracts.h"

struct theme {
    int colour;
};

static pthread_mutex_t theme_lock = PTHREAD_MUTEX_INITIALIZER;
static struct theme *theme RCU_PROTECTED;

int theme_colour(void);
int theme_set(int colour);

int theme_colour(void)
{
    struct theme *current;
    int colour = 0;

    rcu_read_lock();
    current = rcu_dereference(theme);
    if (current != NULL) {
        colour = current->colour;
    }
    rcu_read_unlock();
    return colour;
}

int theme_set(int colour)
{
    struct theme *next = malloc(sizeof(*next));
    struct theme *old;

    if (next == NULL) {
        return -1;
    }
    next->colour = colour;
    pthread_mutex_lock(&theme_lock);
    old = rcu_xchg_pointer(&theme, next); /* expect-note: rcu */
    pthread_mutex_unlock(&theme_lock);
#ifndef FAULTY
    synchronize_rcu();
#endif
    free(old); /* expect: rcu */
    return 0;
}
