/* A macro that makes a scope with the lock held out of a loop, in a function
 * with so many branches that not all ways through it can be told apart. */
#include <pthread.h>
#include <stdbool.h>

#define WITH(mutex)                                                                                \
    for (unsigned round_ = 0;                                                                      \
         round_ ? (pthread_mutex_unlock(mutex), 0) : (pthread_mutex_lock(mutex), 1); round_ = 1)   \
        for (unsigned once_ = 0; !once_; once_ = 1)

struct job {
    pthread_mutex_t lock;
    unsigned state, steps, errors;
};

unsigned job_run(struct job *job, const unsigned *options);

unsigned job_run(struct job *job, const unsigned *options)
{
    bool fast = false, quiet = false, dry = false, force = false, keep = false, again = false;
    unsigned size = 0, limit = 0;

    if (options[0]) {
        fast = true;
    }
    if (options[1]) {
        quiet = true;
    }
    if (options[2]) {
        dry = true;
    }
    if (options[3]) {
        force = true;
    }
    if (options[4]) {
        keep = true;
    }
    if (options[5]) {
        again = true;
    }
    if (options[6]) {
        size = 16;
    }
    if (options[7]) {
        limit = 64;
    }
    do {
        WITH(&job->lock) /* expect-note: balance */
        {
            job->steps++;
            if (dry && !force) {
                job->errors++;
            }
#ifdef FAULTY
            if (job->state == 2) {
                return size; /* expect: balance */
            }
#endif
            if (keep || fast) {
                job->state = quiet ? 1 : 2;
            }
        }
        WITH(&job->lock)
        {
            again = again && job->steps < 3;
        }
    } while (again);
    return limit > size ? limit : size;
}
