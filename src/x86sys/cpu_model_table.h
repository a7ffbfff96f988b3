/* The models of -cpu as data: what each is called and has. */
#ifndef MORTISE_X86SYS_CPU_MODEL_TABLE_H
#define MORTISE_X86SYS_CPU_MODEL_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "x86sys/model.h"

#define SYS_MODELS       24
#define SYS_MODEL_LISTS  10
#define SYS_MODEL_LEVELS 4

/* Names of features; lists end with NULL. */
extern const char *const
    *const sys_model_levels[SYS_MODEL_LEVELS]; /* x86-64-v1 to v4: what each adds */
/* What every model has here. */
extern const char *const sys_model_all[], *const sys_model_all_amd[], *const sys_model_all_intel[];

struct sys_model_entry {
    const char *name, *help, *brand;
    enum sys_vendor vendor;
    uint16_t family, model;
    uint8_t stepping;
    uint8_t level;   /* 1..4 */
    bool everything; /* all that can be had; the host's vendor and signature */
    bool pass_host;
    uint8_t versions; /* that QEMU has of it and that have the same features here; 0: none */
    const char *const *more[SYS_MODEL_LISTS];
};

extern const struct sys_model_entry sys_model_table[SYS_MODELS];

#endif
