/* Locks taken through the macros of a portability layer. */
#include <pthread.h>

#include "contracts.h"

#define PORT_MUTEX(name) pthread_mutex_t name
#define PORT_LOCK(m)                                                                               \
    do {                                                                                           \
        pthread_mutex_lock(&(m));                                                                  \
    } while (0)
#define PORT_UNLOCK(m)                                                                             \
    do {                                                                                           \
        pthread_mutex_unlock(&(m));                                                                \
    } while (0)
#define BOTH_LOCKS(outer, inner)                                                                   \
    do {                                                                                           \
        PORT_LOCK(outer);                                                                          \
        PORT_LOCK(inner);                                                                          \
    } while (0)

struct channel {
    PORT_MUTEX(tx_lock);
    PORT_MUTEX(rx_lock);
    long sent GUARDED_BY(tx_lock);
    long received GUARDED_BY(rx_lock);
};

void channel_reset(struct channel *channel);
long channel_traffic(struct channel *channel);

void channel_reset(struct channel *channel)
{
    PORT_LOCK(channel->tx_lock); /* expect-note: lock-order */
    PORT_LOCK(channel->rx_lock); /* expect-any: lock-order */
    channel->sent = 0;
    channel->received = 0;
    PORT_UNLOCK(channel->rx_lock);
    PORT_UNLOCK(channel->tx_lock);
}

long channel_traffic(struct channel *channel)
{
    long total;

#ifdef FAULTY
    BOTH_LOCKS(channel->rx_lock, channel->tx_lock); /* expect-any: lock-order */
#else
    BOTH_LOCKS(channel->tx_lock, channel->rx_lock);
#endif
    total = channel->sent + channel->received;
    PORT_UNLOCK(channel->rx_lock);
    PORT_UNLOCK(channel->tx_lock);
    return total;
}
