/* "NAME,prop=value,prop=value": how options describe drives and devices. A comma in a
 * value is written twice; "prop" alone is prop=on, "noprop" prop=off. */
#ifndef MORTISE_HW_PROPS_H
#define MORTISE_HW_PROPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define PROPS_MAX 32

struct device_props {
    char *text;        /* that the others point into */
    const char *first; /* the name; NULL if the text begins with a property */
    unsigned count;
    struct {
        const char *name, *value;
    } pair[PROPS_MAX];
};

/* Fails with a sentence, and then there is nothing to free. */
NODISCARD int device_props_parse(struct device_props *p, const char *text, struct error *err);
void device_props_free(struct device_props *p);

/* The last value given, or NULL. */
const char *device_props_get(const struct device_props *p, const char *name);
/* on, off, yes, no, true, false; `otherwise` if it is not there. */
NODISCARD int device_props_bool(const struct device_props *p, const char *name, bool otherwise,
                                bool *value, struct error *err);
/* A number, decimal or with 0x, of at most max. */
NODISCARD int device_props_number(const struct device_props *p, const char *name,
                                  uint64_t otherwise, uint64_t max, uint64_t *value,
                                  struct error *err);

#endif
