/* Exclusive sections (src/exec/exclusive.c) against vCPUs that enter, leave,
 * and never leave by themselves.
 *
 * Two owners have a section each; two vCPUs enter and leave, one of which stays
 * inside until it is kicked. A vCPU's store to `inside` may wait in its store
 * buffer, as on x86, unless it is sequentially consistent, as it is in the
 * code. Checked: nobody is in guest code during a section (claim 1), and
 * everybody comes to an end (claim 2: no kick and no report is lost; spin
 * reports a wait that never ends as an invalid end state).
 *
 * Broken twins:
 *   BROKEN=1  the store to `inside` may be buffered past the read of `pending`
 *   BROKEN=2  the request to leave is cleared after `inside` is set
 *   BROKEN=3  a vCPU that leaves does not look at `pending` */
#ifndef BROKEN
#define BROKEN 0
#endif

#define VCPUS  2
#define OWNERS 2

bool mutex;
bool pending;
bool inside[VCPUS];   /* what others see */
bool awaited[VCPUS];
byte awaiting;
bool request[VCPUS];  /* CPU_EXIT_EXCLUSIVE */
bool in_guest[VCPUS];
byte owners_done;

inline lock() { atomic { !mutex -> mutex = true } }
inline unlock() { mutex = false }

/* cond_wait: releases the mutex, sleeps, takes it again; wake-ups come with
 * the change of the condition. */
inline wait_until(condition)
{
    do
    :: condition -> break
    :: else -> unlock(); atomic { (condition) && !mutex -> mutex = true }
    od
}

/* The store buffer of one vCPU holds at most one store to `inside`. */
inline drain()
{
    if
    :: buffered -> inside[id] = buffer; buffered = false
    :: else
    fi
}

inline store_inside(value)
{
    drain();
#if BROKEN == 1
    if
    :: inside[id] = value
    :: buffer = value; buffered = true
    fi
#else
    inside[id] = value
#endif
}

inline report_outside()
{
    if
    :: awaited[id] -> awaited[id] = false; awaiting--
    :: else
    fi
}

proctype vcpu(byte id; bool endless)
{
    bool buffered, buffer;
    byte round;

    do
    :: round == 2 -> break
    :: else ->
        round++;
        /* cpu_exec_start */
#if BROKEN != 2
        request[id] = false;
#endif
        store_inside(true);
        if
        :: pending ->
            drain(); /* lock is a read-modify-write */
            lock();
            inside[id] = false;
            report_outside();
            wait_until(!pending);
            request[id] = false;
            inside[id] = true;
            unlock()
        :: else
        fi;
#if BROKEN == 2
        request[id] = false;
#endif
        in_guest[id] = true;
        if
        :: !endless
        :: endless -> (request[id] || owners_done == OWNERS)
        fi;
        in_guest[id] = false;
        /* cpu_exec_end */
        drain(); /* guest code takes as long as that */
        store_inside(false);
#if BROKEN != 3
        if
        :: pending -> drain(); lock(); report_outside(); unlock()
        :: else
        fi
#endif
    od;
    drain()
}

proctype owner()
{
    byte i;

    lock();
    wait_until(!pending);
    pending = true;
    assert(awaiting == 0);
    for (i : 0 .. VCPUS - 1) {
        if
        :: inside[i] -> awaited[i] = true; awaiting++; request[i] = true
        :: else
        fi
    }
    wait_until(awaiting == 0);
    unlock();

    for (i : 0 .. VCPUS - 1) {
        assert(!in_guest[i])
    }

    lock();
    pending = false;
    unlock();
    owners_done++
}

init
{
    atomic {
        run vcpu(0, true);
        run vcpu(1, false);
        run owner();
        run owner()
    }
}
