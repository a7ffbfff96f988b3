/* Scheduling, running and deleting a bottom half (src/aio/bh.c: enqueue by
 * aio_bh_schedule and aio_bh_delete, aio_bhs_run, run_one). Guards and cancelling
 * are left out.
 *
 * One bottom half. Two threads schedule it; then one of them deletes it. The
 * home thread takes what is on the stack and runs it. A schedule publishes a
 * piece of data first; every piece must have been seen by a run, or by the
 * delete, at the end. The stack holds the bottom half at most once: a second
 * push of what is there would tie it to itself.
 *
 * The read-modify-writes of flags are atomic and in one order, so they
 * interleave here; what is tried is what happens between them.
 *
 * Checked: no double push, no run or look after the free, no run without a
 * schedule, every schedule before the delete is followed by a run, and the
 * bottom half is freed at the end, once.
 *
 * Broken twins:
 *   BROKEN=1  the home thread clears the flags after the call instead of before
 *   BROKEN=2  a scheduler looks at PENDING and sets it in two steps
 *   BROKEN=3  the deleter frees it itself when it finds it not PENDING
 *   BROKEN=4  the home thread clears PENDING before it has taken it off the queue
 *   BROKEN=5  the home thread clears PENDING in a second step, after SCHEDULED */
#ifndef BROKEN
#define BROKEN 0
#endif

#define SCHEDULERS 2
#define EACH       2

bool pending, scheduled, deleted;
bool queued;            /* on the stack, or in the home thread's queue */
bool freed;
byte published;         /* pieces of data */
byte seen;              /* by the latest run */
byte schedulers_left = SCHEDULERS;
byte runs, schedules;
bool delete_done;
bool at_work;            /* the home thread has taken it, and not finished with it */

inline touch()
{
    assert(!freed)
}

inline push()
{
    atomic { assert(!queued); queued = true }
}

proctype scheduler()
{
    byte i;
    bool was;

    do
    :: i < EACH ->
        atomic { published++; schedules++ };
#if BROKEN == 2
        touch(); was = pending;
        atomic { touch(); pending = true; scheduled = true };
#else
        atomic { touch(); was = pending; pending = true; scheduled = true };
#endif
        if
        :: !was -> push()
        :: else
        fi;
        was = false;
        i++
    :: else -> break
    od;
    atomic { schedulers_left-- }
}

proctype deleter()
{
    bool was;

    /* All schedules are over by contract; runs need not be. */
    schedulers_left == 0;
#if BROKEN == 3
    atomic { touch(); was = pending; if :: was -> deleted = true :: else fi };
    if
    :: !was -> atomic { assert(!freed); freed = true }
    :: else
    fi;
#else
    atomic { touch(); was = pending; pending = true; deleted = true };
    if
    :: !was -> push()
    :: else
    fi;
#endif
    delete_done = true
}

proctype home()
{
    bool run_it, free_it;

    do
    :: queued ->
        at_work = true;
#if BROKEN == 4
        atomic { touch(); run_it = scheduled && !deleted; free_it = deleted;
                 pending = false; scheduled = false };
        queued = false;
#elif BROKEN == 1
        queued = false;
        atomic { touch(); run_it = scheduled && !deleted; free_it = deleted };
#elif BROKEN == 5
        queued = false;
        atomic { touch(); run_it = scheduled && !deleted; free_it = deleted; scheduled = false };
        atomic { touch(); pending = false };
#else
        queued = false;
        atomic { touch(); run_it = scheduled && !deleted; free_it = deleted;
                 pending = false; scheduled = false };
#endif
        if
        :: run_it -> atomic { runs++; assert(runs <= schedules); seen = published }; touch()
        :: else
        fi;
#if BROKEN == 1
        atomic { touch(); pending = false; scheduled = false };
#endif
        if
        :: free_it -> atomic { assert(!freed); freed = true }; break
        :: else
        fi;
        at_work = false
    :: delete_done && freed && !queued -> break
    od
}

/* Once all schedules are made and nothing is queued any more, the latest run has
 * seen the latest data. */
proctype witness()
{
    if
    :: atomic {
        schedulers_left == 0 && !queued && !pending && !at_work && !deleted && !freed;
        assert(seen == published)
       }
    :: deleted || freed
    fi
}

init
{
    byte i;

    atomic {
        run home();
        run deleter();
        run witness();
        i = 0;
        do
        :: i < SCHEDULERS -> run scheduler(); i++
        :: else -> break
        od
    }
}
