/* A scope guard made of the cleanup attribute: every way out unlocks, and an
 * unlock by hand is one too many. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

static inline void guard_end(pthread_mutex_t **mutex)
{
    if (*mutex != NULL) {
        pthread_mutex_unlock(*mutex);
    }
}

static inline pthread_mutex_t *guard_begin(pthread_mutex_t *mutex)
{
    pthread_mutex_lock(mutex);
    return mutex;
}

#define LOCK_SCOPE(mutex)                                                                          \
    __attribute__((cleanup(guard_end), unused)) pthread_mutex_t *scope_guard = guard_begin(mutex)

struct parser {
    pthread_mutex_t lock;
    int errors GUARDED_BY(lock);
    int tokens GUARDED_BY(lock);
};

int parser_feed(struct parser *parser, const char *text);

int parser_feed(struct parser *parser, const char *text)
{
    LOCK_SCOPE(&parser->lock);

    if (text == NULL) {
        parser->errors++;
#ifdef FAULTY
        pthread_mutex_unlock(&parser->lock); /* expect-note: double-release */
#endif
        return -EINVAL; /* expect: double-release */
    }
    for (const char *at = text; *at != '\0'; at++) {
        parser->tokens += *at == ' ';
        if (*at == '\n') {
            return 1;
        }
    }
    return 0;
}
