/* The handshake of aio_notify and a round of aio_poll (src/aio/poll.c:
 * aio_notify, aio_sleep_begin, aio_sleep_end, aio_notify_accept, aio_poll): two
 * threads leave work and notify; the home thread sleeps when it finds none, and
 * must end up having seen all of it.
 *
 * All steps on `notified` and `notify_me` are sequentially consistent there, so
 * they interleave here; what is tried is their order. The eventfd is a counter
 * that its handler reads, at the end of the round, if the sleep has found it
 * set. The home thread looks for work only in a round that accepts, as bottom
 * halves are only run after aio_notify_accept.
 *
 * Checked: the home thread ends, having seen WORK pieces (a sleep for ever is
 * an invalid end state).
 *
 * Broken twins:
 *   BROKEN=1  the home thread does not look at `notified` after raising notify_me
 *   BROKEN=2  notify looks at notify_me before it sets `notified`
 *   BROKEN=3  the home thread looks for work before it accepts
 *   BROKEN=4  the home thread looks at `notified` before it raises notify_me
 *   BROKEN=5  notify sets `notified` before it leaves the work */
#ifndef BROKEN
#define BROKEN 0
#endif

#define NOTIFIERS 2
#define EACH      2
#define WORK      (NOTIFIERS * EACH)

byte work;      /* left and not yet seen */
byte seen;
bool notified;
byte notify_me;
byte eventfd;   /* more than one is no different from one */

inline leave_work()
{
    atomic { work++ }
}

inline notify()
{
#if BROKEN == 2
    me = notify_me > 0;
    was = notified; notified = true;
#else
    atomic { was = notified; notified = true };
    me = notify_me > 0;
#endif
    if
    :: !was && me -> eventfd = 1
    :: else
    fi
}

proctype notifier()
{
    byte i;
    bool was, me;

    do
    :: i < EACH ->
#if BROKEN == 5
        notify();
        leave_work();
#else
        leave_work();
        notify();
#endif
        was = false;
        me = false;
        i++
    :: else -> break
    od
}

proctype home()
{
    bool sleepy, readable;

    do
    :: seen < WORK ->
        /* aio_sleep_begin */
#if BROKEN == 4
        sleepy = !notified;
        notify_me++;
#elif BROKEN == 1
        notify_me++;
        sleepy = true;
#else
        notify_me++;
        sleepy = !notified;
#endif
        if
        :: sleepy -> eventfd > 0
        :: else
        fi;
        readable = eventfd > 0;
        notify_me--;
#if BROKEN == 3
        atomic { seen = seen + work; work = 0 };
        notified = false;
#else
        /* aio_notify_accept, then the bottom halves */
        if
        :: notified -> notified = false
        :: else
        fi;
        atomic { seen = seen + work; work = 0 };
#endif
        /* aio_ready_run */
        if
        :: readable -> eventfd = 0
        :: else
        fi
    :: else -> break
    od
}

init
{
    byte i;

    atomic {
        run home();
        i = 0;
        do
        :: i < NOTIFIERS -> run notifier(); i++
        :: else -> break
        od
    }
}
