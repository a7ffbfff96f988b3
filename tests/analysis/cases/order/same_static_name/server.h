#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>

#include "contracts.h"

void net_flush(void);
void net_receive(void);
void disk_flush(void);
void disk_write(void);

#endif
