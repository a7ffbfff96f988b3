/* The cache: one file per translation unit with its intermediate
 * representation, so that a file that has not changed is not parsed again.
 * A cache file is named for the unit and valid for one compile command and one
 * build of this program (together its key), and as long as every file that was
 * read has the same size and modification time. A cache
 * file that is damaged, cut off or of another version is as good as none. */
#ifndef LOCKCHECK_STORE_H
#define LOCKCHECK_STORE_H

#include "compile_db.h"
#include "ir.h"

struct store;

/* The directory is made if it is not there. NULL and *message (to be freed) if
 * that is not possible. */
struct store *store_open(const char *directory, char **message);
/* One that nobody else uses and that is removed by store_close. */
struct store *store_open_temporary(char **message);
void store_close(struct store *store);

/* The unit of the command, or NULL if it has to be parsed. */
struct ir_unit *store_load(struct store *store, const struct compile_command *command);
/* The same after this run has parsed it: its dependencies are not looked at. */
struct ir_unit *store_load_new(struct store *store, const struct compile_command *command);
/* Replaces the file as a whole: others see the old one or the new one. */
int store_save(struct store *store, const struct compile_command *command,
               const struct ir_unit *unit, char **message) G_GNUC_WARN_UNUSED_RESULT;

/* The contents of a cache file; any bytes may be given to store_decode, which
 * gives NULL for those that are none, or have another key (NULL: any will do). `fresh` (or NULL for
 * always) is asked about the dependencies, of struct ir_dependency, before the rest is read. */
#define STORE_KEY_SIZE 32
typedef bool store_fresh_fn(const GPtrArray *dependencies, void *context);
GByteArray *store_encode(const struct ir_unit *unit, const uint8_t key[STORE_KEY_SIZE]);
struct ir_unit *store_decode(const void *data, size_t size, const uint8_t *key,
                             store_fresh_fn *fresh, void *context);
/* Any bytes with a header that fits them, for tests of store_decode. */
GByteArray *store_wrap(const void *data, size_t size);

#endif
