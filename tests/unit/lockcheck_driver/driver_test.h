/* What the tests of the checker's driver share. */
#ifndef DRIVER_TEST_H
#define DRIVER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "finding.h"

static inline void assert_contains(const char *text, const char *part)
{
    if (!text || !strstr(text, part)) {
        fail_msg("expected \"%s\" in: %s", part, text ? text : "(nothing)");
    }
}

static inline unsigned count_findings(const struct findings *findings, enum check_id check)
{
    unsigned count = 0;

    for (guint i = 0; i < findings->list->len; i++) {
        count += ((const struct finding *)findings->list->pdata[i])->check == check;
    }
    return count;
}

/* A finding as a check would make it. */
static inline struct finding *add_finding(struct findings *findings, enum check_id check,
                                          const char *file, uint32_t line, const char *function)
{
    const struct ir_loc loc = {file ? g_intern_string(file) : NULL, line, 1};

    return findings_add(findings, check, SEVERITY_ERROR, loc, function, "something at line %u",
                        line);
}

#endif
