/* A print spooler: queue, printer, account, log; each has its lock. */
#ifndef PRINT_H
#define PRINT_H

#include <pthread.h>

#include "contracts.h"

extern pthread_mutex_t queue_lock, printer_lock, account_lock, log_lock;

void queue_dispatch(void);
void printer_start(void);
void printer_pause(void);
void account_charge(int pages);
void log_write(const char *text);
void log_rotate(void);

#endif
