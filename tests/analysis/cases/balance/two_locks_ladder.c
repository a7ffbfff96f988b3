/* Two locks and a ladder of labels that undoes them; the wrong rung leaves the
 * inner one held. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

struct ledger {
    pthread_mutex_t book_lock;
    pthread_mutex_t page_lock;
    long entries GUARDED_BY(book_lock);
    long free_lines GUARDED_BY(page_lock);
};

int ledger_enter(struct ledger *ledger, long amount);

int ledger_enter(struct ledger *ledger, long amount)
{
    int result = 0;

    pthread_mutex_lock(&ledger->book_lock);
    if (ledger->entries < 0) {
        result = -EIO;
        goto out_book;
    }
    pthread_mutex_lock(&ledger->page_lock); /* expect-note: balance */
    if (ledger->free_lines == 0) {
        result = -ENOSPC;
#ifdef FAULTY
        goto out_book;
#else
        goto out_page;
#endif
    }
    ledger->free_lines--;
    ledger->entries += amount != 0;
#ifdef FAULTY
    pthread_mutex_unlock(&ledger->page_lock);
#else
out_page:
    pthread_mutex_unlock(&ledger->page_lock);
#endif
out_book:
    pthread_mutex_unlock(&ledger->book_lock);
    return result; /* expect: balance */
}
