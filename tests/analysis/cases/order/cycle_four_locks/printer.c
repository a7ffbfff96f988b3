#include "print.h"

pthread_mutex_t printer_lock = PTHREAD_MUTEX_INITIALIZER;
static int busy GUARDED_BY(printer_lock);

void printer_start(void)
{
    pthread_mutex_lock(&printer_lock); /* expect-note: lock-order */
    busy = 1;
    pthread_mutex_unlock(&printer_lock);
}

void printer_page(void)
{
    pthread_mutex_lock(&printer_lock); /* expect-note: lock-order */
    if (busy) {
        account_charge(1); /* expect-any: lock-order */
    }
    pthread_mutex_unlock(&printer_lock);
}
