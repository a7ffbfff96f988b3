/* Grace periods (src/rcu/rcu.h: rcu_read_lock, rcu_read_unlock; src/rcu/rcu.c:
 * rcu_wake_grace_period, synchronize_rcu_at, run_grace_period, spin_for_readers,
 * sleep_for_readers, marked_reader_blocks, fence_all_threads,
 * store_ctr_and_fence): readers that enter, look at an object and leave,
 * against two updaters that share grace periods. Nesting and the list of
 * readers, which changes under rcu_lock only, are left out.
 *
 * The readers' stores to ctr wait in their store buffers, in order, as on x86;
 * their loads go ahead of them. membarrier(2) empties the buffers one after
 * the other, while all else goes on. The updaters' own stores are followed by
 * locked instructions and are taken as immediate.
 *
 * Each updater has a slot that points to one of two objects. It publishes the
 * other one, waits for a grace period, poisons the old one, and uses it again.
 * What can go wrong needs two readers, or two updaters, or two sections and
 * grace periods one after the other, but not all at once: SHAPE 1, 2, 3.
 * SHAPE 4 is a kernel without membarrier(2): readers fence themselves. SHAPE 5
 * is a reader that may never leave by itself, a vCPU, which has to be kicked; it
 * clears the request before it enters, as cpu_exec_start does.
 * Runs: -DSHAPE=1 -DSHAPE=2 -DSHAPE=3 -DSHAPE=4 -DSHAPE=5
 *
 * Checked: no reader sees an object poisoned in its section; nobody sleeps
 * for ever (spin reports an invalid end state).
 *
 * Broken twins:
 *   BROKEN=1  no fence of the readers before the updater looks at them
 *   BROKEN=2  a phase bit for a number, and one wait: a reader delayed between
 *             the load of rcu_gp and the store is taken for new
 *   BROKEN=3  no fence of the readers before the updater sleeps: it looks at
 *             ctr, the reader looks at its mark, both too early
 *   BROKEN=4  an updater shares the grace period that it finds under way
 *   BROKEN=5  the number is incremented after the fence
 *   BROKEN=6  a reader that leaves looks at its mark first
 *   BROKEN=7  the updater sleeps for a reader that it has not marked, because it
 *             entered since, under a number it had loaded long before
 *   BROKEN=8  without membarrier, a reader that enters does not fence
 *   BROKEN=9  without membarrier, a reader that leaves does not fence
 *   BROKEN=10  who is marked already, from an earlier section, is not kicked
 *   BROKEN=11  a vCPU clears the request when it has entered */
#ifndef BROKEN
#define BROKEN 0
#endif

#ifndef SHAPE
#if BROKEN == 4 || BROKEN == 5
#define SHAPE 2
#elif BROKEN == 2
#define SHAPE 3
#elif BROKEN == 8 || BROKEN == 9
#define SHAPE 4
#elif BROKEN == 10 || BROKEN == 11
#define SHAPE 5
#else
#define SHAPE 1
#endif
#endif

#if SHAPE == 1 || SHAPE == 4
#define READERS  2
#define UPDATERS 1
#define SECTIONS 1
#define ROUNDS   1
#elif SHAPE == 2
#define READERS  1
#define UPDATERS 2
#define SECTIONS 2
#define ROUNDS   1
#elif SHAPE == 3
#define READERS  1
#define UPDATERS 1
#define SECTIONS 3
#define ROUNDS   3
#else
#define READERS  1
#define UPDATERS 1
#define SECTIONS 4
#define ROUNDS   2
#endif

#define IDLE 0

byte gp = 1;
byte ctr[READERS];               /* in memory: IDLE or a number */
chan buffer[READERS] = [2] of { byte };
bool waiting[READERS];
bool gp_futex;

byte slot[UPDATERS];             /* which of the two objects is published */
bool poisoned[4];                /* [2 * updater + object] */

bool rcu_lock, gp_running;
byte completed = 1;
byte readers_done, updaters_done;
bool request[READERS];           /* CPU_EXIT_RCU, set by a kick */

inline lock() { atomic { !rcu_lock -> rcu_lock = true } }
inline unlock() { rcu_lock = false }

/* Memory takes the oldest store out of the buffer at any time. */
proctype memory(byte id)
{
    byte value;
end:
    do
    :: atomic { buffer[id]?value -> ctr[id] = value; value = 0 }
    od
}

inline drain(id)
{
    atomic {
        do
        :: nempty(buffer[id]) -> buffer[id]?value; ctr[id] = value
        :: empty(buffer[id]) -> break
        od;
        value = 0
    }
}

inline fence_all_threads()
{
#if SHAPE == 4
    skip /* its own stores are out of the buffer as it is */
#else
    atomic { reader = 0 }
    do
    :: reader < READERS -> atomic { drain(reader); reader++ }
    :: else -> break
    od;
    reader = 0
#endif
}

inline wake_grace_period()
{
    /* A system call wakes: the buffer is empty before it changes anything. */
    empty(buffer[id]);
    waiting[id] = false;
    gp_futex = false
}

proctype read_side(byte id)
{
    byte number, section, look;

    do
    :: section == SECTIONS -> break
    :: else ->
        section++;
#if SHAPE == 5
        /* cpu_exec_start up to rcu_read_lock; the store to `inside` is a locked
         * instruction. */
#if BROKEN != 11
        request[id] = false;
#endif
        empty(buffer[id]);
#endif
        number = gp;
        buffer[id]!number;
        number = 0;
#if SHAPE == 4 && BROKEN != 8
        empty(buffer[id]);
#endif
#if BROKEN == 11
        request[id] = false;
#endif
        /* The section. */
        if
        :: look = slot[0]
#if UPDATERS > 1
        :: look = 2 + slot[1]
#endif
        fi;
        assert(!poisoned[look]);
        assert(!poisoned[look]); /* again, later */
        look = 0;
#if SHAPE == 5
        if
        :: true
        :: true -> (request[id] || updaters_done == UPDATERS)
        fi;
#endif
#if BROKEN == 6
        if
        :: waiting[id] -> wake_grace_period()
        :: else
        fi;
        buffer[id]!IDLE
#else
        buffer[id]!IDLE;
#if SHAPE == 4 && BROKEN != 9
        empty(buffer[id]);
#endif
        if
        :: waiting[id] -> wake_grace_period()
        :: else
        fi
#endif
    od;
    readers_done++
}

#if BROKEN == 2
#define blocks(id) (ctr[id] != IDLE && ctr[id] != my_gp)
#define next_gp    (3 - gp) /* 1, 2, 1, ... */
#else
#define blocks(id) (ctr[id] != IDLE && ctr[id] < my_gp)
#define next_gp    (gp + 1)
#endif

/* The first reader that blocks, or READERS; one look at each, in order. */
inline find_blocking()
{
    reader = 0;
    do
    :: reader == READERS -> break
    :: reader < READERS && blocks(reader) -> break
    :: else -> reader++
    od
}

/* One that blocks and is marked. */
inline find_marked()
{
    reader = 0;
    do
    :: reader == READERS -> break
    :: else ->
        if
        :: blocks(reader) ->
            if
#if BROKEN == 7
            :: break
#else
            :: waiting[reader] -> break
            :: else -> reader++
#endif
            fi
        :: else -> reader++
        fi
    od
}

inline mark_blocking()
{
    reader = 0;
    do
    :: reader == READERS -> break
    :: reader < READERS && blocks(reader) ->
#if SHAPE == 5
#if BROKEN == 10
        if
        :: !waiting[reader] -> waiting[reader] = true; request[reader] = true
        :: else
        fi;
#else
        waiting[reader] = true;
        request[reader] = true; /* its kick */
#endif
#else
        waiting[reader] = true;
#endif
        reader++
    :: else -> reader++
    od
}

inline sleep_for_readers()
{
    gp_futex = true;
    mark_blocking();
#if BROKEN != 3
    fence_all_threads();
#endif
    find_marked();
    if
    :: reader == READERS
    :: else -> unlock(); !gp_futex; lock()
    fi
}

inline run_grace_period()
{
    gp_running = true;
#if BROKEN == 5
    my_gp = next_gp;
    fence_all_threads();
    gp = my_gp;
#else
    atomic { my_gp = next_gp; gp = my_gp }
#if BROKEN != 1
    fence_all_threads();
#endif
#endif
    do
    :: find_blocking();
       if
       :: reader == READERS -> break
       :: else -> sleep_for_readers()
       fi
    od;
    atomic { completed = my_gp; gp_running = false; my_gp = 0; reader = 0 }
}

inline synchronize()
{
#if BROKEN == 4
    atomic { needed = gp; if :: !gp_running -> needed++ :: else fi }
#elif BROKEN == 2
    needed = 255;
#else
    needed = gp + 1;
#endif
    lock();
    do
    :: gp_running && completed < needed -> unlock(); atomic { !gp_running && !rcu_lock -> rcu_lock = true }
    :: else -> break
    od;
    if
    :: completed < needed -> run_grace_period()
    :: else
    fi;
    unlock();
    needed = 0
}

proctype update_side(byte id)
{
    byte my_gp, needed, reader, value, old, round;

    do
    :: round == ROUNDS -> break
    :: else ->
        round++;
        old = slot[id];
        poisoned[2 * id + 1 - old] = false;
        slot[id] = 1 - old;
        synchronize();
        poisoned[2 * id + old] = true
    od;
    updaters_done++
}

init
{
    byte i;

    atomic {
        for (i : 0 .. READERS - 1) {
            run memory(i);
            run read_side(i)
        }
        for (i : 0 .. UPDATERS - 1) {
            run update_side(i)
        }
    }
}
