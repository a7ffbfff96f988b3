#include "roster.h"

void roster_grow(struct roster *roster)
{
    roster->capacity = 2 * roster->capacity + 1;
}
