/* compile_commands.json: how each file of a project is compiled. */
#ifndef LOCKCHECK_COMPILE_DB_H
#define LOCKCHECK_COMPILE_DB_H

#include <glib.h>

struct compile_command {
    char *file;           /* absolute */
    char *directory;      /* absolute; where the compiler ran */
    GPtrArray *arguments; /* of char *, NULL at the end; [0] is the compiler */
};

struct compile_db {
    GPtrArray *commands;        /* of struct compile_command, in the order of the file */
    GPtrArray *other_languages; /* of char *: files left out, in C++, assembler and so on */
    guint duplicates;           /* entries left out: of a file that was there already */
};

/* The database of a directory (or the file itself). NULL and *message (to be
 * freed), one line that names the file and the reason. */
struct compile_db *compile_db_load(const char *path, char **message);
/* The same from memory; relative directories are relative to `base`. */
struct compile_db *compile_db_parse(const char *name, const char *text, gsize length,
                                    const char *base, char **message);
/* All files compiled with the same arguments, as `tool FILE... -- ARGUMENT...`
 * has it. */
struct compile_db *compile_db_fixed(const char *const *files, const char *const *arguments);
void compile_db_free(struct compile_db *db);

/* Keeps the commands whose file is one of `files`, or lies in one of them if
 * that is a directory; puts what matches nothing into *missing (of char *). */
void compile_db_select(struct compile_db *db, const char *const *files, GPtrArray *missing);
/* Drops the commands whose file matches one of the patterns (glob.h), as a
 * whole or from some slash on. */
void compile_db_exclude(struct compile_db *db, const char *const *patterns);

#endif
