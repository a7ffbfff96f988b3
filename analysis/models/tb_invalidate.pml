/* Invalidating a TB (src/exec/tb.c: invalidate; src/exec/tb_jump_cache.c:
 * tb_jump_cache_forget, forget) against a vCPU that, at the same time, is
 * registered (cpu_list.c: cpu_register), finds the TB (tb_hash.c: tb_lookup),
 * chains a jump to it (tb_chain.c: tb_chain) and puts it into its jump cache
 * (tb_jump_cache.c: tb_jump_cache_set; the stub that src/x86/stubs.c makes in
 * emit_collide does the same, with the dirty bit set before). tb_chain.pml has
 * the rest of chaining.
 *
 * The vCPU's stores go through a store buffer, in order, as on x86: of the
 * `issued` ones the first `visible` have reached memory. So does the
 * invalidator's store to `invalid`. A fence waits for the buffer; so does a
 * lock, which is a read-modify-write.
 *
 * Checked, when both are through: neither the jump nor the jump cache leads to
 * the TB, if the TB was invalidated.
 *
 * Broken twins:
 *   BROKEN=1  the setter reads `invalid` without a fence after its store
 *   BROKEN=2  tb_chain looks at `invalid` before it takes the lock
 *   BROKEN=3  jump caches are cleared before `invalid` is set
 *   BROKEN=4  the invalidator reads caches without a fence after its store
 *   BROKEN=5  the setter sets the dirty bit after the entry
 *   BROKEN=6  the setter does not look at `invalid` once the entry is there
 *   BROKEN=7  the invalidator leaves the jump caches to the setters */
#ifndef BROKEN
#define BROKEN 0
#endif

/* The vCPU's stores, in the order of the code. */
#define LISTED 1
#if BROKEN == 5
#define ENTRY 2
#define DIRTY 3
#else
#define DIRTY 2
#define ENTRY 3
#endif

bool chain_lock;
byte issued, visible;   /* the vCPU's store buffer */
bool invalid_buffered;  /* the invalidator's, */
bool unlock_buffered;   /* and behind it the store that releases the lock */
bool invalid;           /* in memory */
bool in_hash = true;
bool exit_leads_to_tb;
bool entry_taken_back;  /* the miss value was stored after ENTRY */
byte done;

#define entry_leads_to_tb (visible >= ENTRY && !entry_taken_back)

inline lock() { atomic { !chain_lock -> chain_lock = true } }
inline unlock() { chain_lock = false }
inline cpu_fence() { visible == issued }

/* Memory takes stores out of the buffers at any time. */
proctype memory()
{
    do
    :: atomic { visible < issued -> visible++ }
    :: atomic { invalid_buffered -> invalid = true; invalid_buffered = false }
    :: atomic { unlock_buffered && !invalid_buffered -> chain_lock = false; unlock_buffered = false }
    :: done == 2 && visible == issued && !invalid_buffered -> break
    od
}

proctype vcpu()
{
    bool found, was_invalid;

    issued = LISTED; /* cpu_register; its lock and fence drain the buffer */
    cpu_fence();

    found = in_hash && !invalid; /* tb_lookup */
    if
    :: found ->
        /* tb_chain */
#if BROKEN == 2
        was_invalid = invalid;
        lock();
#else
        lock();
        was_invalid = invalid;
#endif
        if
        :: !was_invalid -> exit_leads_to_tb = true
        :: else
        fi;
        unlock();

        /* tb_jump_cache_set */
        issued = 2;
#if BROKEN != 5
        cpu_fence();
#endif
        issued = 3;
#if BROKEN == 5
        visible >= ENTRY; /* only the entry's store is fenced */
#elif BROKEN != 1
        cpu_fence();
#endif
#if BROKEN != 6
        if
        :: invalid -> cpu_fence(); entry_taken_back = true
        :: else
        fi
#endif
    :: else
    fi;
    done++
}

/* What it reads only ever comes true, until the entry is taken back, so that
 * reading all at once, at any time, is as good as one after the other. */
inline forget()
{
    if
    :: visible >= LISTED && visible >= DIRTY && entry_leads_to_tb -> entry_taken_back = true
    :: else
    fi
}

proctype invalidator()
{
#if BROKEN == 3
    forget();
#endif
    lock();
    invalid_buffered = true;
#if BROKEN != 4
    invalid; /* sequentially consistent store, and the lock after it */
#endif
    exit_leads_to_tb = false;
#if BROKEN == 4
    unlock_buffered = true;
#else
    unlock();
#endif
    in_hash = false;
#if BROKEN != 3 && BROKEN != 7
    forget();
#endif
    done++
}

init
{
    atomic {
        run memory();
        run vcpu();
        run invalidator()
    }
    done == 2 && visible == issued && !invalid_buffered;
    assert(invalid);
    assert(!exit_leads_to_tb);
    assert(!entry_leads_to_tb)
}
