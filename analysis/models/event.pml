/* An event (src/locks/event.c: event_set, event_reset, wait) on a futex
 * (src/locks/futex.c and the kernel's half of it).
 *
 * The wakers' stores of work wait in their store buffers, as on x86; the
 * locked instructions of event_set, event_reset and wait empty the buffer of
 * who executes them. Memory takes stores out of the buffers at any time. The
 * kernel compares the word and puts the caller to sleep in one step, as it
 * holds a lock that a wake takes too. A sleeper wakes once for no reason.
 *
 * SHAPE 1 is the pattern of event.h: two wakers leave work and set; the waiter
 * resets, looks for work, and waits if there is none.
 * SHAPE 2: one set releases two waiters that were there before it, one of them
 * after a reset, the other with a time limit that may pass at any moment, and
 * one that comes at any time.
 * Runs: -DSHAPE=1 -DSHAPE=2
 *
 * Checked: all work is seen and everybody gets on (spin reports a sleep for
 * ever as an invalid end state); whose wait returned true sees what was done
 * before the set.
 *
 * Broken twins:
 *   BROKEN=1  set reads the state and stores SET in two steps
 *   BROKEN=2  set leaves the word alone when it reads SET: the work is still buffered
 *   BROKEN=3  reset turns AWAITED to UNSET too
 *   BROKEN=4  the kernel does not compare before it puts to sleep
 *   BROKEN=5  a waiter stores AWAITED over whatever is there by now
 *   BROKEN=6  set wakes one sleeper only
 *   BROKEN=7  a wake-up is taken for a set
 *   BROKEN=8  reset's store may be buffered past the look for work
 *   BROKEN=9  the waiter looks for work before it resets
 *   BROKEN=10  the waker sets before it leaves the work
 *   BROKEN=11  set does not wake, as the waiter had not turned the state AWAITED */
#ifndef BROKEN
#define BROKEN 0
#endif

#ifndef SHAPE
#if BROKEN == 3 || BROKEN == 6 || BROKEN == 7
#define SHAPE 2
#else
#define SHAPE 1
#endif
#endif

#if SHAPE == 1
#define WAKERS  2
#define EACH    2
#define WAITERS 1
#else
#define WAKERS  1
#define EACH    1
#define WAITERS 3
#endif

mtype = { UNSET, SET, AWAITED };

mtype state = UNSET;
bool reset_buffered;     /* by waiter 0; only where that is broken */
byte left[WAKERS];       /* pieces of work, stores issued by the waker */
byte visible[WAKERS];    /* of them in memory */

bool asleep[WAITERS];    /* in the kernel, on the futex */
byte prepared;           /* waiters that the set of SHAPE 2 has to release */
byte done;

/* Memory takes stores out of the buffers. */
proctype memory()
{
end:
    do
    :: atomic { visible[0] < left[0] -> visible[0]++ }
#if WAKERS == 2
    :: atomic { visible[1] < left[1] -> visible[1]++ }
#endif
    :: atomic { reset_buffered -> state = UNSET; reset_buffered = false }
    od
}

inline futex_wake()
{
    atomic {
        sleeper = 0;
        do
        :: sleeper < WAITERS ->
            if
            :: asleep[sleeper] ->
                asleep[sleeper] = false;
#if BROKEN == 6
                break
#endif
            :: else
            fi;
            sleeper++
        :: else -> break
        od;
        sleeper = 0
    }
}

inline event_set(w)
{
#if BROKEN == 1
    old = state;
    atomic { visible[w] = left[w]; state = SET };
#elif BROKEN == 2
    old = state;
    if
    :: old != SET -> atomic { visible[w] = left[w]; old = state; state = SET }
    :: else
    fi;
#else
    atomic { visible[w] = left[w]; old = state; state = SET };
#endif
    if
    :: old == AWAITED -> futex_wake()
    :: else
    fi
}

inline event_reset()
{
#if BROKEN == 3
    atomic { state = UNSET }
#elif BROKEN == 8
    if
    :: state == SET -> reset_buffered = true
    :: state == SET -> state = UNSET
    :: else
    fi
#else
    atomic {
        if
        :: state == SET -> state = UNSET
        :: else
        fi
    }
#endif
}

/* Sleeps while the state is AWAITED; `in_time` as futex_wait returns it. */
inline futex_wait()
{
    in_time = true;
    atomic {
        if
#if BROKEN == 4
        :: asleep[id] = true
#else
        :: state == AWAITED -> asleep[id] = true
        :: else
#endif
        fi
    };
    if
    :: atomic { !asleep[id] }
    :: atomic { asleep[id] && !woke_for_nothing -> asleep[id] = false; woke_for_nothing = true }
    :: atomic { asleep[id] && timed -> asleep[id] = false; in_time = false }
    fi
}

/* The function wait; its result is in `is_set`. */
inline wait()
{
    do
    :: atomic { seen = state; if :: reset_buffered -> seen = UNSET :: else fi };
        if
        :: seen == UNSET ->
#if BROKEN == 11
            skip; /* and sleeps on the value UNSET */
#elif BROKEN == 5
            state = AWAITED;
            seen = AWAITED
#else
            atomic { /* a locked instruction: the buffer is emptied first */
                if
                :: reset_buffered -> state = UNSET; reset_buffered = false
                :: else
                fi;
                if
                :: state == UNSET -> state = AWAITED; seen = AWAITED
                :: else -> seen = state
                fi
            }
#endif
        :: else
        fi;
        if
        :: seen == SET -> is_set = true; break
        :: else ->
#if BROKEN == 11
            atomic { if :: state == UNSET -> asleep[id] = true :: else fi };
            atomic { !asleep[id] };
            in_time = true;
#else
            futex_wait();
#endif
            if
            :: !in_time -> is_set = (state == SET); break
#if BROKEN == 7
            :: in_time -> is_set = true; break
#else
            :: in_time
#endif
            fi
        fi
    od;
    seen = UNSET;
    in_time = false
}

proctype waker(byte id)
{
    mtype old;
    byte i, sleeper;

    prepared == WAITERS - 1;
    do
    :: i < EACH ->
#if BROKEN == 10
        event_set(id);
        left[id]++;
#else
        left[id]++;
        event_set(id);
#endif
        i++
    :: else -> break
    od;
    old = UNSET;
    done++
}

#if SHAPE == 1
/* Resets, looks, waits if there is nothing new. */
proctype waiter(byte id)
{
    mtype seen = UNSET;
    byte found, look;
    bool in_time, is_set, woke_for_nothing;
    bool timed = false;

    do
    :: found == WAKERS * EACH -> break
    :: else ->
#if BROKEN == 9
        look = visible[0];
        look = look + visible[1];
        event_reset();
#else
        event_reset();
        look = visible[0];
        look = look + visible[1];
#endif
        if
        :: look > found -> found = look; look = 0
        :: else ->
            look = 0;
            wait();
            assert(is_set)
        fi
    od;
    done++
}
#else
/* Waits for the one set. 0 resets before, 1 may be late for it, 2 has a time
 * limit. */
proctype waiter(byte id)
{
    mtype seen = UNSET;
    bool in_time, is_set, woke_for_nothing;
    bool timed = (id == 2);

    if
    :: id == 0 -> event_reset()
    :: else
    fi;
    if
    :: id != 1 -> atomic { prepared++ }
    :: else
    fi;
    wait();
    assert(is_set || timed);
    assert(!is_set || visible[0] == 1);
    done++
}
#endif

init
{
    byte i;

    atomic {
        run memory();
        for (i : 0 .. WAKERS - 1) {
            run waker(i)
        }
        for (i : 0 .. WAITERS - 1) {
            run waiter(i)
        }
    }
    done == WAKERS + WAITERS
}
