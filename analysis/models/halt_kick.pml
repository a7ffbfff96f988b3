/* Work for a vCPU, the kick that announces it, and the vCPU's sleep
 * (src/exec/cpu_work.c: push, cpu_process_work, sleep_unless, run_on_cpu,
 * wake_waiter; src/exec/cpu_list.c: cpu_kick, cpu_unregister; src/x86/loop.c:
 * x86_cpu_exec, prepare_entry; src/user/signal_host.c: kicked;
 * src/x86/context.c: x86_context_take).
 *
 * The event is a flag here; event.pml has its inside. Its set and the change
 * of exit_request are locked instructions, so that no store of who kicks can
 * wait in a buffer past them, but for `done`, which wake_waiter stores before.
 * A vCPU's stores to `entry` are read by a handler on the same thread: no
 * buffer is between the two. A handler runs between any two steps of its
 * thread, once for each time that a signal has become pending.
 *
 * SHAPE 1: two threads push work to a vCPU whose guest runs for ever or halts
 * and never leaves by itself; the last piece of work has it end.
 * SHAPE 2: two vCPUs and a thread that has none: the vCPUs wait for work that
 * they have given to each other, the thread for work given to vCPU 0. Then the
 * vCPUs serve who is left, and are unregistered.
 * Runs: -DSHAPE=1 -DSHAPE=2
 *
 * Checked: all work is run, nobody sleeps or runs for ever (spin reports it as
 * an invalid end state); nobody touches a vCPU that is gone, or what lay on
 * the stack of a waiter that has returned.
 *
 * Broken twins:
 *   BROKEN=1  the kick sets the event before the bit
 *   BROKEN=2  who is about to sleep looks at the bits before the reset
 *   BROKEN=3  the reset may be buffered past the look at the bits
 *   BROKEN=4  the work is taken before the bit is cleared
 *   BROKEN=5  entry is set after the look at the bits
 *   BROKEN=6  the signal is sent before the bit is set
 *   BROKEN=7  the handler leaves entry alone when it interrupts C
 *   BROKEN=8  push without a read section
 *   BROKEN=9  a waiting vCPU does not look at `done` again before it sleeps
 *   BROKEN=10  `done` is stored after the kick
 *   BROKEN=11  a waiting vCPU waits for `done` and runs nothing meanwhile
 *   BROKEN=12  wake_waiter looks for the waiter's vCPU after it has stored `done`
 *   BROKEN=13  wake_waiter without a read section
 *   BROKEN=14  the bit is set with a plain store, still buffered when the event is set */
#ifndef BROKEN
#define BROKEN 0
#endif

#ifndef SHAPE
#if BROKEN >= 9 && BROKEN <= 13
#define SHAPE 2
#else
#define SHAPE 1
#endif
#endif

#if SHAPE == 1
#define VCPUS   1
#define OTHERS  2 /* threads without a vCPU */
#define EACH    2 /* pieces of work that each of them pushes */
#define WORK    (OTHERS * EACH)
#else
#define VCPUS   2
#define OTHERS  1
#define OTHER   2 /* whose run_on_cpu it is: 0 and 1 are the vCPUs' */
#endif

bool request[VCPUS];        /* CPU_EXIT_WORK in exit_request */
bool wake[VCPUS];           /* the event */
bool reset_buffered[VCPUS]; /* only where that is broken */
bool request_buffered[VCPUS];
bool signal[VCPUS];         /* pending on the thread */
byte pushed[VCPUS];         /* the stack: SHAPE 1 counts, SHAPE 2 has a bit for each waiter */
bool freed[VCPUS];
byte sections;              /* read sections under way */
byte ran;                   /* pieces of work */
byte ended;                 /* threads */

/* SHAPE 1: the vCPU's registers and state. */
bool in_guest, entry_is_stub;

/* SHAPE 2: the waiters, on their stacks. */
bool alive[3];
bool finished[3];           /* done */
bool finished_buffered[VCPUS];  /* by this vCPU's thread, for the other one */

#define touch_cpu(c) assert(!freed[c])

inline rcu_read_lock() { sections++ }
inline rcu_read_unlock() { sections-- }

/* The signal's way to the thread, and its handler, which runs between two of
 * the thread's steps. */
proctype handler()
{
end:
    do
    :: atomic {
        signal[0] ->
        signal[0] = false;
        if
        :: request[0] && in_guest -> in_guest = false
#if BROKEN != 7
        :: request[0] && !in_guest -> entry_is_stub = true
#else
        :: request[0] && !in_guest
#endif
        :: else
        fi
       }
    od
}

proctype memory(byte c)
{
end:
    do
    :: atomic { reset_buffered[c] -> wake[c] = false; reset_buffered[c] = false }
    :: atomic { request_buffered[c] -> request[c] = true; request_buffered[c] = false }
#if SHAPE == 2
    :: atomic { finished_buffered[c] -> finished[1 - c] = true; finished_buffered[c] = false }
#endif
    od
}

inline send_signal(c)
{
    touch_cpu(c);
#if SHAPE == 1
    signal[c] = true
#endif
}

inline cpu_kick(c)
{
#if BROKEN == 1
    atomic { touch_cpu(c); wake[c] = true };
    atomic { touch_cpu(c); request[c] = true };
    send_signal(c)
#elif BROKEN == 6
    send_signal(c);
    atomic { touch_cpu(c); request[c] = true };
    atomic { touch_cpu(c); wake[c] = true }
#elif BROKEN == 14
    if
    :: request[c] = true
    :: request_buffered[c] = true
    fi;
    atomic { touch_cpu(c); wake[c] = true };
    send_signal(c)
#else
    atomic { touch_cpu(c); request[c] = true };
    atomic { touch_cpu(c); wake[c] = true };
    send_signal(c)
#endif
}

/* push; `what` is 1, or the waiter's bit. */
inline push(c, what)
{
#if BROKEN != 8
    rcu_read_lock();
#endif
    atomic { touch_cpu(c); pushed[c] = pushed[c] + what };
    cpu_kick(c);
#if BROKEN != 8
    rcu_read_unlock()
#endif
}

inline sleep_unless_asked(c)
{
#if BROKEN == 2
    asked = request[c];
    wake[c] = false;
#elif BROKEN == 3
    if
    :: wake[c] = false
    :: reset_buffered[c] = true
    fi;
    asked = request[c];
#else
    wake[c] = false;
    asked = request[c];
#endif
    if
    :: asked
    :: else ->
        /* wait's first instruction is a locked one */
        atomic { if :: reset_buffered[c] -> wake[c] = false; reset_buffered[c] = false :: else fi };
        wake[c]
    fi;
    asked = false
}

/* The first half of cpu_process_work, up to take_pushed. */
inline take_pushed(c)
{
#if BROKEN == 4
    atomic { taken = taken + pushed[c]; pushed[c] = 0 };
    request[c] = false
#else
    request[c] = false;
    atomic { taken = taken + pushed[c]; pushed[c] = 0 }
#endif
}

/* Off the list; a grace period; the rest of the work is run by the caller. */
inline cpu_unregister(c)
{
    sections == 0;
    take_pushed(c)
}

#if SHAPE == 1

proctype vcpu()
{
    byte taken;
    bool asked;

    do
    :: ran == WORK -> break
    :: else ->
        /* x86_cpu_exec */
        asked = request[0];
        if
        :: asked -> take_pushed(0); ran = ran + taken; taken = 0
        :: else
        fi;
        asked = false;
        if
        :: ran == WORK -> break
        :: else
        fi;
        /* prepare_entry */
#if BROKEN == 5
        asked = request[0];
        entry_is_stub = false;
#else
        entry_is_stub = false;
        asked = request[0];
#endif
        if
        :: asked -> asked = false
        :: else ->
            /* jmp gs:[entry] */
            atomic { in_guest = !entry_is_stub };
            if
            :: true -> !in_guest /* a guest that never leaves by itself */
            :: true ->
                if
                :: !in_guest
                :: atomic { in_guest -> in_guest = false };
                    sleep_unless_asked(0) /* it halts: cpu_halt_wait */
                fi
            fi
        fi
    od;
    cpu_unregister(0);
    assert(taken == 0);
    freed[0] = true;
    ended++
}

proctype other(byte id)
{
    byte i;

    do
    :: i < EACH -> push(0, 1); i++
    :: else -> break
    od;
    ended++
}

#else

#define BIT(waiter) (1 << (waiter))

/* By the thread of vCPU `id`, for a waiter that is a vCPU. */
inline wake_waiting_cpu(waiter)
{
#if BROKEN != 13
    rcu_read_lock();
#endif
#if BROKEN == 10
    cpu_kick(waiter);
    finished[waiter] = true;
#else
    finished_buffered[id] = true;
#if BROKEN == 12
    assert(alive[waiter]); /* waiter->cpu */
#endif
    /* The locked instruction in cpu_kick empties the buffer first. */
    atomic { if :: finished_buffered[id] -> finished[waiter] = true; finished_buffered[id] = false :: else fi };
    cpu_kick(waiter);
#endif
#if BROKEN != 13
    rcu_read_unlock()
#endif
}

inline wake_waiter(waiter)
{
    assert(alive[waiter]); /* waiter->cpu, before `done` */
    if
    :: waiter == OTHER -> atomic { assert(alive[waiter]); finished[waiter] = true }
    :: else -> wake_waiting_cpu(waiter)
    fi
}

/* The second half of cpu_process_work: `taken` is the list work_ready. */
inline run_taken()
{
    do
    :: taken == 0 -> break
    :: taken & BIT(OTHER) -> taken = taken - BIT(OTHER); ran++; wake_waiter(OTHER)
    :: taken & BIT(1 - id) -> taken = taken - BIT(1 - id); ran++; wake_waiter(1 - id)
    od
}

proctype vcpu(byte id)
{
    byte taken;
    bool asked;

    /* run_on_cpu */
    alive[id] = true;
    push(1 - id, BIT(id));
    /* wait_as_cpu */
    do
    :: finished[id] -> break
    :: else ->
#if BROKEN == 11
        finished[id]
#else
        take_pushed(id);
        run_taken();
#if BROKEN == 9
        sleep_unless_asked(id)
#else
        if
        :: finished[id]
        :: else -> sleep_unless_asked(id)
        fi
#endif
#endif
    od;
    alive[id] = false;
    /* The rest of its life: it ends when all three pieces of work are done. */
    do
    :: ran == 3 -> break
    :: else ->
        if
        :: request[id] -> take_pushed(id); run_taken()
        :: ran == 3
        fi
    od;
    cpu_unregister(id);
    run_taken();
    freed[id] = true;
    ended++
}

proctype other()
{
    alive[OTHER] = true;
    push(0, BIT(OTHER));
    finished[OTHER]; /* event_wait */
    alive[OTHER] = false;
    ended++
}

#endif

init
{
    atomic {
#if SHAPE == 1
        run handler();
        run memory(0);
        run vcpu();
        run other(0);
        run other(1)
#else
        run memory(0);
        run memory(1);
        run vcpu(0);
        run vcpu(1);
        run other()
#endif
    }
    ended == VCPUS + OTHERS
}
