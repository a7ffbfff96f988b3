/* A unit that has one of everything that a unit can have. */
#ifndef SAMPLE_UNIT_H
#define SAMPLE_UNIT_H

#include "ir.h"

static inline struct ir_variable *sample_variable(const char *name)
{
    struct ir_variable *v = ir_variable_new();

    v->name = name;
    v->symbol = "/p/x.c:v";
    v->type = (struct ir_type){.spelling = "struct s *const",
                               .name = "struct s",
                               .record = "c:@S@s",
                               .pointers = 2,
                               .array = true,
                               .is_const = true,
                               .atomic = true,
                               .function = true,
                               .is_volatile = true};
    v->loc = (struct ir_loc){"/p/x.h", 123456, 7};
    v->cleanup = "unlock";
    v->function = "f";
    v->is_static = v->thread_local = v->definition = true;
    g_ptr_array_add(v->annotations, (gpointer)(uintptr_t)"lockcheck:guarded_by:&lock");
    return v;
}

static inline struct ir_value *sample_value(unsigned depth)
{
    struct ir_value *v;

    if (depth == 0) {
        v = ir_value_new(IR_VALUE_INT);
        v->number = INT64_MIN;
        return v;
    }
    v = ir_value_new(IR_VALUE_COMPARE);
    v->op = IR_GE;
    v->a = ir_value_new(IR_VALUE_LOAD);
    v->a->path = ir_path_new(IR_ROOT_PARAM, 0, NULL);
    ir_path_add(v->a->path, (struct ir_step){IR_STEP_DEREF, NULL, NULL, NULL});
    ir_path_add(v->a->path, (struct ir_step){IR_STEP_FIELD, "c:@S@s", "field", NULL});
    ir_path_add(v->a->path, (struct ir_step){IR_STEP_INDEX, NULL, "i + 1", sample_value(0)});
    v->b = ir_value_new(IR_VALUE_NOT);
    v->b->a = sample_value(depth - 1);
    return v;
}

static inline struct ir_function *sample_function(void)
{
    struct ir_function *f = ir_function_new();
    struct ir_block *first = ir_block_new(), *second = ir_block_new();
    struct ir_event *call = ir_event_new(IR_CALL, (struct ir_loc){"/p/x.c", 5, 3});
    struct ir_event *set = ir_event_new(IR_SET, (struct ir_loc){"/p/x.c", 6, 1});

    f->symbol = "/p/x.c:f";
    f->name = "f";
    f->loc = (struct ir_loc){"/p/x.c", 4, 1};
    f->end = (struct ir_loc){"/p/x.c", 9, 1};
    f->stated = (struct ir_loc){"/p/x.h", 2, 1};
    f->is_static = f->is_noreturn = f->returns_value = f->returns_pointer = true;
    g_ptr_array_add(f->params, sample_variable("p"));
    g_ptr_array_add(f->locals, sample_variable("l"));
    f->blocks = ir_blocks_new();
    g_ptr_array_add(f->blocks, first);
    g_ptr_array_add(f->blocks, second);
    call->callee = ir_value_new(IR_VALUE_FUNC);
    call->callee->text = "pthread_mutex_lock";
    g_ptr_array_add(call->args, sample_value(2));
    g_ptr_array_add(call->args, ir_value_new(IR_VALUE_UNKNOWN));
    call->result = 0;
    call->macro = "LOCK";
    call->cleanup = true;
    set->path = ir_path_new(IR_ROOT_GLOBAL, 0, "g");
    set->value = ir_value_new(IR_VALUE_STRING);
    set->value->text = "text \xff";
    set->atomic = true;
    g_ptr_array_add(first->events, call);
    g_ptr_array_add(first->events, set);
    first->exit = IR_BRANCH;
    first->value = sample_value(1);
    first->next[0] = 1;
    first->loc = (struct ir_loc){"/p/x.c", 7, 1};
    second->exit = IR_RETURN;
    return f;
}

static inline struct ir_unit *sample_unit(const char *file)
{
    struct ir_unit *unit = ir_unit_new(file);
    struct ir_record *record = ir_record_new();
    struct ir_function *declaration = ir_function_new();
    struct ir_dependency *dependency = g_new0(struct ir_dependency, 1);

    declaration->symbol = declaration->name = "declared";
    g_ptr_array_add(declaration->annotations, (gpointer)(uintptr_t)"lockcheck:may_block:");
    g_ptr_array_add(unit->functions, sample_function());
    g_ptr_array_add(unit->functions, declaration);
    g_ptr_array_add(unit->globals, sample_variable("g"));
    record->key = "c:@S@s";
    record->name = "struct s";
    record->loc = (struct ir_loc){"/p/x.h", 1, 1};
    g_ptr_array_add(record->fields, sample_variable("field"));
    g_ptr_array_add(unit->records, record);
    g_ptr_array_add(unit->errors, g_strdup("/p/x.c:1:1: wrong"));
    dependency->path = g_intern_string(file);
    dependency->size = 17;
    dependency->mtime_ns = -5;
    g_ptr_array_add(unit->dependencies, dependency);
    return unit;
}

#endif
