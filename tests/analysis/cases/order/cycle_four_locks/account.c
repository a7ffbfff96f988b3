#include "print.h"

pthread_mutex_t account_lock = PTHREAD_MUTEX_INITIALIZER;
static int pages_left GUARDED_BY(account_lock) = 100;

void account_charge(int pages)
{
    pthread_mutex_lock(&account_lock); /* expect-note: lock-order */
    pages_left -= pages;
    pthread_mutex_unlock(&account_lock);
}

void account_close(void)
{
    pthread_mutex_lock(&account_lock); /* expect-note: lock-order */
    if (pages_left < 0) {
        log_write("account overdrawn"); /* expect-any: lock-order */
    }
    pages_left = 0;
    pthread_mutex_unlock(&account_lock);
}
