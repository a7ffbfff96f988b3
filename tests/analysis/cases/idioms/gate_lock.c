/* Two locks in both orders are harmless while a third, the gate, is always
 * held around them. */
#include <pthread.h>

#include "contracts.h"

struct exchange {
    pthread_mutex_t gate;
    pthread_mutex_t bids_lock;
    pthread_mutex_t asks_lock;
    long bids GUARDED_BY(bids_lock);
    long asks GUARDED_BY(asks_lock);
};

void exchange_match_bid(struct exchange *exchange);
void exchange_match_ask(struct exchange *exchange);

void exchange_match_bid(struct exchange *exchange)
{
    pthread_mutex_lock(&exchange->gate);
    pthread_mutex_lock(&exchange->bids_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&exchange->asks_lock); /* expect-any: lock-order */
    exchange->bids--;
    exchange->asks--;
    pthread_mutex_unlock(&exchange->asks_lock);
    pthread_mutex_unlock(&exchange->bids_lock);
    pthread_mutex_unlock(&exchange->gate);
}

void exchange_match_ask(struct exchange *exchange)
{
#ifndef FAULTY
    pthread_mutex_lock(&exchange->gate);
#endif
    pthread_mutex_lock(&exchange->asks_lock); /* expect-note: lock-order */
    pthread_mutex_lock(&exchange->bids_lock); /* expect-any: lock-order */
    exchange->asks--;
    exchange->bids--;
    pthread_mutex_unlock(&exchange->bids_lock);
    pthread_mutex_unlock(&exchange->asks_lock);
#ifndef FAULTY
    pthread_mutex_unlock(&exchange->gate);
#endif
}
