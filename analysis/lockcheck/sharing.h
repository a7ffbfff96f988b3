/* Who touches which global and which field: what check_sharing.c and
 * sharing_locksets.c know together. */
#ifndef LOCKCHECK_SHARING_H
#define LOCKCHECK_SHARING_H

#include "entries.h"
#include "flow.h"
#include "fresh.h"
#include "phase.h"

/* One kind of thread that touches a variable, and where. */
struct toucher {
    const struct entry *entry; /* NULL: no entry that we know leads there */
    const struct pfunction *function;
    struct ir_loc loc;
    bool writes;
};

/* An access, and the locks that are surely held at it. */
struct locked_access {
    const struct pfunction *function;
    struct ir_loc loc;
    bool writes;
    GPtrArray *held; /* of struct lock_class; owned */
};

struct usage {
    const struct ir_variable *variable;
    const struct ir_record *record; /* that it is a field of, or NULL */
    GArray *touchers;               /* of struct toucher, of different kinds */
    guint kinds;                    /* of threads; one of which there may be many counts twice */
    bool written;                   /* after others could see it */
    /* sharing_locksets.c: */
    GHashTable *locks; /* struct lock_class -> number of accesses with it held */
    guint accesses;
    GArray *seen; /* of struct locked_access */
};

struct sharing {
    struct program *program;
    struct findings *findings;
    struct entries *entries;
    struct fresh *fresh;
    struct phases *phases;
    GHashTable *usages; /* struct ir_variable -> struct usage */
};

/* The variable that an event touches, and whether it writes it; false for a
 * local, for what is not shared yet, and for what is nobody's business. */
bool sharing_access(const struct sharing *sharing, const struct pfunction *function,
                    const struct ir_event *event, const struct ir_variable **variable,
                    const struct ir_record **record, bool *writes);
/* "struct queue.length". */
char *sharing_name(const struct usage *usage);
void sharing_note_touchers(struct finding *finding, const struct usage *usage);

/* Keys of the records that more than one thread can get at; to be freed. */
GHashTable *sharing_reachable_records(const struct sharing *sharing);

/* Programs without annotations: is a lock held at all accesses? */
void sharing_check_locksets(struct sharing *sharing);

#endif
