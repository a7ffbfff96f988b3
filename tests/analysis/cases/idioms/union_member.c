/* A connection that is either a socket or a pipe, in an anonymous union. */
#include <pthread.h>

#include "contracts.h"

struct connection {
    pthread_mutex_t lock;
    int is_pipe GUARDED_BY(lock);
    union {
        struct {
            pthread_mutex_t send_lock;
            int window GUARDED_BY(send_lock);
        } socket;
        struct {
            pthread_mutex_t fill_lock;
            int filled GUARDED_BY(fill_lock);
        } pipe;
    };
};

void connection_close(struct connection *connection);
void connection_flush(struct connection *connection);

void connection_close(struct connection *connection)
{
    pthread_mutex_lock(&connection->lock); /* expect-note: lock-order */
    if (connection->is_pipe) {
        pthread_mutex_lock(&connection->pipe.fill_lock); /* expect-any: lock-order */
        connection->pipe.filled = 0;
        pthread_mutex_unlock(&connection->pipe.fill_lock);
    } else {
        pthread_mutex_lock(&connection->socket.send_lock);
        connection->socket.window = 0;
        pthread_mutex_unlock(&connection->socket.send_lock);
    }
    pthread_mutex_unlock(&connection->lock);
}

void connection_flush(struct connection *connection)
{
    pthread_mutex_lock(&connection->pipe.fill_lock); /* expect-note: lock-order */
    connection->pipe.filled = 0;
#ifdef FAULTY
    pthread_mutex_lock(&connection->lock); /* expect-any: lock-order */
    connection->is_pipe = 0;
    pthread_mutex_unlock(&connection->lock);
#endif
    pthread_mutex_unlock(&connection->pipe.fill_lock);
}
