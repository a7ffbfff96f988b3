/* The guest's environment must reach the next emulator process unchanged,
 * but LD_PRELOAD and its kind would act on the emulator first. So they
 * travel with a prefix, which is taken off before the guest starts. A
 * variable that happens to have the prefix gets another one on top. */
#include "user/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hidden_prefix[] = "MORTISE_GUEST_ENV_";

static const char *const dangerous[] = {
    "LD_", "GLIBC_TUNABLES", "MALLOC_",      "GCONV_PATH",    "LOCPATH",      "NLSPATH",
    "G_",  "ASAN_OPTIONS",   "TSAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "MORTISE_",
};

static int starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

char *env_hide(const char *entry)
{
    for (size_t i = 0; i < sizeof(dangerous) / sizeof(dangerous[0]); i++) {
        if (starts_with(entry, dangerous[i])) {
            char *hidden = malloc(sizeof(hidden_prefix) + strlen(entry));
            if (hidden) {
                stpcpy(stpcpy(hidden, hidden_prefix), entry);
            }
            return hidden;
        }
    }
    return NULL;
}

char *env_reveal(const char *entry)
{
    return starts_with(entry, hidden_prefix) ? strdup(entry + sizeof(hidden_prefix) - 1) : NULL;
}
