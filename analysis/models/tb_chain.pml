/* Looking up, running and chaining TBs against their invalidation, and against
 * a flush (src/exec/tb_hash.c: tb_lookup, tb_hash_add, tb_hash_remove;
 * src/exec/tb_chain.c: tb_chain, tb_chain_sever, patch_jump; src/exec/tb.c:
 * tb_insert, invalidate, tb_flush_exclusive; src/x86/loop.c: x86_cpu_exec, run,
 * x86_light_exit; src/x86/translate.c: x86_translate). Jump caches are in
 * tb_invalidate.pml.
 *
 * A guest program of two places, 0 and 1. Each TB has two exits: one leads to
 * the other place, one is a jump inside the TB itself, back to its beginning.
 * Their rel32s lie in one word, which is replaced as a whole. Two vCPUs go from
 * TB to TB, by exits to C (x86_light_exit) or by chained jumps, leave to
 * translate, and come back. One thread invalidates the first TB of place 0, as a
 * store to its code would; another flushes everything. Both places are then
 * translated anew into other TBs, of which there are GENERATIONS for each place.
 *
 * The invalidator's stores wait in its store buffer, in order, as on x86; a
 * locked instruction empties it. The vCPUs' own are taken as immediate: a jump
 * that is seen late as chained only leads to C once more. The flush is one
 * step, as exclusive.pml shows that it may be: nobody inside, and the
 * mmap_lock held.
 *
 * SHAPE 1: the invalidation, and longer ways of the vCPUs. SHAPE 2: the flush too.
 * Runs: -DSHAPE=1 -DSHAPE=2
 *
 * Checked: a TB that is found is written whole; once an invalidation is over
 * no jump leads into that TB nor out of it, those inside it included, and no
 * look-up that begins then finds it; no TB is touched when a flush has taken it.
 *
 * Broken twins:
 *   BROKEN=1  tb_chain does not look whether its target is invalid
 *   BROKEN=2  tb_chain does not look whether the exit's own TB is invalid
 *   BROKEN=3  tb_chain looks at both before it takes the lock
 *   BROKEN=4  tb_chain takes no lock: it writes back half a word that has changed
 *   BROKEN=5  tb_chain patches the jump after it has released the lock
 *   BROKEN=6  invalidation sets `invalid` after it has released the lock
 *   BROKEN=7  invalidation leaves the jumps out of the TB
 *   BROKEN=8  invalidation leaves the jumps inside the TB
 *   BROKEN=9  nothing empties the invalidator's store buffer at the end
 *   BROKEN=10  the TB stays in the table, and a look-up does not look at `invalid`
 *   BROKEN=11  a TB is published before it is written
 *   BROKEN=12  a vCPU goes on with the exit that it remembers from before a flush
 *   BROKEN=13  a vCPU goes on with the TB that it translated before a flush
 *   BROKEN=14  the flush waits for nobody */
#ifndef BROKEN
#define BROKEN 0
#endif

#ifndef SHAPE
#if BROKEN >= 12
#define SHAPE 2
#else
#define SHAPE 1
#endif
#endif

#define VCPUS       2
#define GENERATIONS 2
#if SHAPE == 1
#define STEPS       4 /* exits that each vCPU takes */
#else
#define STEPS       3
#endif

#define TBS  (2 * GENERATIONS)
#define NONE 15 /* no TB, no exit; a jump to the stub */

#define place_of(tb) ((tb) & 1)

bool mmap_lock, chain_lock;
byte hash[2] = NONE;        /* by place */
byte next_tb[2];            /* generations made of each place */
bool written[TBS], invalid[TBS];
bool over[TBS];             /* its invalidation has come to an end */
bool freed[TBS];

/* An exit is numbered as its TB. */
byte to[TBS] = NONE;        /* exit->to */
byte jump[TBS] = NONE;      /* the rel32s in the TB's word: where the exit to the other place */
bool loops[TBS];            /* leads, and whether the one inside leads back or to its stub */

bool inside[VCPUS];
byte flushes;
byte ended;

/* The invalidator's store buffer: words, and the release of the lock. */
mtype = { WORD, UNLOCK, UNHASH };
chan buffer = [5] of { mtype, byte, byte, bool };

inline lock(l) { atomic { !l -> l = true } }
inline unlock(l) { l = false }

proctype memory()
{
    mtype what;
    byte tb, target;
    bool loop;

end:
    do
    :: atomic {
        buffer?what, tb, target, loop ->
        if
        :: what == WORD -> jump[tb] = target; loops[tb] = loop
        :: what == UNLOCK -> chain_lock = false
        :: what == UNHASH -> hash[tb] = NONE
        fi;
        tb = 0; target = 0; loop = false
       }
    od
}

inline fence() { empty(buffer) }

#define touch(tb) assert(!freed[tb])

inline tb_lookup(place)
{
    atomic { tb = hash[place]; found_over = (tb != NONE && over[tb]) };
#if BROKEN != 10
    if
    :: tb != NONE && invalid[tb] -> tb = NONE; found_over = false
    :: else
    fi;
#endif
    assert(!found_over);
    if
    :: tb != NONE -> touch(tb); assert(written[tb])
    :: else
    fi
}

/* Makes the exit of `from` lead to `target`. */
inline tb_chain(from, target)
{
    atomic { touch(from); touch(target) };
#if BROKEN == 3
    ok = !invalid[from] && !invalid[target];
    lock(chain_lock);
#else
#if BROKEN != 4
    lock(chain_lock);
#endif
#if BROKEN == 1
    ok = !invalid[from];
#elif BROKEN == 2
    ok = !invalid[target];
#else
    ok = !invalid[from];
    ok = ok && !invalid[target];
#endif
#endif
    if
    :: ok && to[from] == NONE ->
        to[from] = target;
#if BROKEN == 5
        unlock(chain_lock);
#endif
        old_loop = loops[from];
        atomic { touch(from); jump[from] = target; loops[from] = old_loop };
        old_loop = false
    :: else
    fi;
    ok = false;
#if BROKEN != 4 && BROKEN != 5
    unlock(chain_lock)
#elif BROKEN == 5
    /* released above, or here */
    chain_lock = false
#endif
}

/* translate: the TB for `place`, in `made`, or NONE if there are no more. */
inline translate(place)
{
    lock(mmap_lock);
    tb_lookup(place);
    if
    :: tb != NONE -> made = tb
    :: tb == NONE && next_tb[place] < GENERATIONS ->
        made = place + 2 * next_tb[place];
        next_tb[place]++;
#if BROKEN == 11
        hash[place] = made;
        atomic { written[made] = true; loops[made] = true };
#else
        atomic { written[made] = true; loops[made] = true };
        hash[place] = made;
#endif
    :: else -> made = NONE; steps = STEPS
    fi;
    tb = NONE;
    unlock(mmap_lock)
}

/* In `at`: one exit after the other, until one leads to C and no TB is there
 * for where it leads, or the time is up. */
inline run_guest()
{
    do
    :: touch(at);
       if
       :: /* round inside the TB */
          atomic {
            steps++;
            if
            :: loops[at] -> assert(!over[at])
            :: else -> place = place_of(at); last = NONE; goto light_exit
            fi
          }
       :: /* to the other place */
          atomic {
            steps++;
            if
            :: jump[at] != NONE -> assert(!over[at] && !over[jump[at]]); at = jump[at]
            :: else -> place = 1 - place_of(at); last = at; goto light_exit
            fi
          }
       fi;
       if
       :: steps >= STEPS -> place = place_of(at); last = NONE; break
       :: steps < STEPS
       fi
    od
}

proctype vcpu(byte id)
{
    byte steps, seen_flushes, place;
    byte tb = NONE, made = NONE, last = NONE, at = NONE;
    bool ok, old_loop, found_over;

    do
    :: steps >= STEPS -> break
    :: else ->
        inside[id] = true; /* cpu_exec_start */
        if
        :: flushes != seen_flushes ->
            atomic {
                seen_flushes = flushes;
#if BROKEN != 12
                last = NONE;
#endif
#if BROKEN != 13
                made = NONE
#endif
            }
        :: else
        fi;
        atomic { tb = made; made = NONE };
        if
        :: tb == NONE -> tb_lookup(place)
        :: else
        fi;
        if
        :: tb == NONE ->
            inside[id] = false; /* cpu_exec_end */
            translate(place)
        :: else ->
            /* run */
            if
            :: last != NONE -> tb_chain(last, tb)
            :: else
            fi;
            atomic { last = NONE; at = tb; tb = NONE };
enter:
            run_guest();
            goto leave;
light_exit:
            /* x86_light_exit */
            tb_lookup(place);
            if
            :: tb != NONE && steps < STEPS ->
                if
                :: last != NONE -> tb_chain(last, tb)
                :: else
                fi;
                atomic { at = tb; tb = NONE; last = NONE };
                goto enter
            :: else -> tb = NONE
            fi;
leave:
            atomic { at = NONE; inside[id] = false }
        fi
    od;
    ended++
}

proctype invalidator()
{
    byte other;

    lock(mmap_lock);
    if
    :: hash[0] == 0 ->
        /* tb_chain_sever */
        lock(chain_lock);
#if BROKEN != 6
        invalid[0] = true; /* a locked instruction */
#endif
        for (other : 0 .. TBS - 1) {
            if
            :: to[other] == 0 -> atomic { to[other] = NONE; buffer!WORD, other, NONE, loops[other] }
            :: else
            fi
        }
        other = 0;
#if BROKEN == 7
        buffer!WORD, 0, jump[0], false;
#elif BROKEN == 8
        atomic { to[0] = NONE; buffer!WORD, 0, NONE, loops[0] };
#else
        atomic { to[0] = NONE; buffer!WORD, 0, NONE, false };
#endif
        buffer!UNLOCK, 0, 0, false;
#if BROKEN == 6
        fence();
        invalid[0] = true;
#endif
        /* tb_hash_remove */
#if BROKEN != 10
        buffer!UNHASH, 0, 0, false;
#endif
#if BROKEN != 9
        /* tb_page_remove takes locks, tb_jump_cache_forget begins with a fence */
        fence();
#endif
        over[0] = true
    :: else
    fi;
    fence();
    unlock(mmap_lock);
    ended++
}

#if SHAPE == 2
proctype flusher()
{
    byte i;

    atomic {
#if BROKEN == 14
        !mmap_lock;
#else
        !mmap_lock && !inside[0] && !inside[1];
#endif
        for (i : 0 .. TBS - 1) {
            if
            :: written[i] -> freed[i] = true
            :: else
            fi
        }
        i = 0;
        hash[0] = NONE;
        hash[1] = NONE;
        flushes++
    }
    ended++
}
#endif

init
{
    atomic {
        /* Both places have a TB, not chained yet. */
        written[0] = true; loops[0] = true; hash[0] = 0; next_tb[0] = 1;
        written[1] = true; loops[1] = true; hash[1] = 1; next_tb[1] = 1;
        run memory();
        run vcpu(0);
        run vcpu(1);
        run invalidator();
#if SHAPE == 2
        run flusher();
#endif
    }
    ended == VCPUS + SHAPE /* all of the threads */
}
