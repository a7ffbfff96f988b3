/* Suppressions: findings that somebody has looked at and found harmless, with
 * the reason. They come from three places:
 *   - a file, a line each:   CHECK PATH[:LINE|:FUNCTION] REASON...
 *   - comments:              // lockcheck: suppress CHECK REASON...
 *     on the line of the finding or the line before it;
 *   - annotations:           lockcheck:suppress:CHECK, REASON on a function.
 * One without a reason, of an unknown check or that nothing needs is a finding
 * itself. */
#ifndef LOCKCHECK_SUPPRESS_H
#define LOCKCHECK_SUPPRESS_H

#include "finding.h"
#include "program.h"

struct suppressions;

struct suppressions *suppressions_new(void);
void suppressions_free(struct suppressions *suppressions);

/* What does not parse is reported. The file's name is for messages; it need
 * not exist. */
void suppressions_parse(struct suppressions *suppressions, const char *name, const char *text,
                        gsize length, struct findings *findings);
/* Comments in one source file. */
void suppressions_scan(struct suppressions *suppressions, const char *path, const char *text,
                       gsize length, struct findings *findings);
/* Those on functions. */
void suppressions_add_annotations(struct suppressions *suppressions, const struct program *program,
                                  struct findings *findings);

/* Marks what is covered (finding.suppressed) and reports suppressions that
 * cover nothing, unless their check is off. `whole`: all of the program was
 * analysed; otherwise a suppression for a file that is not in `files` (a set
 * of paths) may well be of use another time. */
void suppressions_apply(struct suppressions *suppressions, struct findings *findings,
                        const bool enabled[CHECK_COUNT], bool whole, GHashTable *files);

#endif
