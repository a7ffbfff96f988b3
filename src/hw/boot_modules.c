/* The modules of a multiboot kernel: -initrd "FILE ARGUMENTS,FILE ARGUMENTS", a comma in them
 * doubled. What is up to the next comma is also the module's string, as QEMU has it. All of
 * them lie one behind the other in the place of one initrd, each from a page's beginning. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/boot_internal.h"
#include "hw/file.h"

#define PAGE 4096UL

/* Copies what is up to a single comma; where the next module's begins, or NULL. */
static const char *cut(const char *from, char *to)
{
    for (; *from; from++) {
        if (*from == ',' && from[1] != ',') {
            *to = '\0';
            return from + 1;
        }
        from += *from == ',';
        *to++ = *from;
    }
    *to = '\0';
    return NULL;
}

/* Puts a file behind those that are there. */
static int append_file(struct boot_direct *b, const char *path, size_t max,
                       struct boot_module *module, struct error *err)
{
    size_t at = (b->initrd_len + PAGE - 1) / PAGE * PAGE;
    uint8_t *bytes, *all;
    size_t len;
    if (at >= max) {
        return error_set(err, EFBIG, "initrd %s: all modules are more than %zu bytes", path, max);
    }
    int rc = file_read("initrd", path, max - at, &bytes, &len, err);
    if (rc) {
        return rc;
    }
    all = realloc(b->initrd, at + len);
    if (!all) {
        free(bytes);
        return error_set(err, ENOMEM, "initrd %s: out of memory", path);
    }
    memset(all + b->initrd_len, 0, at - b->initrd_len);
    memcpy(all + at, bytes, len);
    free(bytes);
    b->initrd = all;
    b->initrd_len = at + len;
    module->offset = at;
    module->len = len;
    return 0;
}

static int add_module(struct boot_direct *b, const char *text, size_t max, struct error *err)
{
    struct boot_module *module = &b->modules[b->module_count];
    char *path = strndup(text, strcspn(text, " "));
    module->text = strdup(text);
    int rc = path && module->text ? append_file(b, path, max, module, err)
                                  : error_set(err, ENOMEM, "initrd: out of memory");
    if (rc) {
        free(module->text);
    } else {
        b->module_count++;
    }
    free(path);
    return rc;
}

int boot_modules_load(struct boot_direct *b, const char *spec, size_t max, struct error *err)
{
    size_t text_len = 0;
    char *text = malloc(strlen(spec) + 1);
    int rc = 0;
    if (!text) {
        return error_set(err, ENOMEM, "initrd: out of memory");
    }
    for (const char *next = spec; next && rc == 0;) {
        next = cut(next, text);
        text_len += strlen(text) + 1;
        if (b->module_count == BOOT_MODULES_MAX || text_len > BOOT_MODULE_TEXT_SIZE) {
            rc = error_set(err, E2BIG, "initrd: more than %d modules, or too long a text for them",
                           BOOT_MODULES_MAX);
        } else {
            rc = add_module(b, text, max, err);
        }
    }
    free(text);
    return rc;
}

void boot_modules_free(struct boot_direct *b)
{
    while (b->module_count > 0) {
        free(b->modules[--b->module_count].text);
    }
}

void boot_modules_place(const struct boot_direct *b, uint8_t *ram)
{
    uint64_t text_at = BOOT_MODULE_TEXT_AT;
    for (unsigned i = 0; i < b->module_count; i++) {
        const struct boot_module *module = &b->modules[i];
        uint8_t *entry = ram + BOOT_MODULES_AT + 16UL * i;
        uint64_t at = b->initrd_at + module->offset;
        boot_put32(entry, (uint32_t)at);
        boot_put32(entry + 4, (uint32_t)(at + module->len));
        boot_put32(entry + 8, (uint32_t)text_at);
        boot_put32(entry + 12, 0);
        memcpy(ram + text_at, module->text, strlen(module->text) + 1);
        text_at += strlen(module->text) + 1;
    }
}
