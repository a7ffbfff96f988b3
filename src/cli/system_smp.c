/* Value of -smp: how many CPUs, and in what sockets, cores and threads. */
#include <errno.h>
#include <string.h>

#include "cli/system_values.h"

#define CPUS_MAX 255

struct smp_value { /* 0: not given */
    unsigned cpus, sockets, cores, threads, max;
};

/* Levels that QEMU has and CPUs here have one of. */
static int single(const char *key, uint64_t n, struct error *err)
{
    static const char *const known[] = {"cpus",    "sockets", "cores",   "threads",
                                        "maxcpus", "dies",    "modules", "clusters",
                                        "books",   "drawers", NULL};
    for (size_t i = 5; known[i]; i++) {
        if (strcmp(key, known[i]) == 0) {
            return n == 1 ? 0
                          : error_set(err, EINVAL, "-smp %s=%llu: there is one only", key,
                                      (unsigned long long)n);
        }
    }
    return value_unknown_key("-smp", key, known, err);
}

static int smp_pair(void *opaque, const char *key, const char *value, struct error *err)
{
    struct smp_value *v = opaque;
    uint64_t n = 0;
    int rc = value_number("-smp", value, 1, CPUS_MAX, &n, err);
    if (rc) {
        return rc;
    }
    if (!key || strcmp(key, "cpus") == 0) {
        v->cpus = (unsigned)n;
    } else if (strcmp(key, "sockets") == 0) {
        v->sockets = (unsigned)n;
    } else if (strcmp(key, "cores") == 0) {
        v->cores = (unsigned)n;
    } else if (strcmp(key, "threads") == 0) {
        v->threads = (unsigned)n;
    } else if (strcmp(key, "maxcpus") == 0) {
        v->max = (unsigned)n;
    } else {
        return single(key, n, err);
    }
    return 0;
}

static unsigned or_one(unsigned n)
{
    return n ? n : 1;
}

/* What is not given follows from what is: first cores, then sockets, then threads. */
static void complete(struct smp_value *v)
{
    unsigned total = v->max ? v->max : v->cpus;
    if (total == 0) {
        v->sockets = or_one(v->sockets);
        v->cores = or_one(v->cores);
        v->threads = or_one(v->threads);
    } else if (v->cores == 0) {
        v->sockets = or_one(v->sockets);
        v->threads = or_one(v->threads);
        v->cores = total / (v->sockets * v->threads);
    } else if (v->sockets == 0) {
        v->threads = or_one(v->threads);
        v->sockets = total / (v->cores * v->threads);
    } else if (v->threads == 0) {
        v->threads = total / (v->sockets * v->cores);
    }
    total = total ? total : v->sockets * v->cores * v->threads;
    v->max = v->max ? v->max : total;
    v->cpus = v->cpus ? v->cpus : v->max;
}

/* The shape is that of maxcpus, of which the first CPUs are there. No more can be plugged in,
 * which no guest sees. */
int value_smp(struct system_command *c, const char *value, struct error *err)
{
    struct smp_value v = {.cpus = 0};
    int rc = value_list(value, smp_pair, &v, err);
    if (rc) {
        return rc;
    }
    complete(&v);
    if (v.sockets * v.cores * v.threads != v.max || v.max > CPUS_MAX) {
        return error_set(err, EINVAL, "-smp %s: %u sockets * %u cores * %u threads are not %u CPUs",
                         value, v.sockets, v.cores, v.threads, v.max);
    }
    if (v.cpus > v.max) {
        return error_set(err, EINVAL, "-smp %s: %u CPUs are more than maxcpus, %u", value, v.cpus,
                         v.max);
    }
    c->config.cpus = v.cpus;
    c->config.sockets = v.sockets;
    c->config.cores = v.cores;
    c->config.threads = v.threads;
    return 0;
}
