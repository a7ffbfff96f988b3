/* Two accounts are locked by a function that clang's analysis is switched off
 * for, because which of them comes first is decided at run time. What it takes
 * counts all the same: the audit log comes before accounts. */
#include <pthread.h>

#include "contracts.h"

struct account {
    pthread_mutex_t lock;
    long balance GUARDED_BY(lock);
};

void audit(struct account *account);
void transfer(struct account *from, long amount);

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static long transfers GUARDED_BY(log_lock);

static void enter(struct account *account) ACQUIRE(account -> lock) NO_THREAD_SAFETY_ANALYSIS;

static void enter(struct account *account)
{
#ifdef FAULTY
    pthread_mutex_lock(&account->lock);
    pthread_mutex_lock(&log_lock); /* expect-any: lock-order */
    transfers++;
    pthread_mutex_unlock(&log_lock);
#else
    pthread_mutex_lock(&log_lock);
    transfers++;
    pthread_mutex_unlock(&log_lock);
    pthread_mutex_lock(&account->lock);
#endif
}

void transfer(struct account *from, long amount)
{
    enter(from);
    from->balance -= amount;
    pthread_mutex_unlock(&from->lock);
}

void audit(struct account *account)
{
    pthread_mutex_lock(&log_lock);
    pthread_mutex_lock(&account->lock); /* expect-any: lock-order */
    if (account->balance < 0) {
        transfers = 0;
    }
    pthread_mutex_unlock(&account->lock);
    pthread_mutex_unlock(&log_lock);
}
