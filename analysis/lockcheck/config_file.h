/* Reading a configuration file: groups and keys by GKeyFile, and for each
 * mistake the line that it is on, which GKeyFile does not know. */
#ifndef LOCKCHECK_CONFIG_FILE_H
#define LOCKCHECK_CONFIG_FILE_H

#include <glib.h>
#include <stdbool.h>

struct config_file {
    GKeyFile *file;
    const char *name; /* for messages */
    const char *text;
    gsize length;
    GHashTable *lines; /* of headings and keys */
    const char *group; /* that the functions below are about */
    char *message;     /* the first mistake; to be freed */
};

/* A word and what it stands for; a list ends with {NULL, 0}. */
struct config_word {
    const char *word;
    int value;
};

/* False, with a message, if it is no such file. config_close leaves the
 * message. The text has to stay. */
bool config_open(struct config_file *c, const char *name, const char *text, gsize length);
void config_close(struct config_file *c);

/* Notes a mistake in the value of a key of the group, or (key NULL) in its
 * heading. Only the first is kept. */
void config_fail(struct config_file *c, const char *key, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
unsigned config_line(const struct config_file *c, const char *group, const char *key);

bool config_has(const struct config_file *c, const char *key);
/* NULL, without a mistake, if the key is not there. To be freed. */
char *config_text(struct config_file *c, const char *key);
char **config_list(struct config_file *c, const char *key);
const char *config_interned(struct config_file *c, const char *key);
bool config_flag(struct config_file *c, const char *key);
int config_word(struct config_file *c, const char *key, const struct config_word *words,
                int otherwise);
int config_find_word(struct config_file *c, const char *key, const struct config_word *words,
                     const char *value);
/* The number of an argument: from 1 in the file, from 0 for us. */
int config_argument(struct config_file *c, const char *key, int otherwise);

#endif
