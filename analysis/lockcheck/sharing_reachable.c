/* Which structs more than one thread can get at: what hangs off a global, what
 * is handed to a thread, and what contains or is pointed to by such a struct. */
#include <string.h>

#include "sharing.h"

/* Records that more than one thread can get at. */
struct reachable {
    const struct sharing *sharing;
    GHashTable *keys;
    GPtrArray *queue;
};

static void reach_type(struct reachable *r, const struct ir_type *type)
{
    if (type->record && g_hash_table_add(r->keys, (gpointer)type->record)) {
        g_ptr_array_add(r->queue, (gpointer)type->record);
    }
}

static void reach_fields(struct reachable *r)
{
    while (r->queue->len > 0) {
        const struct ir_record *record = program_record(
            r->sharing->program, g_ptr_array_remove_index(r->queue, r->queue->len - 1));

        for (guint i = 0; record && i < record->fields->len; i++) {
            reach_type(r, &((const struct ir_variable *)record->fields->pdata[i])->type);
        }
    }
}

/* What an entry makes of its argument: `struct pipe *pipe = opaque`. */
static void reach_entry(struct reachable *r, const struct pfunction *function)
{
    const struct ir_function *ir = function->ir;

    for (guint i = 0; i < ir->params->len; i++) {
        reach_type(r, &((const struct ir_variable *)ir->params->pdata[i])->type);
    }
    for (guint b = 0; b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];

            if (event->kind == IR_SET && event->path->root == IR_ROOT_LOCAL &&
                event->path->steps->len == 0 && event->path->index < ir->locals->len &&
                event->value && event->value->kind == IR_VALUE_LOAD &&
                event->value->path->root == IR_ROOT_PARAM && event->value->path->steps->len == 0) {
                reach_type(r, &((struct ir_variable *)ir->locals->pdata[event->path->index])->type);
            }
        }
    }
}

/* container_of: the object around one that is reachable is so, too. */
static bool reach_containers(struct reachable *r, const struct pfunction *function)
{
    const struct ir_function *ir = function->ir;
    guint before = g_hash_table_size(r->keys);

    for (guint b = 0; ir->blocks && b < ir->blocks->len; b++) {
        const struct ir_block *block = ir->blocks->pdata[b];

        for (guint e = 0; e < block->events->len; e++) {
            const struct ir_event *event = block->events->pdata[e];
            const struct ir_value *inner =
                event->kind == IR_SET && event->value && event->value->kind == IR_VALUE_OFFSET
                    ? event->value->a
                    : NULL;
            const struct ir_variable *from;

            if (!inner || !inner->path || event->path->root != IR_ROOT_LOCAL ||
                event->path->index >= ir->locals->len) {
                continue;
            }
            from = program_variable(r->sharing->program, inner->path, ir);
            if (from && from->type.record && g_hash_table_contains(r->keys, from->type.record)) {
                reach_type(r, &((struct ir_variable *)ir->locals->pdata[event->path->index])->type);
            }
        }
    }
    return g_hash_table_size(r->keys) > before;
}

GHashTable *sharing_reachable_records(const struct sharing *sharing)
{
    const struct program *program = sharing->program;
    struct reachable r = {.sharing = sharing};
    GHashTableIter iter;
    gpointer value;
    bool more = true;

    r.keys = g_hash_table_new(g_str_hash, g_str_equal);
    r.queue = g_ptr_array_new();
    g_hash_table_iter_init(&iter, program->globals);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct ir_variable *global = value;

        if (!global->thread_local) {
            reach_type(&r, &global->type);
        }
    }
    for (guint i = 0; i < sharing->entries->list->len; i++) {
        const struct entry *entry = sharing->entries->list->pdata[i];

        if (strcmp(entry->function->ir->name, "main") != 0) {
            reach_entry(&r, entry->function);
        }
    }
    for (guint pass = 0; more && pass < 8; pass++) {
        more = false;
        reach_fields(&r);
        for (guint i = 0; i < program->functions->len; i++) {
            more = reach_containers(&r, program->functions->pdata[i]) || more;
        }
    }
    reach_fields(&r);
    g_ptr_array_unref(r.queue);
    return r.keys;
}
