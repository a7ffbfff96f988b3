/* Values of `mortise system` options that have an inner structure. Each takes the
 * option's argument and fills in the command; errors are one sentence. */
#ifndef MORTISE_CLI_SYSTEM_VALUES_H
#define MORTISE_CLI_SYSTEM_VALUES_H

#include "cli/system_options.h"

/* "name,key=value,...": hands the first word (key NULL) and each pair to fn, until
 * one fails. Text is cut at 1023 characters. */
typedef int value_fn(void *opaque, const char *key, const char *value, struct error *err);
NODISCARD int value_list(const char *text, value_fn *fn, void *opaque, struct error *err);

/* "on", "off", "yes", "no", "true", "false", or nothing: on. */
NODISCARD int value_bool(const char *option, const char *value, bool *out, struct error *err);
NODISCARD int value_number(const char *option, const char *value, uint64_t min, uint64_t max,
                           uint64_t *out, struct error *err);

NODISCARD int value_unknown_key(const char *option, const char *key, const char *const *known,
                                struct error *err);
/* A line on standard error about what is taken but differs from what was asked for. */
void value_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

NODISCARD int value_machine(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_smp(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_memory(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_boot(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_icount(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_seed(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_accel(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_rtc(struct system_command *c, const char *value, struct error *err);
NODISCARD int value_name(struct system_command *c, const char *value, struct error *err);
/* What all of -accel and -machine accel= together ask for. */
NODISCARD int value_accel_check(const struct system_command *c, struct error *err);

#endif
