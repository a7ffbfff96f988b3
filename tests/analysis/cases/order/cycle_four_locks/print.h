/* A print spooler: queue, printer, account, log; each has its lock, and calls
 * the next one with it held. */
#ifndef PRINT_H
#define PRINT_H

#include <pthread.h>

#include "contracts.h"

extern pthread_mutex_t queue_lock, printer_lock, account_lock, log_lock;

void queue_dispatch(void);
void queue_hold(void);
void printer_start(void);
void printer_page(void);
void account_charge(int pages);
void account_close(void);
void log_write(const char *text);
void log_rotate(void);

#endif
