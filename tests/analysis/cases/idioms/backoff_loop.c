/* Two accounts locked by trying: whoever fails lets go of what it has. */
#include <pthread.h>
#include <sched.h>

#include "contracts.h"

struct ledger {
    pthread_mutex_t lock;
    long total GUARDED_BY(lock);
};
struct account {
    pthread_mutex_t lock;
    long balance GUARDED_BY(lock);
};

void account_post(struct account *account, struct ledger *ledger, long amount);
void ledger_settle(struct ledger *ledger, struct account *account);

void account_post(struct account *account, struct ledger *ledger, long amount)
{
    pthread_mutex_lock(&account->lock); /* expect-note: lock-order */
#ifdef FAULTY
    pthread_mutex_lock(&ledger->lock); /* expect-any: lock-order */
#else
    while (pthread_mutex_trylock(&ledger->lock) != 0) {
        pthread_mutex_unlock(&account->lock);
        sched_yield();
        pthread_mutex_lock(&account->lock);
    }
#endif
    account->balance += amount;
    ledger->total += amount;
    pthread_mutex_unlock(&ledger->lock);
    pthread_mutex_unlock(&account->lock);
}

void ledger_settle(struct ledger *ledger, struct account *account)
{
    pthread_mutex_lock(&ledger->lock);  /* expect-note: lock-order */
    pthread_mutex_lock(&account->lock); /* expect-any: lock-order */
    account->balance += ledger->total;
    ledger->total = 0;
    pthread_mutex_unlock(&account->lock);
    pthread_mutex_unlock(&ledger->lock);
}
