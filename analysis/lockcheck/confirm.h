/* What a program has recorded of its own lock order, against the static graph.
 * A record is a text file with a line for each pair of lock classes, the
 * second of which was taken while the first was held:
 *
 *     EDGE "FIRST" "SECOND" [FILE:LINE FILE:LINE]
 *
 * the places being where each was taken. Lines that start with # are comments.
 * Names are those that the program itself uses: of a class object that a lock
 * is initialised with (`mutex_init(&q->lock, &queue_class)`, or an initialiser
 * that contains &queue_class), or of the lock as the checker names it. */
#ifndef LOCKCHECK_CONFIRM_H
#define LOCKCHECK_CONFIRM_H

#include "finding.h"
#include "flow.h"

struct confirm;

struct confirm *confirm_new(void);
void confirm_free(struct confirm *confirm);
/* A file, or all files of a directory. What cannot be read is an `input`
 * finding. */
void confirm_load(struct confirm *confirm, const char *path, struct findings *findings);
void confirm_parse(struct confirm *confirm, const char *name, const char *text, gsize length,
                   struct findings *findings);
guint confirm_count(const struct confirm *confirm);
/* An `unpredicted-edge` finding for each edge that the graph lacks. `files`:
 * set of the paths that were analysed. */
void confirm_check(const struct confirm *confirm, const struct program *program,
                   const struct order_graph *graph, GHashTable *files, struct findings *findings);

#endif
