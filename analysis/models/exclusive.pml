/* Exclusive sections (src/exec/exclusive.c: cpu_exec_start,
 * enter_after_section, cpu_exec_end, report_outside, start_exclusive,
 * await_if_inside, end_exclusive) against vCPUs that enter, leave, and never
 * leave by themselves.
 *
 * Two owners have a section each; two vCPUs enter and leave, one of which stays
 * inside until it is kicked. A store to `inside` or `pending` may wait in the
 * store buffer of its thread, as on x86, unless it is sequentially consistent,
 * as they are in the code. What is under the mutex interleaves step by step
 * with what is not. A condition variable wakes whom it is told to wake: a
 * waiter releases the mutex and sleeps in one step, and takes the mutex again.
 *
 * Checked: nobody is in guest code during a section (claim 1), and everybody
 * comes to an end (claims 2 and 3: no kick, no report and no wake-up is lost;
 * spin reports a wait that never ends as an invalid end state).
 *
 * Broken twins:
 *   BROKEN=1  the store to `inside` may be buffered past the read of `pending`
 *   BROKEN=2  the request to leave is cleared after `inside` is set
 *   BROKEN=3  a vCPU that leaves does not look at `pending`
 *   BROKEN=4  only a leaving vCPU's store may be buffered past its look
 *   BROKEN=5  the owner's store to `pending` may be buffered past its look at the vCPUs
 *   BROKEN=6  the end of a section wakes one of those who wait for it
 *   BROKEN=7  who was woken goes inside without another look at `pending`
 *   BROKEN=8  who waits for the end of a section does not report that it is outside
 *   BROKEN=9  a vCPU reports whether it was seen inside or not: the count goes wrong
 *   BROKEN=10  the owner reads each `inside` before it sets `pending` */
#ifndef BROKEN
#define BROKEN 0
#endif

#define VCPUS   2
#define OWNERS  2
#define ROUNDS  2
#define BIT(thread) (1 << (thread))

bool mutex;
bool pending;
bool inside[VCPUS];     /* what others see */
bool awaited[VCPUS];
byte awaiting;
bool request[VCPUS];    /* CPU_EXIT_EXCLUSIVE */
bool in_guest[VCPUS];
byte waits_left, waits_ended; /* who sleeps on the condition, a bit for each thread */
byte owners_done;

inline lock() { atomic { !mutex -> mutex = true } }
inline unlock() { mutex = false }

/* cond_wait */
inline wait_for(cond)
{
    atomic { cond = cond | BIT(me); mutex = false };
    atomic { !(cond & BIT(me)) && !mutex -> mutex = true }
}

/* Whoever of them it is. */
inline cond_signal(cond)
{
    if
    :: atomic { cond & BIT(0) -> cond = cond - BIT(0) }
    :: atomic { cond & BIT(1) -> cond = cond - BIT(1) }
    :: atomic { cond & BIT(2) -> cond = cond - BIT(2) }
    :: atomic { cond & BIT(3) -> cond = cond - BIT(3) }
    :: cond == 0
    fi
}

inline cond_broadcast(cond) { cond = 0 }

/* The store buffer of one thread holds at most one store. */
inline drain(variable)
{
    atomic {
        if
        :: buffered -> variable = buffer; buffered = false
        :: else
        fi
    }
}

inline store(variable, value, may_be_buffered)
{
    drain(variable);
    if
    :: variable = value
    :: may_be_buffered -> atomic { buffer = value; buffered = true }
    fi
}

inline report_outside()
{
    if
#if BROKEN == 9
    :: true ->
#else
    :: awaited[me] ->
#endif
        awaited[me] = false;
        awaiting--;
        if
        :: awaiting == 0 -> cond_signal(waits_left)
        :: else
        fi
#if BROKEN != 9
    :: else
#endif
    fi
}

proctype vcpu(byte me; bool endless)
{
    bool buffered, buffer;
    byte round;

    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        /* cpu_exec_start */
#if BROKEN != 2
        request[me] = false;
#endif
        store(inside[me], true, BROKEN == 1);
        if
        :: pending ->
            /* enter_after_section */
            drain(inside[me]); /* lock is a read-modify-write */
            lock();
            inside[me] = false;
#if BROKEN != 8
            report_outside();
#endif
#if BROKEN == 7
            if
            :: pending -> wait_for(waits_ended)
            :: else
            fi;
#else
            do
            :: pending -> wait_for(waits_ended)
            :: else -> break
            od;
#endif
            request[me] = false;
            inside[me] = true;
            unlock()
        :: else
        fi;
#if BROKEN == 2
        request[me] = false;
#endif
        in_guest[me] = true;
        if
        :: !endless
        :: endless -> (request[me] || owners_done == OWNERS)
        fi;
        in_guest[me] = false;
        /* cpu_exec_end */
        drain(inside[me]); /* guest code takes as long as that */
        store(inside[me], false, BROKEN == 1 || BROKEN == 4);
#if BROKEN != 3
        if
        :: pending ->
            drain(inside[me]);
            lock();
            report_outside();
            unlock()
        :: else
        fi;
#endif
        drain(inside[me])
    od
}

inline look_at_vcpus()
{
    for (i : 0 .. VCPUS - 1) {
        if
        :: inside[i] ->
            awaited[i] = true;
            awaiting++;
            drain(pending); /* cpu_kick is a read-modify-write */
            request[i] = true
        :: else
        fi
    }
    i = 0
}

proctype owner(byte me)
{
    bool buffered, buffer;
    byte i;

    /* start_exclusive */
    lock();
    do
    :: pending -> wait_for(waits_ended)
    :: else -> break
    od;
#if BROKEN == 10
    look_at_vcpus();
    pending = true;
#else
    store(pending, true, BROKEN == 5);
    assert(awaiting == 0);
    look_at_vcpus();
#endif
    drain(pending); /* unlock is a read-modify-write */
    do
    :: awaiting > 0 -> wait_for(waits_left)
    :: else -> break
    od;
    unlock();

    for (i : 0 .. VCPUS - 1) {
        assert(!in_guest[i])
    }
    i = 0;

    /* end_exclusive */
    lock();
    pending = false;
#if BROKEN == 6
    cond_signal(waits_ended);
#else
    cond_broadcast(waits_ended);
#endif
    unlock();
    owners_done++
}

init
{
    atomic {
        run vcpu(0, true);
        run vcpu(1, false);
        run owner(2);
        run owner(3)
    }
}
