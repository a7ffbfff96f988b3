/* Units on disk: what comes back is what went in, or nothing. */
#include "driver_test.h"

#include <glib/gstdio.h>

#include "sample_unit.h"
#include "store.h"

static const uint8_t key[STORE_KEY_SIZE] = {1, 2, 3};

static char *dump(const struct ir_unit *unit)
{
    GString *text = g_string_new(NULL);

    ir_unit_dump(unit, text);
    return g_string_free(text, FALSE);
}

static void test_what_comes_back_is_what_went_in(void **state)
{
    struct ir_unit *unit = sample_unit("/p/x.c"), *again;
    GByteArray *bytes = store_encode(unit, key), *twice;
    char *before = dump(unit), *after;
    const struct ir_dependency *dependency;

    (void)state;
    again = store_decode(bytes->data, bytes->len, key, NULL, NULL);
    assert_non_null(again);
    after = dump(again);
    assert_string_equal(before, after);
    twice = store_encode(again, key);
    assert_int_equal(bytes->len, twice->len);
    assert_memory_equal(bytes->data, twice->data, bytes->len);
    dependency = again->dependencies->pdata[0];
    assert_true(dependency->size == 17 && dependency->mtime_ns == -5);
    g_free(before);
    g_free(after);
    g_byte_array_unref(bytes);
    g_byte_array_unref(twice);
    ir_unit_free(unit);
    ir_unit_free(again);
}

static void test_damaged_files_are_none(void **state)
{
    struct ir_unit *unit = sample_unit("/p/x.c");
    GByteArray *bytes = store_encode(unit, key);
    static const uint8_t other[STORE_KEY_SIZE] = {9};

    (void)state;
    for (guint length = 0; length < bytes->len; length++) {
        assert_null(store_decode(bytes->data, length, NULL, NULL, NULL));
    }
    for (guint i = 0; i < bytes->len; i++) {
        bytes->data[i] ^= 0x10;
        assert_null(store_decode(bytes->data, bytes->len, key, NULL, NULL));
        bytes->data[i] ^= 0x10;
    }
    assert_null(store_decode(bytes->data, bytes->len, other, NULL, NULL));
    g_byte_array_unref(bytes);
    ir_unit_free(unit);
}

static void test_expressions_that_are_too_deep_are_cut(void **state)
{
    struct ir_unit *unit = sample_unit("/p/x.c"), *again;
    struct ir_function *f = unit->functions->pdata[0];
    struct ir_block *block = f->blocks->pdata[0];
    GByteArray *bytes;

    (void)state;
    ir_value_free(block->value);
    block->value = sample_value(2000);
    bytes = store_encode(unit, key);
    again = store_decode(bytes->data, bytes->len, key, NULL, NULL);
    assert_non_null(again);
    g_byte_array_unref(bytes);
    ir_unit_free(unit);
    ir_unit_free(again);
}

/* Well-formed bytes of a unit that breaks a promise of ir.h. */
static void assert_refused(struct ir_unit *unit)
{
    GByteArray *bytes = store_encode(unit, key);

    assert_null(store_decode(bytes->data, bytes->len, key, NULL, NULL));
    g_byte_array_unref(bytes);
    ir_unit_free(unit);
}

static struct ir_function *first_function(struct ir_unit *unit)
{
    return unit->functions->pdata[0];
}

static struct ir_block *first_block(struct ir_unit *unit)
{
    return first_function(unit)->blocks->pdata[0];
}

static void test_a_value_without_what_it_is_made_of_is_refused(void **state)
{
    static const enum ir_value_kind kinds[] = {IR_VALUE_STRING, IR_VALUE_ADDRESS, IR_VALUE_LOAD,
                                               IR_VALUE_FUNC,   IR_VALUE_NOT,     IR_VALUE_COMPARE,
                                               IR_VALUE_OFFSET};

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct ir_unit *unit = sample_unit("/p/x.c");
        struct ir_event *set = first_block(unit)->events->pdata[1];

        ir_value_free(set->value);
        set->value = ir_value_new(kinds[i]);
        assert_refused(unit);
    }
}

static void test_an_event_without_its_place_or_callee_is_refused(void **state)
{
    struct ir_unit *unit = sample_unit("/p/x.c");
    struct ir_event *event = first_block(unit)->events->pdata[1];

    (void)state;
    ir_path_free(event->path);
    event->path = NULL;
    assert_refused(unit);

    unit = sample_unit("/p/x.c");
    event = first_block(unit)->events->pdata[0];
    ir_value_free(event->callee);
    event->callee = NULL;
    assert_refused(unit);

    unit = sample_unit("/p/x.c");
    ir_value_free(first_block(unit)->value);
    first_block(unit)->value = NULL; /* of a branch */
    assert_refused(unit);
}

static void test_variables_that_the_function_does_not_have_are_refused(void **state)
{
    static const enum ir_root roots[] = {IR_ROOT_PARAM, IR_ROOT_LOCAL, IR_ROOT_GLOBAL};
    struct ir_unit *unit;
    struct ir_event *event;

    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(roots); i++) {
        unit = sample_unit("/p/x.c");
        event = first_block(unit)->events->pdata[1];
        ir_path_free(event->path);
        event->path = ir_path_new(roots[i], 1, NULL);
        assert_refused(unit);
    }
    unit = sample_unit("/p/x.c");
    event = first_block(unit)->events->pdata[0];
    event->result = 1;
    assert_refused(unit);
    unit = sample_unit("/p/x.c");
    event = first_block(unit)->events->pdata[0];
    event->result = -2;
    assert_refused(unit);
}

static void test_a_declaration_without_a_name_is_refused(void **state)
{
    struct ir_unit *unit = sample_unit("/p/x.c");

    (void)state;
    first_function(unit)->symbol = NULL;
    assert_refused(unit);
    unit = sample_unit("/p/x.c");
    ((struct ir_variable *)unit->globals->pdata[0])->symbol = NULL;
    assert_refused(unit);
    unit = sample_unit("/p/x.c");
    ((struct ir_record *)unit->records->pdata[0])->key = NULL;
    assert_refused(unit);
    unit = sample_unit("/p/x.c");
    ((struct ir_variable *)first_function(unit)->params->pdata[0])->name = NULL;
    assert_refused(unit);
}

static struct compile_command *make_command(const char *file, const char *flag)
{
    struct compile_command *command = g_new0(struct compile_command, 1);

    command->file = g_strdup(file);
    command->directory = g_strdup("/");
    command->arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(command->arguments, g_strdup("cc"));
    g_ptr_array_add(command->arguments, g_strdup(flag));
    g_ptr_array_add(command->arguments, NULL);
    return command;
}

static void free_command(struct compile_command *command)
{
    g_free(command->file);
    g_free(command->directory);
    g_ptr_array_unref(command->arguments);
    g_free(command);
}

/* Whether a store that is opened now has the unit. */
static bool is_cached(const char *directory, const struct compile_command *command)
{
    char *message = NULL;
    struct store *store = store_open(directory, &message);
    struct ir_unit *unit = store_load(store, command);
    bool there = unit != NULL;

    ir_unit_free(unit);
    store_close(store);
    return there;
}

static void test_a_change_of_source_or_flags_makes_it_stale(void **state)
{
    char *directory = g_dir_make_tmp("test_store-XXXXXX", NULL), *message = NULL;
    char *source = g_build_filename(directory, "source.c", NULL);
    char *cache = g_build_filename(directory, "cache", NULL), *file;
    struct compile_command *command = make_command(source, "-DA"),
                           *other = make_command(source, "-DB");
    struct ir_unit *unit;
    struct store *store;
    struct ir_dependency *dependency;
    GStatBuf st;
    GDir *dir;

    (void)state;
    assert_true(g_file_set_contents(source, "int x;", -1, NULL));
    assert_int_equal(g_stat(source, &st), 0);
    unit = sample_unit(source);
    dependency = unit->dependencies->pdata[0];
    dependency->size = st.st_size;
    dependency->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    store = store_open(cache, &message);
    assert_non_null(store);
    assert_int_equal(store_save(store, command, unit, &message), 0);
    store_close(store);

    assert_true(is_cached(cache, command));
    assert_false(is_cached(cache, other));
    assert_true(g_file_set_contents(source, "int xy;", -1, NULL));
    assert_false(is_cached(cache, command));

    /* One file, whatever happened; cut off it is no harm. */
    dir = g_dir_open(cache, 0, NULL);
    file = g_build_filename(cache, g_dir_read_name(dir), NULL);
    assert_null(g_dir_read_name(dir));
    g_dir_close(dir);
    assert_true(g_file_set_contents(file, "mlck", -1, NULL));
    assert_false(is_cached(cache, command));
    g_unlink(file);
    g_rmdir(cache);
    g_unlink(source);
    g_rmdir(directory);
    ir_unit_free(unit);
    free_command(command);
    free_command(other);
    g_free(file);
    g_free(cache);
    g_free(source);
    g_free(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_back_is_what_went_in),
        cmocka_unit_test(test_damaged_files_are_none),
        cmocka_unit_test(test_expressions_that_are_too_deep_are_cut),
        cmocka_unit_test(test_a_value_without_what_it_is_made_of_is_refused),
        cmocka_unit_test(test_an_event_without_its_place_or_callee_is_refused),
        cmocka_unit_test(test_variables_that_the_function_does_not_have_are_refused),
        cmocka_unit_test(test_a_declaration_without_a_name_is_refused),
        cmocka_unit_test(test_a_change_of_source_or_flags_makes_it_stale),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
