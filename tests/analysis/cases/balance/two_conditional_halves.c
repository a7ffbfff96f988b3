/* Around a wait the lock is dropped and taken again, both by hooks and both
 * only if there is anybody else. A function that keeps it on one of its ways
 * and drops it on the others is not such a half. */
#include <pthread.h>
#include <stdbool.h>

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned plugins, events;

struct loop {
    void (*before)(void);
    void (*after)(void);
};

bool plugins_loaded(void);
void loop_wait(struct loop *loop);
int main(void);

static void before_wait(void)
{
    events++;
    if (plugins_loaded()) {
        pthread_mutex_unlock(&big_lock);
    }
}

static void after_wait(void)
{
    if (plugins_loaded()) {
        pthread_mutex_lock(&big_lock);
        events++;
    }
}

static void count(void)
{
    pthread_mutex_lock(&big_lock); /* expect-note: balance */
    events++;
#ifdef FAULTY
    if (events > 100) {
        return; /* expect: balance */
    }
#endif
    pthread_mutex_unlock(&big_lock);
}

bool plugins_loaded(void)
{
    return plugins % 8 != 0;
}

void loop_wait(struct loop *loop)
{
    loop->before();
    loop->after();
}

int main(void)
{
    struct loop loop = {before_wait, after_wait};

    for (unsigned i = 0; i < 1000; i++) {
        loop_wait(&loop);
        count();
    }
    return 0;
}
