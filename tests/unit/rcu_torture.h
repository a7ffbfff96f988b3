/* The RCU torture, for the tests of each way to fence: readers check objects
 * that updaters replace, poison and reuse as fast as they can. An object
 * reused under a reader's eyes shows as a poisoned or changed field.
 * Now and then a reader gives its processor away in the middle of a section. */
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
#define TORTURE_SECTIONS 4000000u
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

static void torture_poison(struct torture_object *object)
{
    object->value = TORTURE_POISON;
    for (unsigned i = 0; i < 6; i++) {
        object->again[i] = ~TORTURE_POISON;
    }
    atomic_fetch_add_explicit(&torture.freed, 1, memory_order_relaxed);
}

static void torture_free(struct torture_object *object)
{
    torture_poison(object);
    free(object);
}

static void torture_free_rcu(struct rcu_head *head)
{
    torture_free(
        (struct torture_object *)(void *)((char *)head - offsetof(struct torture_object, rcu)));
}

static void torture_object_fill(struct torture_object *object, uint64_t value)
{
    object->value = value;
    for (unsigned i = 0; i < 6; i++) {
        object->again[i] = value;
    }
}

static struct torture_object *torture_object_new(uint64_t value)
{
    struct torture_object *object = malloc(sizeof(*object));

    if (!object) {
        abort();
    }
    torture_object_fill(object, value);
    return object;
}

static unsigned long torture_check_object(const struct torture_object *object)
{
    uint64_t value = object->value;
    unsigned long bad = value == TORTURE_POISON;

    for (unsigned i = 0; i < 6; i++) {
        bad += object->again[i] != value;
    }
    return bad;
}

static unsigned long torture_check(struct torture_object *const *slot) REQUIRES_SHARED(rcu_cap)
{
    return torture_check_object(rcu_dereference(*slot));
}

/* Looks before and after others have run. */
static unsigned long torture_check_long(struct torture_object *const *slot) REQUIRES_SHARED(rcu_cap)
{
    const struct torture_object *object = rcu_dereference(*slot);
    unsigned long bad = torture_check_object(object);

    sched_yield();
    return bad + torture_check_object(object);
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
        if (i % 8 == 1) {
            bad += torture_check_nested(&torture.slots[(i + 1) % TORTURE_SLOTS]);
            bad += torture_check(&torture.slots[(i + 2) % TORTURE_SLOTS]);
        }
        if (i % 2048 == 3) {
            bad += torture_check_long(&torture.slots[i / 2048 % TORTURE_SLOTS]);
        }
        rcu_read_unlock();
    }
    atomic_fetch_add(&torture.sections, TORTURE_SECTIONS);
    atomic_fetch_add(&torture.bad, bad);
    atomic_fetch_sub(&torture.readers_left, 1);
    return NULL;
}

/* Replaces the object in the first slot, waits, poisons it and uses it again. */
static void *torture_waiting_updater(void *unused)
{
    struct torture_object *spare = torture_object_new(0);

    (void)unused;
    for (uint64_t i = 1; atomic_load_explicit(&torture.readers_left, memory_order_relaxed); i++) {
        torture_object_fill(spare, i);
        spare = rcu_exchange_pointer(torture.slots[0], spare);
        atomic_fetch_add_explicit(&torture.retired, 1, memory_order_relaxed);
        synchronize_rcu();
        torture_poison(spare);
    }
    free(spare);
    return NULL;
}

/* Replaces the objects in the other slots and leaves the rest to call_rcu,
 * but not more than it has time for. */
static void *torture_calling_updater(void *unused)
{
    (void)unused;
    for (uint64_t i = 1; atomic_load_explicit(&torture.readers_left, memory_order_relaxed); i++) {
        struct torture_object *object = torture_object_new(i);

        object = rcu_exchange_pointer(torture.slots[1 + i % (TORTURE_SLOTS - 1)], object);
        atomic_fetch_add_explicit(&torture.retired, 1, memory_order_relaxed);
        call_rcu(&object->rcu, torture_free_rcu);
        while (atomic_load(&torture.retired) - atomic_load(&torture.freed) > 10000) {
            sched_yield();
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
    if (pthread_create(&updaters[0], NULL, torture_waiting_updater, NULL) != 0 ||
        pthread_create(&updaters[1], NULL, torture_calling_updater, NULL) != 0) {
        abort();
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

/* What the processor does to the announcement of a section: the reader stores
 * to cold memory right before it enters, so that the store of its ctr waits in
 * the store buffer behind those; its load of the pointer goes ahead, and its look
 * at the object comes late, after a chain of multiplications. An updater
 * that does not make the reader fence finds it idle and poisons the object in
 * between: on two idle cores about once in ten thousand sections. */
#ifdef MORTISE_SANITIZE
#define LATE_SECTIONS 5000u
#define LATE_BYTES    (1u << 20)
#else
#define LATE_SECTIONS 300000u
#define LATE_BYTES    (64u << 20)
#endif
#define LATE_STORES   40
#define LATE_MULTIPLY 400
#define LATE_RING     8

/* Goes round a ring, so that what is poisoned stays so for a while. */
static void *late_updater(void *opaque)
{
    struct torture_object *ring = opaque;

    for (unsigned i = 1; atomic_load_explicit(&torture.readers_left, memory_order_relaxed); i++) {
        struct torture_object *object = &ring[i % LATE_RING];

        __atomic_store_n(&object->value, 0, __ATOMIC_RELAXED);
        object = rcu_exchange_pointer(torture.slots[0], object);
        synchronize_rcu();
        __atomic_store_n(&object->value, TORTURE_POISON, __ATOMIC_RELAXED);
    }
    return NULL;
}

static bool late_section(void)
{
    const struct torture_object *object;
    uint64_t chain;
    bool bad;

    rcu_read_lock();
    object = rcu_dereference(torture.slots[0]);
    chain = (uintptr_t)object | 1;
    for (unsigned i = 0; i < LATE_MULTIPLY; i++) {
        chain *= chain;
    }
    /* No odd square is 7 modulo 8, which only the multiplier finds out. */
    object += chain == 7;
    bad = __atomic_load_n(&object->value, __ATOMIC_RELAXED) == TORTURE_POISON;
    rcu_read_unlock();
    return bad;
}

static unsigned long torture_run_late(void)
{
    volatile unsigned char *cold = calloc(1, LATE_BYTES);
    struct torture_object *ring = calloc(LATE_RING, sizeof(*ring));
    unsigned long bad = 0;
    uint64_t random = 1;
    pthread_t updater;

    torture.slots[0] = ring;
    atomic_store(&torture.readers_left, 1);
    if (!cold || !ring || pthread_create(&updater, NULL, late_updater, ring) != 0) {
        abort();
    }
    for (unsigned i = 0; i < LATE_SECTIONS; i++) {
        for (unsigned j = 0; j < LATE_STORES; j++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            cold[(random >> 20) % LATE_BYTES] = 1;
        }
        bad += late_section();
    }
    atomic_store(&torture.readers_left, 0);
    pthread_join(updater, NULL);
    free(ring);
    free((void *)cold);
    return bad;
}

#endif
