/* What is called when memory runs out takes a lock that may be held. If it ends
 * the program that is no more than a note. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long lines;

void *allocate(size_t size);
char *log_line(size_t length);

static void out_of_memory(void)
{
    pthread_mutex_lock(&log_lock); /* expect-note: self-deadlock */
    fprintf(stderr, "out of memory after %lu lines\n", lines);
    pthread_mutex_unlock(&log_lock);
#ifndef FAULTY
    abort();
#endif
}

void *allocate(size_t size)
{
    void *memory = malloc(size);

    if (!memory) {
        out_of_memory(); /* expect-note: self-deadlock */
    }
    return memory;
}

char *log_line(size_t length)
{
    char *line;

    pthread_mutex_lock(&log_lock); /* expect-note: self-deadlock */
    lines++;
    line = allocate(length); /* expect: self-deadlock */
    pthread_mutex_unlock(&log_lock);
    return line;
}
