/* Drivers embed a generic device and come back from it to themselves. */
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))

struct device {
    pthread_mutex_t lock;
    int powered GUARDED_BY(lock);
};

struct uart {
    pthread_mutex_t fifo_lock;
    int level GUARDED_BY(fifo_lock);
    struct device device;
};

void uart_power(struct device *device, int on);
void uart_drain(struct uart *uart);

void uart_power(struct device *device, int on)
{
    struct uart *uart = container_of(device, struct uart, device);

    pthread_mutex_lock(&device->lock); /* expect-note: lock-order */
    device->powered = on;
#ifdef FAULTY
    pthread_mutex_lock(&uart->fifo_lock); /* expect-any: lock-order */
    uart->level = 0;
    pthread_mutex_unlock(&uart->fifo_lock);
    pthread_mutex_unlock(&device->lock);
#else
    pthread_mutex_unlock(&device->lock);
    pthread_mutex_lock(&uart->fifo_lock);
    uart->level = 0;
    pthread_mutex_unlock(&uart->fifo_lock);
#endif
}

void uart_drain(struct uart *uart)
{
    pthread_mutex_lock(&uart->fifo_lock); /* expect-note: lock-order */
    uart->level = 0;
    pthread_mutex_lock(&uart->device.lock); /* expect-any: lock-order */
    uart->device.powered = 1;
    pthread_mutex_unlock(&uart->device.lock);
    pthread_mutex_unlock(&uart->fifo_lock);
}
