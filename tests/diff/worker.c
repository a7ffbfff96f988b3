#include "worker.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

#include "compare.h"
#include "engine_side.h"
#include "gen.h"
#include "native.h"

#define REPORTS_MAX          40 /* per worker */
#define REPORTS_PER_MNEMONIC 2

static struct batch *batch;

static void add(_Atomic(uint64_t) *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

/* Puts the case into the child's memory, followed by a jump out of it. Its
 * operand is aligned: guest code may have set AC. */
static void put_native_code(struct diff_case *c, const char *exit_address)
{
    uint8_t *at = native_code(c->region) + (c->start - regions[c->region].code);
    uint8_t pad = (uint8_t)(-(c->end + 6) & 7);
    uint8_t jmp[6] = {0xff, 0x25, pad};
    memset(c->tail, 0xcc, sizeof(c->tail));
    memcpy(c->tail, jmp, sizeof(jmp));
    memcpy(c->tail + sizeof(jmp) + pad, &exit_address, sizeof(exit_address));
    memcpy(at, c->code, c->code_len);
    memcpy(at + c->code_len, c->tail, sizeof(c->tail));
}

static void drop_native_code(const struct diff_case *c)
{
    memset(native_code(c->region) + (c->start - regions[c->region].code), 0xcc,
           c->code_len + sizeof(c->tail));
}

/* The same broken thing shows up again and again: say so only a few times. */
static bool worth_reporting(const struct diff_case *c)
{
    static struct {
        char name[24];
        unsigned count;
    } seen[REPORTS_MAX];
    const char *name = case_mnemonic(c);
    for (unsigned i = 0; i < REPORTS_MAX; i++) {
        if (!seen[i].count) {
            snprintf(seen[i].name, sizeof(seen[i].name), "%s", name);
        }
        if (strncmp(seen[i].name, name, sizeof(seen[i].name) - 1) == 0) {
            return seen[i].count++ < REPORTS_PER_MNEMONIC;
        }
    }
    return false;
}

extern const char native_exit[];

/* A state in which the two disagreed, until the host has been asked again. */
struct doubt {
    uint32_t index, state;
    struct diff_result expected, got;
};
#define DOUBTS_MAX 8 /* per batch; more are not the host's */
static struct doubt doubts[DOUBTS_MAX];
static unsigned doubt_count;

static void mismatch(const struct options *o, struct progress *p, const struct diff_case *c,
                     uint32_t state, const struct diff_state *st,
                     const struct diff_result *expected, const struct diff_result *got)
{
    if (worth_reporting(c)) {
        report_mismatch(o->rerun, c, state, st, expected, got);
        fflush(stderr);
    }
    add(&p->mismatches, 1);
}

/* Whether an XSAVE may be about components that the host has and guests do not. */
static bool is_about_hidden_state(const struct diff_case *c, const struct diff_state *st)
{
    uint64_t hidden = host_xcr0() & ~xsave_mask();
    return c->xstate && hidden && (c->insn_count > 1 || (st->gpr[0] & hidden));
}

static void compare_case(const struct options *o, struct progress *p, uint32_t index)
{
    struct diff_case *c = &batch->cases[index];
    static struct diff_result got;
    if (c->dropped) {
        add(&p->dropped, 1);
        return;
    }
    atomic_store(&p->at, c->number);
    memory_fill(c);
    engine_put_code(c);
    bool bad = false;
    for (uint32_t s = 0; s < c->state_count; s++) {
        struct diff_result *expected = &batch->native[index][s];
        const struct diff_state *st = &batch->states[index][s];
        p->faults[expected->signo & 63]++;
        if (expected->outcome == OUTCOME_SKIP || is_about_hidden_state(c, st)) {
            add(&p->skipped, 1);
            continue;
        }
        if (o->native_only) {
            continue;
        }
        engine_run(c, st, &got);
        /* (Virtual machines have been seen to end an endless loop by a fault of their own.) */
        bool endless = got.outcome == OUTCOME_TIMEOUT && expected->outcome == OUTCOME_FAULT &&
                       expected->code == SI_KERNEL;
        if (got.outcome == OUTCOME_SKIP || endless) {
            add(&p->skipped, 1);
        } else if (!bad && !results_equal(c, expected, &got)) {
            bad = true;
            if (doubt_count < DOUBTS_MAX) {
                doubts[doubt_count++] =
                    (struct doubt){.index = index, .state = s, .expected = *expected, .got = got};
            } else {
                mismatch(o, p, c, s, st, expected, &got);
            }
        }
    }
    engine_drop_code(c);
    add(&p->cases, 1);
    add(&p->states, c->state_count);
}

/* Virtual machines have been seen to give a program a signal that its
 * instruction does not raise, once in millions. So the host runs the case
 * again: if it says the same as before, the engine is wrong; if it now says
 * what the engine said, it has contradicted itself, which is counted. */
static void settle_doubts(const struct options *o, struct progress *p, struct native *n)
{
    for (unsigned i = 0; i < doubt_count; i++) {
        struct doubt *d = &doubts[i];
        if (d->index) {
            batch->cases[0] = batch->cases[d->index];
            memcpy(batch->states[0], batch->states[d->index], sizeof(batch->states[0]));
        }
        struct diff_case *c = &batch->cases[0];
        batch->case_count = 1;
        put_native_code(c, native_exit);
        native_run(n);
        drop_native_code(c);
        bool retracted = !c->dropped && results_equal(c, &batch->native[0][d->state], &d->got);
        if (retracted) {
            add(&p->unsteady, 1);
        } else {
            mismatch(o, p, c, d->state, &batch->states[0][d->state], &d->expected, &d->got);
        }
    }
    doubt_count = 0;
}

static void run_batch(const struct options *o, struct progress *p, struct native *n, uint64_t first,
                      uint64_t end)
{
    batch->case_count = (uint32_t)(end - first);
    for (uint32_t i = 0; i < batch->case_count; i++) {
        gen_case(o->seed, first + i, o->states, &batch->cases[i], batch->states[i]);
        put_native_code(&batch->cases[i], native_exit);
    }
    native_run(n);
    uint32_t count = batch->case_count;
    for (uint32_t i = 0; i < count; i++) {
        compare_case(o, p, i);
    }
    for (uint32_t i = 0; i < count; i++) {
        drop_native_code(&batch->cases[i]);
    }
    settle_doubts(o, p, n);
    atomic_store(&p->at, NO_CASE);
}

_Noreturn void worker_run(const struct options *o, struct progress *p, uint64_t first_batch)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setvbuf(stderr, NULL, _IOFBF, 1 << 16); /* reports of several workers stay whole */
    batch = mmap(NULL, sizeof(*batch), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (batch == MAP_FAILED) {
        perror("diff_test: memory for a batch");
        exit(2);
    }
    memory_map_arenas();
    struct native n;
    native_init(&n, batch);
    engine_init(0, o->one_insn_per_tb);

    if (o->single != NO_CASE) {
        run_batch(o, p, &n, o->single, o->single + 1);
    } else {
        for (uint64_t b = first_batch; b * BATCH_CASES < o->count && !atomic_load(&p->stop);
             b += o->jobs) {
            uint64_t end = (b + 1) * BATCH_CASES;
            run_batch(o, p, &n, b * BATCH_CASES, end < o->count ? end : o->count);
            atomic_store(&p->next, b + o->jobs);
        }
    }
    add(&p->crashes, n.crashes);
    native_stop(&n);
    exit(0);
}
