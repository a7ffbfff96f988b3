/* -cpu. The guest's CPU is always the host's, without what the engine does
 * not offer (CPUID says what that is): instructions are not translated to
 * other ones, so one that the host has can't be taken away. The names of
 * older models are accepted for the sake of existing command lines. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/user_options.h"

static const char *const models[] = {
    "host",           "max",
    "base",           "qemu64",
    "kvm64",          "Nehalem",
    "Westmere",       "SandyBridge",
    "IvyBridge",      "Haswell",
    "Broadwell",      "Skylake-Client",
    "Skylake-Server", "Cascadelake-Server",
    "Icelake-Server", "SapphireRapids",
    "EPYC",           "EPYC-Rome",
    "EPYC-Milan",     "EPYC-Genoa",
};

#define MODELS (sizeof(models) / sizeof(models[0]))

int cpu_model_check(const char *name, struct error *err)
{
    size_t length = strcspn(name, ",");
    for (size_t i = 0; i < MODELS; i++) {
        if (strlen(models[i]) == length && strncmp(models[i], name, length) == 0) {
            if (name[length] != '\0') {
                return error_set(err, EINVAL, "CPU features can't be chosen ('%s')", name);
            }
            return 0;
        }
    }
    return error_set(err, EINVAL, "unknown CPU model '%s' (-cpu help lists them)", name);
}

void cpu_model_print(void)
{
    puts("CPU models (all are the host's CPU, as far as the engine offers it):");
    for (size_t i = 0; i < MODELS; i++) {
        printf("  %s\n", models[i]);
    }
}
