/* mortise-lockcheck's own parsers on hostile bytes: the first byte chooses
 * which. Each must end with a result or a message; what it accepts must keep
 * its promises. Cache files get a valid header, so that the fuzzer reaches what
 * is behind the checksum. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compile_db.h"
#include "confirm.h"
#include "finding.h"
#include "rules.h"
#include "store.h"
#include "suppress.h"

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_compile_db(const char *text, size_t size)
{
    char *message = NULL;
    struct compile_db *db = compile_db_parse("db", text, size, "/base", &message);

    REQUIRE((db != NULL) != (message != NULL));
    for (guint i = 0; db && i < db->commands->len; i++) {
        const struct compile_command *command = db->commands->pdata[i];

        REQUIRE(command->file[0] == '/' && command->directory[0] == '/');
        REQUIRE(command->arguments->len >= 2);
        REQUIRE(!command->arguments->pdata[command->arguments->len - 1]);
    }
    compile_db_free(db);
    g_free(message);
}

static void try_config(const char *text, size_t size)
{
    struct rules *rules = rules_new();
    struct ir_unit *unit = ir_unit_new("/x.c");
    char *message = NULL;
    int result = rules_parse(rules, "conf", text, size, &message);

    REQUIRE((result == 0) == (message == NULL));
    if (result == 0) {
        rules_annotate(rules, unit);
        g_ptr_array_unref(rules_unknown_names(rules));
        (void)rules_of(rules, "pthread_create");
        (void)rules_of(rules, "f");
    }
    ir_unit_free(unit);
    rules_free(rules);
    g_free(message);
}

static void try_suppressions(const char *text, size_t size)
{
    struct findings *findings = findings_new();
    struct suppressions *suppressions = suppressions_new();
    GHashTable *files = g_hash_table_new(g_str_hash, g_str_equal);
    bool enabled[CHECK_COUNT];

    memset(enabled, 1, sizeof(enabled));
    suppressions_parse(suppressions, "list", text, size, findings);
    suppressions_scan(suppressions, "/x.c", text, size, findings);
    suppressions_apply(suppressions, findings, enabled, true, files);
    findings_sort(findings);
    g_hash_table_unref(files);
    suppressions_free(suppressions);
    findings_free(findings);
}

static void try_record(const char *text, size_t size)
{
    struct findings *findings = findings_new();
    struct confirm *confirm = confirm_new();

    confirm_parse(confirm, "record", text, size, findings);
    confirm_free(confirm);
    findings_free(findings);
}

/* What was decoded can be used, and written and read again. */
static void check_unit(struct ir_unit *unit)
{
    static const uint8_t key[STORE_KEY_SIZE];
    GByteArray *bytes = store_encode(unit, key);
    struct ir_unit *again = store_decode(bytes->data, bytes->len, key, NULL, NULL);
    GString *text = g_string_new(NULL);

    REQUIRE(again);
    ir_unit_dump(again, text);
    g_string_free(text, TRUE);
    ir_unit_free(again);
    g_byte_array_unref(bytes);
}

static void try_cache(const uint8_t *data, size_t size)
{
    GByteArray *file = store_wrap(data, size);
    struct ir_unit *unit = store_decode(file->data, file->len, NULL, NULL, NULL);

    if (unit) {
        check_unit(unit);
    }
    ir_unit_free(unit);
    g_byte_array_unref(file);
    ir_unit_free(store_decode(data, size, NULL, NULL, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 5) {
    case 0:
        try_compile_db((const char *)data + 1, size - 1);
        break;
    case 1:
        try_config((const char *)data + 1, size - 1);
        break;
    case 2:
        try_suppressions((const char *)data + 1, size - 1);
        break;
    case 3:
        try_record((const char *)data + 1, size - 1);
        break;
    case 4:
        try_cache(data + 1, size - 1);
        break;
    }
    return 0;
}
