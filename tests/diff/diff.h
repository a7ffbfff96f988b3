/* The differential tester, as its parts see each other.
 *
 * A case is a short piece of guest code; it is run from several initial
 * states, natively by a sandboxed child process and by the engine in the
 * worker process, at the same guest addresses, and everything a program
 * could observe is compared. A batch of cases, its states and the child's
 * results live in memory that the worker and its child share. */
#ifndef MORTISE_DIFF_DIFF_H
#define MORTISE_DIFF_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rng.h"

/* Guest memory. Each region has a window of code slots, one per case of a
 * batch, and a data arena within reach of rip-relative operands: writable
 * pages, then a read-only page, with nothing mapped around them. */
enum { REGION_NEAR, REGION_FAR, REGION_LOW, REGIONS };

#define PAGE           4096u
#define SLOT_SIZE      (2 * PAGE) /* code of one case; all of it executable */
#define BATCH_CASES    32u
#define CODE_SIZE      (BATCH_CASES * SLOT_SIZE)
#define ARENA_RW       (2 * PAGE)
#define ARENA_SIZE     (ARENA_RW + PAGE)
#define CODE_MAX       160u /* bytes of one case's code */
#define INSNS_MAX      8u
#define STATES_MAX     32u
#define XSAVE_MAX      4096u
#define PATCHES_MAX    8u
#define PATCH_BYTES    72u
#define LINE           64u
#define ARENA_LINES    (ARENA_RW / LINE)
#define LINES_KEPT     48u
#define GUEST_FLAGS    0x240dd5u /* flags that user code controls, but TF */
#define COMPARED_FLAGS 0x243fd5u /* not RF; not NT, which does not survive every interrupt */

struct region {
    uint64_t code, arena;
};
extern const struct region regions[REGIONS];

/* Bytes put into an arena before a run, besides its random content. */
struct patch {
    uint8_t region;
    uint16_t offset, size;
    uint8_t bytes[PATCH_BYTES];
};

struct diff_state {
    _Alignas(64) uint8_t xsave[XSAVE_MAX];
    uint64_t gpr[16];
    uint64_t rflags;
    uint32_t patch_count;
    struct patch patches[PATCHES_MAX];
};

struct diff_case {
    uint64_t number;
    uint64_t start, end; /* guest addresses: first instruction, behind the last */
    uint8_t code[CODE_MAX];
    uint8_t tail[22]; /* behind the code: natively, the jump back */
    uint32_t code_len;
    uint32_t slot;
    uint8_t region;
    uint8_t arenas; /* bit n: arena n is filled and compared */
    uint8_t insn_count;
    uint8_t insn_off[INSNS_MAX]; /* offsets in code */
    uint64_t fs_base, gs_base;
    bool use_fs, use_gs;
    bool no_values;       /* only how it ends is compared */
    bool no_memory;       /* memory and vector state are not compared */
    bool xstate;          /* XSAVE or its kin: RAX says which components */
    bool x87;             /* FIP, FDP and FOP are not compared */
    bool segments;        /* loads segment registers */
    bool wide;            /* state-saving and masked operands: which of their bytes faults is up to
                             the CPU */
    bool far_return;      /* RETF or IRET: which fault comes first is not compared */
    uint64_t memory_seed; /* content of the arenas */
    uint32_t state_count;
    bool dropped; /* by the native side: ran too long or broke the child */
};

enum outcome {
    OUTCOME_NONE,
    OUTCOME_INT3,    /* rip is behind it */
    OUTCOME_FAULT,   /* signal: the fields below */
    OUTCOME_NOCODE,  /* instruction fetch failed */
    OUTCOME_SYSCALL, /* the engine left for a system call */
    OUTCOME_SKIP,    /* can't be compared (single-step trap, system call, ...) */
    OUTCOME_TIMEOUT,
};

/* A changed line of an arena. */
struct line {
    uint8_t region;
    uint16_t offset;
    uint8_t bytes[LINE];
};

struct diff_result {
    _Alignas(64) uint8_t xsave[XSAVE_MAX];
    uint64_t gpr[16];
    uint64_t rip, rflags;
    uint64_t unknown_flags; /* engine: not compared */
    uint32_t outcome;       /* enum outcome */
    int32_t signo, code;
    uint64_t addr;
    uint32_t line_count; /* changed lines; the first LINES_KEPT of them are kept */
    uint64_t line_hash;  /* of all of them */
    struct line lines[LINES_KEPT];
};

struct batch {
    uint32_t case_count;
    uint32_t states_per_case;
    struct diff_case cases[BATCH_CASES];
    struct diff_state states[BATCH_CASES][STATES_MAX];
    struct diff_result native[BATCH_CASES][STATES_MAX];

    /* Progress of the child, watched by the worker. */
    _Atomic(uint64_t) run;    /* counts states begun */
    _Atomic(uint64_t) cancel; /* the run that is to be given up */
    _Atomic(uint32_t) at_case;
};

/* --- memory.c: guest memory, common to both sides --- */

/* Maps the arenas, private to this process, filled with nothing yet. */
void memory_map_arenas(void);

/* Fills the case's arenas from its seed, in place and in the pristine copy. */
void memory_fill(const struct diff_case *c);
void memory_apply(const struct diff_state *st);

/* Which lines differ from pristine content; undoes all changes, patches included. */
void memory_collect(const struct diff_case *c, struct diff_result *res);

/* Content at a guest address before the run (patches not applied). */
const uint8_t *memory_pristine(int region);

/* --- values.c --- */
uint64_t value_random(struct rng *r);
void values_fill(struct rng *r, uint8_t *dst, size_t len); /* len: multiple of 8 */
void state_random(struct rng *r, struct diff_state *st);

/* --- xsave.c: the standard format, as far as the guest sees it --- */
void xsave_init(void);
uint64_t xsave_mask(void);
size_t xsave_size(void);
/* Writes bytes into vector register n at byte offset `at` (0..63). */
void xsave_set_vector(uint8_t *img, unsigned n, unsigned at, const void *src, unsigned len);
/* Components in their initial state are written out, reserved parts cleared. */
void xsave_normalise(uint8_t *img, bool mask_x87_pointers);
/* Says what byte offset `at` is, in buf. */
const char *xsave_where(size_t at, char *buf, size_t size);

#endif
