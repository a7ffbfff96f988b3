/* What program.c, program_slots.c and program_components.c know of each other. */
#ifndef LOCKCHECK_PROGRAM_INTERNAL_H
#define LOCKCHECK_PROGRAM_INTERNAL_H

#include "program.h"

struct slot_graph;

struct program_index {
    GHashTable *by_ir;     /* struct ir_function * -> struct pfunction * */
    GHashTable *overrides; /* "unit:symbol" -> struct pfunction * that by_symbol does not have */
    GHashTable *globals_by_name; /* name -> GPtrArray of struct ir_variable */
    GHashTable *fields;          /* key -> GHashTable: name -> struct ir_variable */
    struct ir_unit *undeclared;  /* functions that are called, but nowhere declared */
    struct slot_graph *graph;
    GPtrArray *components;
};

/* What `symbol` means in a unit. Programs that are built from one tree may
 * define the same external name each for itself (main, say). */
struct pfunction *program_linked(const struct program *program, uint32_t unit, const char *symbol);

/* program_link.c: what a unit declares, together with what others declare by the
 * same name. */
void program_link_function(struct program *program, struct ir_function *ir, uint32_t unit);
void program_link_global(struct program *program, struct ir_variable *global);
void program_link_record(struct program *program, struct ir_record *record);
struct pfunction *program_add_function(struct program *program, struct ir_function *ir,
                                       uint32_t unit);
/* In index->overrides; to be freed. */
char *program_override_key(uint32_t unit, const char *symbol);

/* Follows function pointers; fills pcall.targets, slots, pfunction.stored. */
void program_resolve_slots(struct program *program);
/* Fills pcall.fatal. */
void program_find_fatal(struct program *program);
void slot_graph_free(struct slot_graph *graph);

#endif
