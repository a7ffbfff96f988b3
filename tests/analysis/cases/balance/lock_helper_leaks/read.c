#include <stddef.h>

#include "registry.h"

int registry_read(struct record *head, int key)
{
    struct record *record = registry_find(head, key); /* expect-note: balance */
    int value;

    if (record == NULL) {
        return -1;
    }
    value = record->value;
#ifdef FAULTY
    if (value < 0) {
        return -1; /* expect: balance */
    }
#endif
    registry_put_back(record);
    return value;
}
