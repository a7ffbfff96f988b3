/* Grace periods (src/rcu/rcu.c): readers that enter, look at an object and
 * leave, against two updaters that share grace periods.
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
 * Runs: -DSHAPE=1 -DSHAPE=2 -DSHAPE=3
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
 *             entered since, under a number it had loaded long before */
#ifndef BROKEN
#define BROKEN 0
#endif

#ifndef SHAPE
#if BROKEN == 4 || BROKEN == 5
#define SHAPE 2
#elif BROKEN == 2
#define SHAPE 3
#else
#define SHAPE 1
#endif
#endif

#if SHAPE == 1
#define READERS  2
#define UPDATERS 1
#define SECTIONS 1
#define ROUNDS   1
#elif SHAPE == 2
#define READERS  1
#define UPDATERS 2
#define SECTIONS 2
#define ROUNDS   1
#else
#define READERS  1
#define UPDATERS 1
#define SECTIONS 3
#define ROUNDS   3
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
byte readers_done;

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
    atomic { reader = 0 }
    do
    :: reader < READERS -> atomic { drain(reader); reader++ }
    :: else -> break
    od;
    reader = 0
}

inline leave_section()
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
        number = gp;
        buffer[id]!number;
        number = 0;
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
#if BROKEN == 6
        if
        :: waiting[id] -> leave_section()
        :: else
        fi;
        buffer[id]!IDLE
#else
        buffer[id]!IDLE;
        if
        :: waiting[id] -> leave_section()
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
    :: reader < READERS && blocks(reader) -> waiting[reader] = true; reader++
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
    od
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
