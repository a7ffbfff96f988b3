/* Sections nest through calls; the inner end does not end the outer one, and
 * a wait between the two is still inside. */
/* needs: liburcu */
#include <unistd.h>
#include <urcu.h>

#include "contracts.h"

struct weather {
    int degrees;
};

static struct weather *weather RCU_PROTECTED;

int weather_average(int rounds);

static int weather_now(void)
{
    struct weather *now;
    int degrees = 0;

    rcu_read_lock();
    now = rcu_dereference(weather);
    if (now != NULL) {
        degrees = now->degrees;
    }
    rcu_read_unlock();
    return degrees;
}

int weather_average(int rounds)
{
    int sum = 0;

#ifdef FAULTY
    rcu_read_lock(); /* expect-note: blocking */
#endif
    for (int i = 0; i < rounds; i++) {
        sum += weather_now();
        usleep(1000); /* expect: blocking */
    }
#ifdef FAULTY
    rcu_read_unlock();
#endif
    return rounds > 0 ? sum / rounds : 0;
}
