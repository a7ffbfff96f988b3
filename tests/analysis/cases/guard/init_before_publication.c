/* Nobody else can see an object before it is in the list: its constructor
 * needs no lock. After that it does. */
#include <pthread.h>
#include <stdlib.h>

#include "contracts.h"

struct task {
    struct task *next;
    pthread_mutex_t lock;
    int priority GUARDED_BY(lock);
    int attempts GUARDED_BY(lock);
};

static pthread_mutex_t tasks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct task *tasks GUARDED_BY(tasks_lock);

struct task *task_new(int priority);

struct task *task_new(int priority)
{
    struct task *task = malloc(sizeof(*task));

    if (task == NULL) {
        return NULL;
    }
    pthread_mutex_init(&task->lock, NULL);
    task->attempts = 0;
#ifndef FAULTY
    task->priority = priority;
#endif
    pthread_mutex_lock(&tasks_lock);
    task->next = tasks;
    tasks = task;
    pthread_mutex_unlock(&tasks_lock);
#ifdef FAULTY
    task->priority = priority; /* expect: missing-guard */
#endif
    return task;
}
