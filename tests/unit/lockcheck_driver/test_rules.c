/* What is known by name, and what a configuration file adds. */
#include "driver_test.h"

#include "annotation.h"
#include "rules.h"

static struct rules *with(const char *config)
{
    struct rules *rules = rules_new();
    char *message;

    if (rules_parse(rules, "conf", config, strlen(config), &message) != 0) {
        fail_msg("not accepted: %s", message);
    }
    return rules;
}

static void assert_rejected(const char *config, const char *reason)
{
    struct rules *rules = rules_new();
    char *message = NULL;

    assert_int_not_equal(rules_parse(rules, "conf", config, strlen(config), &message), 0);
    assert_contains(message, reason);
    g_free(message);
    rules_free(rules);
}

static const struct rule *find(const struct rules *rules, const char *function, enum rule_kind kind)
{
    for (const struct rule *const *r = rules_of(rules, function); *r; r++) {
        if ((*r)->kind == kind) {
            return *r;
        }
    }
    fail_msg("%s has no rule of kind %d", function, (int)kind);
    return NULL;
}

static void test_well_known_functions_are_known(void **state)
{
    struct rules *rules = rules_new();

    (void)state;
    assert_int_equal(find(rules, "pthread_mutex_lock", RULE_ACQUIRE)->lock, 0);
    assert_int_equal(find(rules, "pthread_mutex_trylock", RULE_TRY_ACQUIRE)->success, RESULT_ZERO);
    assert_int_equal(find(rules, "g_mutex_trylock", RULE_TRY_ACQUIRE)->success, RESULT_NONZERO);
    assert_int_equal(find(rules, "pthread_rwlock_rdlock", RULE_ACQUIRE)->mode, RULE_SHARED);
    assert_int_equal(find(rules, "pthread_rwlock_unlock", RULE_RELEASE)->mode, RULE_ANY);
    assert_int_equal(find(rules, "pthread_cond_wait", RULE_WAIT)->lock, 1);
    assert_int_equal(find(rules, "pthread_create", RULE_THREAD_CREATE)->callback, 2);
    assert_string_equal(find(rules, "urcu_memb_call_rcu", RULE_RCU_CALL)->role, "rcu");
    assert_true(find(rules, "ck_spinlock_fas_lock", RULE_ACQUIRE)->nonblocking);
    assert_string_equal(find(rules, "signal", RULE_CALLBACK_LATER)->role, "signal");
    (void)find(rules, "sem_wait", RULE_BLOCK);
    (void)find(rules, "qsort", RULE_CALLBACK);
    assert_null(rules_of(rules, "my_function")[0]);
    assert_int_equal(rules_lock_type(rules, "GRecMutex")->recursion, LOCK_RECURSIVE);
    assert_null(rules_lock_type(rules, "int"));
    rules_free(rules);
}

static void test_a_function_of_the_configuration_replaces_what_was_known(void **state)
{
    struct rules *rules = with("[function my_lock]\n"
                               "kind = acquire; block\n"
                               "lock = 2\n"
                               "mode = shared\n"
                               "[function qsort]\n"
                               "kind = free\n"
                               "[function log_*]\n"
                               "kind = block\n"
                               "[function log_fast_*]\n"
                               "kind = noreturn\n");

    (void)state;
    assert_int_equal(find(rules, "my_lock", RULE_ACQUIRE)->lock, 1);
    assert_int_equal(find(rules, "my_lock", RULE_ACQUIRE)->mode, RULE_SHARED);
    (void)find(rules, "my_lock", RULE_BLOCK);
    assert_int_equal(rules_of(rules, "qsort")[0]->kind, RULE_FREE);
    assert_null(rules_of(rules, "qsort")[1]);
    (void)find(rules, "log_line", RULE_BLOCK);
    assert_int_equal(rules_of(rules, "log_fast_line")[0]->kind, RULE_NORETURN);
    assert_null(rules_of(rules, "log_fast_line")[1]);
    rules_free(rules);
}

static void test_a_wrapper_is_like_another_function(void **state)
{
    struct rules *rules =
        with("[wrapper queue_lock]\nlike = pthread_mutex_lock\nlock = 2\n"
             "[wrapper spawn]\nlike = pthread_create\ncallback = 1\ndata = 2\nrole = worker\n");

    (void)state;
    assert_int_equal(find(rules, "queue_lock", RULE_ACQUIRE)->lock, 1);
    assert_int_equal(find(rules, "spawn", RULE_THREAD_CREATE)->callback, 0);
    assert_string_equal(find(rules, "spawn", RULE_THREAD_CREATE)->role, "worker");
    rules_free(rules);
}

static void test_mistakes_are_errors_with_their_line(void **state)
{
    (void)state;
    assert_rejected("[function f]\nkind = acquire\nlok = 1\n",
                    "conf:3: [function f] has no key \"lok\"");
    assert_rejected("\n\n[function f]\nkind = aquire\n",
                    "conf:4: kind: \"aquire\" is none of acquire,");
    assert_rejected("[fnuction f]\n", "conf:1: no group is called [fnuction f]");
    assert_rejected("[function]\nkind = block\n", "conf:1: [function] needs a name");
    assert_rejected("[function f]\nkind = acquire\nlock = 0\n",
                    "conf:3: lock is the number of an argument");
    assert_rejected("[function f]\nkind = thread-create\n", "conf:2: thread-create needs callback");
    assert_rejected("[function f]\nmode = shared\n", "conf:2: mode means nothing without kind");
    assert_rejected("[wrapper f]\nlike = nothing\n", "conf:2: like has to name a function");
    assert_rejected("[class a]\nkeyed =\n", "conf:2: keyed has no value");
    assert_rejected("# comment\n\nnonsense\n", "conf:3: ");
    assert_rejected("[project]\ndisable = x\nexcludes = y\n",
                    "conf:3: [project] has no key \"excludes\"");
    assert_rejected("[lock-type t]\nnonblocking = yes\n", "conf:2: nonblocking is true or false");
}

static bool has_annotation(const GPtrArray *annotations, const char *text)
{
    for (guint i = 0; i < annotations->len; i++) {
        if (strcmp(annotations->pdata[i], text) == 0) {
            return true;
        }
    }
    return false;
}

static void test_declarations_get_the_annotations_of_the_configuration(void **state)
{
    struct rules *rules = with("[function flush]\nrequires = &q->lock; big_lock\n"
                               "[class struct queue.lock]\nkeyed = ascending\nafter = big_lock\n"
                               "[data a/x.c:count]\nguarded-by = big_lock\n"
                               "[role worker]\nentry = run; gone\n");
    struct ir_unit *unit = ir_unit_new("/p/a/x.c");
    struct ir_function *flush = ir_function_new(), *run = ir_function_new();
    struct ir_record *record = ir_record_new();
    struct ir_variable *lock = ir_variable_new(), *count = ir_variable_new(),
                       *other = ir_variable_new();
    GPtrArray *unknown;

    (void)state;
    flush->name = flush->symbol = "flush";
    run->name = "run";
    run->symbol = "/p/a/x.c:run";
    record->name = "struct queue";
    lock->name = "lock";
    count->name = other->name = "count";
    count->symbol = "/p/a/x.c:count";
    other->symbol = "/p/b/x.c:count";
    g_ptr_array_add(record->fields, lock);
    g_ptr_array_add(unit->records, record);
    g_ptr_array_add(unit->functions, flush);
    g_ptr_array_add(unit->functions, run);
    g_ptr_array_add(unit->globals, count);
    g_ptr_array_add(unit->globals, other);
    rules_annotate(rules, unit);
    assert_true(has_annotation(flush->annotations, "lockcheck:requires:&q->lock, big_lock"));
    assert_true(has_annotation(lock->annotations, "lockcheck:keyed:ascending"));
    assert_true(has_annotation(lock->annotations, "lockcheck:acquired_after:big_lock"));
    assert_true(has_annotation(count->annotations, "lockcheck:guarded_by:big_lock"));
    assert_int_equal(other->annotations->len, 0);
    assert_true(has_annotation(run->annotations, "lockcheck:thread_entry:worker"));
    unknown = rules_unknown_names(rules);
    assert_int_equal(unknown->len, 1);
    assert_string_equal(unknown->pdata[0], "conf:9: the program has no \"gone\"");
    g_ptr_array_unref(unknown);
    ir_unit_free(unit);
    rules_free(rules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_known_functions_are_known),
        cmocka_unit_test(test_a_function_of_the_configuration_replaces_what_was_known),
        cmocka_unit_test(test_a_wrapper_is_like_another_function),
        cmocka_unit_test(test_mistakes_are_errors_with_their_line),
        cmocka_unit_test(test_declarations_get_the_annotations_of_the_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
