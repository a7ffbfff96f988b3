/* A page of RAM comes to hold translated code (src/x86sys/tlb_protect.c:
 * sys_tlb_protect_ram) while another vCPU stores to it: through the write tag of its
 * TLB as generated code does, or by the slow path (src/x86sys/tlb.c: sys_tlb_fill;
 * src/x86sys/access.c: sys_access_begin, sys_access_commit; src/x86sys/phys.c:
 * sys_ram_written).
 *
 * The vCPU's stores go through a store buffer, in order, as on x86. Its own loads see
 * what is in it; a fence and a locked operation wait until it is empty. The protector's
 * stores are all locked operations.
 *
 * A copy is an entry's second place: a recent slot (src/x86sys/tlb_recent.c), which leaves
 * the entry as it is, or a victim (src/x86sys/tlb.c: keep_victim), which takes its place.
 *
 * Checked, when both are through: the translation, if there still is one, was made
 * from what the page holds. And that both get there.
 *
 * Broken twins:
 *   BROKEN=1  who fills an entry does not look at the code bit after setting the tag
 *   BROKEN=2  ... looks without a fence in between
 *   BROKEN=3  the protector does not wait for a vCPU whose tag it has taken
 *   BROKEN=4  the use counter becomes odd without a fence
 *   BROKEN=5  the protector reads the use counter before it takes the tag
 *   BROKEN=6  a store without a tag does not look at the code bit afterwards
 *   BROKEN=7  ... looks without a fence in between
 *   BROKEN=8  the vCPU waits for the translation lock while its counter is odd
 *   BROKEN=9  the code bit is set after the tags have been taken
 *   BROKEN=10 who copies an entry does not look at the code bit afterwards
 *   BROKEN=11 ... looks without a fence in between
 *   BROKEN=12 the protector does not take copies */
#ifndef BROKEN
#define BROKEN 0
#endif

#define RUNS   2 /* stays in generated code */
#define STORES 2 /* in each */

mtype = { USE, TAG, COPY, DATA };
chan buffer = [4] of { mtype, byte }; /* of the vCPU's stores */

/* In memory. */
byte use;
bool tag;
bool copied; /* the copy's tag */
byte data;
bool has_code;

bool lock;       /* mmap_lock */
bool translated; /* under it */
byte copy;       /* what the translation was made from */
byte done;

inline fence() { empty(buffer) }

proctype memory()
{
    byte v;

    do
    :: atomic { buffer?USE(v) -> use = v }
    :: atomic { buffer?TAG(v) -> tag = v }
    :: atomic { buffer?COPY(v) -> copied = v }
    :: atomic { buffer?DATA(v) -> data = v }
    :: done == 2 && empty(buffer) -> break
    od
}

proctype vcpu()
{
    byte runs, stores, version, count; /* count: of the use counter */
    bool mine; /* the tag, as this vCPU sees it: its own store may not be visible yet */
    bool may_store, in_place;

    do
    :: runs == RUNS -> break
    :: else ->
        runs++;
        /* sys_tlb_use_begin */
        count++;
#if BROKEN == 4
        buffer!USE(count);
#else
        atomic { fence(); use = count };
#endif
        stores = 0;
        do
        :: stores == STORES -> break
        :: stores < STORES ->
            stores++;
            if
            :: in_place = true /* across pages, or by C: without a tag */
            :: in_place = false
            fi;
            if
            :: !(buffer??[TAG(0)]) && tag ->
#if BROKEN == 11
                buffer!COPY(1);
#else
                atomic { fence(); copied = true };
#endif
#if BROKEN != 10
                if
                :: has_code -> buffer!COPY(0)
                :: else
                fi;
#endif
                if
                :: buffer!TAG(0) /* a victim */
                :: skip          /* a slot */
                fi
            :: skip
            fi;
            /* the check; its own withdrawal of the tag, if still buffered, counts */
            if
            :: in_place || (!(buffer??[TAG(0)]) && tag) || (!(buffer??[COPY(0)]) && copied) -> skip
            :: else ->
                /* sys_tlb_fill */
                may_store = !has_code;
                if
                :: may_store ->
#if BROKEN == 2
                    buffer!TAG(1);
#else
                    atomic { fence(); tag = true };
#endif
#if BROKEN != 1
                    if
                    :: has_code -> buffer!TAG(0); may_store = false
                    :: else
                    fi
#endif
                :: else
                fi;
                in_place = !may_store
            fi;
            version++;
            buffer!DATA(version);
            if
            :: in_place ->
#if BROKEN != 6
                /* sys_access_commit */
#if BROKEN != 7
                fence();
#endif
                if
                :: has_code ->
#if BROKEN != 8
                    count++;
                    atomic { fence(); use = count };
#endif
                    atomic { !lock -> lock = true };
                    translated = false;
                    lock = false;
#if BROKEN != 8
                    count++;
                    atomic { fence(); use = count };
#endif
                :: else
                fi
#endif
                skip
            :: else
            fi
        :: stores < STORES -> break
        od;
        /* sys_tlb_use_end */
        count++;
        atomic { fence(); use = count }
    od;
    done++
}

proctype protector()
{
    byte seen;
    bool taken, copy_taken;

    atomic { !lock -> lock = true };
#if BROKEN != 9
    has_code = true;
#endif
#if BROKEN == 5
    seen = use;
#endif
#if BROKEN == 12
    atomic { taken = tag; tag = false };
#else
    if /* in whichever order the two lie */
    :: atomic { taken = tag; tag = false };
       atomic { copy_taken = copied; copied = false }
    :: atomic { copy_taken = copied; copied = false };
       atomic { taken = tag; tag = false }
    fi;
    taken = taken || copy_taken;
#endif
#if BROKEN == 9
    has_code = true;
#endif
#if BROKEN != 5
    seen = use;
#endif
#if BROKEN != 3
    if
    :: taken && seen % 2 -> use != seen
    :: else
    fi;
#endif
    copy = data;
    translated = true;
    lock = false;
    done++
}

init
{
    atomic {
        run memory();
        run vcpu();
        run protector()
    }
    done == 2 && empty(buffer);
    assert(!translated || copy == data)
}
