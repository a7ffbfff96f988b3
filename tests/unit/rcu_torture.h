/* The RCU torture, for the tests of each way to fence: readers check objects
 * that updaters replace, poison and reuse as fast as they can. An object
 * reused under a reader's eyes shows as a poisoned or changed field. */
#ifndef TESTS_UNIT_RCU_TORTURE_H
#define TESTS_UNIT_RCU_TORTURE_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "rcu/pointer.h"
#include "rcu/rcu.h"

#ifdef MORTISE_SANITIZE
#define TORTURE_SECTIONS 100000u
#else
#define TORTURE_SECTIONS 2000000u
#endif

#define TORTURE_READERS 2
#define TORTURE_SLOTS   4
#define TORTURE_POISON  UINT64_C(0xdeadbeefdeadbeef)

struct torture_object {
    uint64_t value;
    uint64_t again[6]; /* each equal to value */
    struct rcu_head rcu;
};

struct torture {
    struct torture_object *slots[TORTURE_SLOTS];
    atomic_uint readers_left;
    atomic_ulong sections;
    atomic_ulong bad;     /* fields that were not as published */
    atomic_ulong retired; /* objects given up, */
    atomic_ulong freed;   /* and their number after poisoning */
};

static struct torture torture;

static void torture_free(struct torture_object *object)
{
    object->value = TORTURE_POISON;
    for (unsigned i = 0; i < 6; i++) {
        object->again[i] = ~TORTURE_POISON;
    }
    free(object);
    atomic_fetch_add_explicit(&torture.freed, 1, memory_order_relaxed);
}

static void torture_free_rcu(struct rcu_head *head)
{
    torture_free(
        (struct torture_object *)(void *)((char *)head - offsetof(struct torture_object, rcu)));
}

static struct torture_object *torture_object_new(uint64_t value)
{
    struct torture_object *object = malloc(sizeof(*object));

    if (!object) {
        abort();
    }
    object->value = value;
    for (unsigned i = 0; i < 6; i++) {
        object->again[i] = value;
    }
    return object;
}

static unsigned long torture_check(struct torture_object *const *slot) REQUIRES_SHARED(rcu_cap)
{
    const struct torture_object *object = rcu_dereference(*slot);
    uint64_t value = object->value;
    unsigned long bad = value == TORTURE_POISON;

    for (unsigned i = 0; i < 6; i++) {
        bad += object->again[i] != value;
    }
    return bad + (object->value != value);
}

static unsigned long torture_check_nested(struct torture_object *const *slot)
{
    unsigned long bad;

    rcu_read_lock();
    bad = torture_check(slot);
    rcu_read_unlock();
    return bad;
}

static void *torture_reader(void *unused)
{
    unsigned long bad = 0;

    (void)unused;
    for (unsigned i = 0; i < TORTURE_SECTIONS; i++) {
        rcu_read_lock();
        bad += torture_check(&torture.slots[i % TORTURE_SLOTS]);
        if (i % 8 == 0) {
            bad += torture_check_nested(&torture.slots[(i + 1) % TORTURE_SLOTS]);
            bad += torture_check(&torture.slots[(i + 2) % TORTURE_SLOTS]);
        }
        if (i % 4096 == 0) {
            sched_yield(); /* makes grace periods sleep for us */
        }
        rcu_read_unlock();
    }
    atomic_fetch_add(&torture.sections, TORTURE_SECTIONS);
    atomic_fetch_add(&torture.bad, bad);
    atomic_fetch_sub(&torture.readers_left, 1);
    return NULL;
}

/* Replaces objects until the readers are through: by call_rcu, and every 64th
 * by a grace period of its own. */
static void *torture_updater(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; atomic_load(&torture.readers_left) > 0; i++) {
        struct torture_object *object = torture_object_new(i);

        object = rcu_exchange_pointer(torture.slots[i % TORTURE_SLOTS], object);
        atomic_fetch_add_explicit(&torture.retired, 1, memory_order_relaxed);
        if (i % 64) {
            call_rcu(&object->rcu, torture_free_rcu);
        } else {
            synchronize_rcu();
            torture_free(object);
        }
    }
    return NULL;
}

/* The whole of it; returns the number of fields seen wrong. */
static unsigned long torture_run(void)
{
    pthread_t readers[TORTURE_READERS], updaters[2];

    for (unsigned i = 0; i < TORTURE_SLOTS; i++) {
        torture.slots[i] = torture_object_new(i);
    }
    atomic_store(&torture.readers_left, TORTURE_READERS);
    for (unsigned i = 0; i < TORTURE_READERS; i++) {
        if (pthread_create(&readers[i], NULL, torture_reader, NULL) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        if (pthread_create(&updaters[i], NULL, torture_updater, NULL) != 0) {
            abort();
        }
    }
    for (unsigned i = 0; i < TORTURE_READERS; i++) {
        pthread_join(readers[i], NULL);
    }
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(updaters[i], NULL);
    }
    rcu_barrier();
    for (unsigned i = 0; i < TORTURE_SLOTS; i++) {
        free(torture.slots[i]);
    }
    return atomic_load(&torture.bad);
}

#endif
