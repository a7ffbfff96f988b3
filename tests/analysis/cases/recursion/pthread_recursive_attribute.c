/* A pthread mutex is recursive if it is initialised so. */
#include <pthread.h>

#include "contracts.h"

struct interpreter {
    pthread_mutex_t lock;
    int depth GUARDED_BY(lock);
};

int interpreter_init(struct interpreter *interpreter);
void interpreter_call(struct interpreter *interpreter, int arguments);

int interpreter_init(struct interpreter *interpreter)
{
    pthread_mutexattr_t attributes;
    int result;

    pthread_mutexattr_init(&attributes);
#ifndef FAULTY
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
#endif
    result = pthread_mutex_init(&interpreter->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result;
}

static void evaluate(struct interpreter *interpreter)
{
    pthread_mutex_lock(&interpreter->lock); /* expect-note: self-deadlock */
    interpreter->depth++;
    pthread_mutex_unlock(&interpreter->lock);
}

void interpreter_call(struct interpreter *interpreter, int arguments)
{
    pthread_mutex_lock(&interpreter->lock); /* expect-note: self-deadlock */
    for (int i = 0; i < arguments; i++) {
        evaluate(interpreter); /* expect: self-deadlock */
    }
    interpreter->depth = 0;
    pthread_mutex_unlock(&interpreter->lock);
}
