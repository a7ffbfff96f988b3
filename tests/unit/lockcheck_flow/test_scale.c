/* Large and odd programs, built of IR by hand: everything ends. */
#include "flow_test.h"

static const struct ir_loc somewhere = {"big.c", 1, 1};

static struct ir_value *of_function(const char *name)
{
    struct ir_value *value = ir_value_new(IR_VALUE_FUNC);

    value->text = g_intern_string(name);
    return value;
}

static struct ir_value *address_of(const char *global)
{
    struct ir_value *value = ir_value_new(IR_VALUE_ADDRESS);

    value->path = ir_path_new(IR_ROOT_GLOBAL, 0, g_intern_string(global));
    return value;
}

static void add_call(struct ir_block *block, const char *callee, struct ir_value *argument)
{
    struct ir_event *event = ir_event_new(IR_CALL, somewhere);

    event->callee = of_function(callee);
    event->result = -1;
    if (argument) {
        g_ptr_array_add(event->args, argument);
    }
    g_ptr_array_add(block->events, event);
}

static struct ir_block *add_block(struct ir_function *function, enum ir_exit_kind exit)
{
    struct ir_block *block = ir_block_new();

    block->exit = exit;
    block->loc = somewhere;
    g_ptr_array_add(function->blocks, block);
    return block;
}

static struct ir_function *add_function(struct ir_unit *unit, const char *name, bool body)
{
    struct ir_function *function = ir_function_new();

    function->symbol = function->name = g_intern_string(name);
    function->loc = function->end = somewhere;
    function->blocks = body ? ir_blocks_new() : NULL;
    g_ptr_array_add(unit->functions, function);
    return function;
}

static void declare(struct ir_unit *unit)
{
    struct ir_variable *mutex = ir_variable_new();

    (void)add_function(unit, "pthread_mutex_lock", false);
    (void)add_function(unit, "pthread_mutex_unlock", false);
    mutex->name = mutex->symbol = g_intern_string("m");
    mutex->type.name = mutex->type.spelling = g_intern_string("pthread_mutex_t");
    mutex->definition = true;
    g_ptr_array_add(unit->globals, mutex);
}

static struct findings *analyse(struct ir_unit *unit)
{
    GPtrArray *units = g_ptr_array_new();
    struct rules *rules = rules_new();
    struct findings *findings = findings_new();
    struct program *program;
    struct order_graph *graph;

    g_ptr_array_add(units, unit);
    program = program_new(units, rules);
    flow_run(program, findings);
    graph = order_graph_new(program);
    check_order(program, graph, findings);
    check_declared_order(program, graph, findings);
    order_graph_free(graph);
    flow_free(program);
    program_free(program);
    rules_free(rules);
    return findings;
}

static void test_chain_of_100000_functions(void **state)
{
    enum { COUNT = 100000 };
    struct ir_unit *unit = ir_unit_new("big.c");
    struct findings *findings;

    (void)state;
    declare(unit);
    for (int i = 0; i < COUNT; i++) {
        char name[32], next[32];
        struct ir_function *function;
        struct ir_block *block;

        g_snprintf(name, sizeof name, "f%d", i);
        g_snprintf(next, sizeof next, "f%d", i + 1);
        function = add_function(unit, name, true);
        block = add_block(function, IR_RETURN);
        if (i + 1 < COUNT) {
            add_call(block, next, NULL);
        } else {
            add_call(block, "pthread_mutex_lock", address_of("m"));
            add_call(block, "pthread_mutex_unlock", address_of("m"));
        }
    }
    findings = analyse(unit);
    flow_test_assert_findings(findings, "");
    findings_free(findings);
}

/* Each calls itself, the next and the first: one knot. */
static void test_knot_of_3000_functions(void **state)
{
    enum { COUNT = 3000 };
    struct ir_unit *unit = ir_unit_new("big.c");
    struct findings *findings;

    (void)state;
    declare(unit);
    for (int i = 0; i < COUNT; i++) {
        char name[32], next[32];
        struct ir_function *function;
        struct ir_block *block;

        g_snprintf(name, sizeof name, "f%d", i);
        g_snprintf(next, sizeof next, "f%d", (i + 1) % COUNT);
        function = add_function(unit, name, true);
        block = add_block(function, IR_BRANCH);
        block->next[0] = 1;
        block->next[1] = 2;
        block->value = ir_value_new(IR_VALUE_UNKNOWN);
        block = add_block(function, IR_GOTO);
        block->next[0] = 2;
        add_call(block, next, NULL);
        add_call(block, "f0", NULL);
        add_call(block, name, NULL);
        block = add_block(function, IR_RETURN);
        add_call(block, "pthread_mutex_lock", address_of("m"));
        add_call(block, "pthread_mutex_unlock", address_of("m"));
    }
    findings = analyse(unit);
    flow_test_assert_findings(findings, "");
    findings_free(findings);
}

/* Diamonds in a row, each with a condition of its own: 2^N paths. */
static void add_diamonds(struct ir_function *function, guint count)
{
    for (guint i = 0; i < count; i++) {
        struct ir_block *fork = add_block(function, IR_BRANCH), *left, *right;
        char name[32];
        guint base = function->blocks->len;

        g_snprintf(name, sizeof name, "g%u", i);
        fork->value = ir_value_new(IR_VALUE_LOAD);
        fork->value->path = ir_path_new(IR_ROOT_GLOBAL, 0, g_intern_string(name));
        fork->next[0] = base;
        fork->next[1] = base + 1;
        left = add_block(function, IR_GOTO);
        right = add_block(function, IR_GOTO);
        left->next[0] = right->next[0] = base + 2;
        if (i % 7 == 0) {
            add_call(left, "pthread_mutex_lock", address_of("m"));
            add_call(left, "pthread_mutex_unlock", address_of("m"));
        }
    }
    (void)add_block(function, IR_RETURN);
}

static void test_function_of_30000_blocks(void **state)
{
    struct ir_unit *unit = ir_unit_new("big.c");
    struct findings *findings;

    (void)state;
    declare(unit);
    add_diamonds(add_function(unit, "f", true), 10000);
    findings = analyse(unit);
    flow_test_assert_findings(findings, "");
    findings_free(findings);
}

static void test_conditions_without_end(void **state)
{
    struct ir_unit *unit = ir_unit_new("big.c");
    struct findings *findings;

    (void)state;
    declare(unit);
    for (int i = 0; i < 40; i++) {
        char name[32];

        g_snprintf(name, sizeof name, "f%d", i);
        add_diamonds(add_function(unit, name, true), 60);
    }
    findings = analyse(unit);
    flow_test_assert_findings(findings, "");
    findings_free(findings);
}

static void test_blocks_that_lead_nowhere(void **state)
{
    struct ir_unit *unit = ir_unit_new("big.c");
    struct ir_function *function = add_function(unit, "f", true);
    struct ir_block *block = add_block(function, IR_BRANCH);
    struct findings *findings;

    (void)state;
    block->next[0] = 4711;
    block->next[1] = 0;
    (void)add_function(unit, "g", true); /* no blocks at all */
    findings = analyse(unit);
    flow_test_assert_findings(findings, "");
    findings_free(findings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_of_100000_functions),
        cmocka_unit_test(test_knot_of_3000_functions),
        cmocka_unit_test(test_function_of_30000_blocks),
        cmocka_unit_test(test_conditions_without_end),
        cmocka_unit_test(test_blocks_that_lead_nowhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
