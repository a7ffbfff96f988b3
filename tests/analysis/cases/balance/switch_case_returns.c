/* A case of a switch that returns instead of breaking. */
#include <errno.h>
#include <pthread.h>

#include "contracts.h"

enum command { COMMAND_START, COMMAND_STOP, COMMAND_STATUS };

struct service {
    pthread_mutex_t lock;
    int running GUARDED_BY(lock);
};

int service_command(struct service *service, enum command command);

int service_command(struct service *service, enum command command)
{
    int result = 0;

    pthread_mutex_lock(&service->lock); /* expect-note: balance */
    switch (command) {
    case COMMAND_START:
        service->running = 1;
        break;
    case COMMAND_STOP:
        service->running = 0;
        break;
    case COMMAND_STATUS:
#ifdef FAULTY
        return service->running; /* expect: balance */
#else
        result = service->running;
        break;
#endif
    default:
        result = -EINVAL;
        break;
    }
    pthread_mutex_unlock(&service->lock);
    return result;
}
