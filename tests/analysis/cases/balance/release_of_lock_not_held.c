/* Copied from its neighbour, with the other one's unlock. */
#include <pthread.h>

#include "contracts.h"

struct duplex {
    pthread_mutex_t read_lock;
    pthread_mutex_t write_lock;
    int read_bytes GUARDED_BY(read_lock);
    int written_bytes GUARDED_BY(write_lock);
};

void duplex_reset_reader(struct duplex *duplex);

void duplex_reset_reader(struct duplex *duplex)
{
    pthread_mutex_lock(&duplex->read_lock); /* expect-note: balance */
    duplex->read_bytes = 0;
#ifdef FAULTY
    pthread_mutex_unlock(&duplex->write_lock); /* expect: double-release */
#else
    pthread_mutex_unlock(&duplex->read_lock);
#endif
} /* expect: balance */
