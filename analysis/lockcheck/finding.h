/* What the checker has to say. A finding has a check's id, a place, a
 * sentence, and notes that lead the reader there step by step, like a
 * compiler's. Collected in a list, sorted, filtered by suppressions and
 * written by output_*.c. */
#ifndef LOCKCHECK_FINDING_H
#define LOCKCHECK_FINDING_H

#include "ir.h"

enum check_id {
    CHECK_LOCK_ORDER,     /* "lock-order": a cycle in the order graph */
    CHECK_SELF_DEADLOCK,  /* "self-deadlock": a lock taken while it is held */
    CHECK_DECLARED_ORDER, /* "declared-order": an edge against or outside the declared order */
    CHECK_UNUSED_ORDER,   /* "unused-order": (note) declared, used by no path */
    CHECK_CONTRACT, /* "contract": a function stored where its contract does not fit, or a call that
                       does not satisfy one */
    CHECK_UNSTATED, /* "unstated-contract": relies on its callers and does not say so; off unless
                       asked for */
    CHECK_UNRESOLVED, /* "unresolved-call": (note) through a pointer whose targets are unknown */
    CHECK_ROLE,       /* "thread-role" */
    CHECK_BLOCKING,   /* "blocking" */
    CHECK_SHARING,    /* "sharing": no annotation says who may touch it */
    CHECK_GUARD,      /* "missing-guard": access without the lock that guards */
    CHECK_RCU,        /* "rcu" */
    CHECK_BALANCE,    /* "balance": a path leaks a lock */
    CHECK_DOUBLE_RELEASE, /* "double-release": released though not held */
    CHECK_WAIT,        /* "wait": a condition wait or a join that holds what the other side needs */
    CHECK_KEY_ORDER,   /* "key-order": several of a keyed class out of order */
    CHECK_ANNOTATION,  /* "annotation": one that makes no sense */
    CHECK_SUPPRESSION, /* "suppression": unused or without a reason */
    CHECK_SOUNDNESS,   /* "unpredicted-edge": seen at run time, not by us (--confirm) */
    CHECK_INPUT,       /* "input": a file that could not be read or parsed */
    CHECK_COUNT,
};

enum severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding_note {
    struct ir_loc loc;
    char *text;
};

struct finding {
    enum check_id check;
    enum severity severity;
    struct ir_loc loc;
    char *text;           /* one sentence, without full stop */
    const char *function; /* symbol of the function that it is in, or NULL */
    GPtrArray *notes;     /* of struct finding_note */
    char *suppressed;     /* the reason, if a suppression covers it; otherwise NULL */
    bool in_source;       /* suppressed: by a comment or annotation, not by a file */
};

struct findings {
    GPtrArray *list;  /* of struct finding */
    GHashTable *seen; /* set of the findings in list, by check, place and text */
};

const char *check_name(enum check_id check);
/* For --explain: several sentences, what it means and how to mend it. */
const char *check_explanation(enum check_id check);
bool check_from_name(const char *name, enum check_id *out);

struct findings *findings_new(void);
void findings_free(struct findings *findings);
/* Adds a finding and returns it, so that notes can be added to it. The same
 * check, place and text twice is one finding: the second gets NULL. */
struct finding *findings_add(struct findings *findings, enum check_id check, enum severity severity,
                             struct ir_loc loc, const char *function, const char *format, ...)
    G_GNUC_PRINTF(6, 7);
/* Does nothing if finding is NULL. */
void finding_note(struct finding *finding, struct ir_loc loc, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* By place, then check and text: the same for the same program, always. */
void findings_sort(struct findings *findings);

/* One line about the check, for --list-checks and for SARIF. */
const char *check_summary(enum check_id check);
const char *severity_name(enum severity severity);

#endif
