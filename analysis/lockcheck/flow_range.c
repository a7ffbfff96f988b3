/* Sets of numbers, as conditions tell them: an interval without up to three
 * of its members. Invariant: lo and hi are not among the excluded, and the
 * excluded are inside. Joining and excluding may lose exactness, but only to
 * a larger set. */
#include "flow_state.h"

const struct range range_any = {.lo = INT64_MIN, .hi = INT64_MAX};

bool range_is_any(const struct range *range)
{
    return range->lo == INT64_MIN && range->hi == INT64_MAX && range->ne_count == 0;
}

bool range_is_empty(const struct range *range)
{
    return range->lo > range->hi;
}

static bool excluded(const struct range *range, int64_t number)
{
    for (int i = 0; i < range->ne_count; i++) {
        if (range->ne[i] == number) {
            return true;
        }
    }
    return false;
}

bool range_has(const struct range *range, int64_t number)
{
    return number >= range->lo && number <= range->hi && !excluded(range, number);
}

static void tidy(struct range *range)
{
    int kept = 0;

    while (range->lo <= range->hi && excluded(range, range->lo)) {
        if (range->lo == INT64_MAX) {
            *range = (struct range){.lo = 1, .hi = 0};
            return;
        }
        range->lo++;
    }
    while (range->lo <= range->hi && excluded(range, range->hi)) {
        range->hi--;
    }
    for (int i = 0; i < range->ne_count; i++) {
        if (range->ne[i] > range->lo && range->ne[i] < range->hi) {
            range->ne[kept++] = range->ne[i];
        }
    }
    range->ne_count = (uint8_t)kept;
}

static void exclude(struct range *range, int64_t number)
{
    if (!range_has(range, number)) {
        return;
    }
    if (number == range->lo || number == range->hi) {
        if (range->lo == range->hi) {
            *range = (struct range){.lo = 1, .hi = 0};
            return;
        }
        if (number == range->lo) {
            range->lo++;
        } else {
            range->hi--;
        }
        tidy(range);
        return;
    }
    /* No room: 0 matters most. */
    if (range->ne_count < G_N_ELEMENTS(range->ne)) {
        range->ne[range->ne_count++] = number;
    } else if (number == 0) {
        range->ne[0] = 0;
    }
}

void range_restrict(struct range *range, enum ir_compare op, int64_t number)
{
    switch (op) {
    case IR_EQ:
        if (range_has(range, number)) {
            *range = (struct range){.lo = number, .hi = number};
        } else {
            *range = (struct range){.lo = 1, .hi = 0};
        }
        return;
    case IR_NE:
        exclude(range, number);
        return;
    case IR_LT:
        if (number == INT64_MIN) {
            *range = (struct range){.lo = 1, .hi = 0};
            return;
        }
        range->hi = MIN(range->hi, number - 1);
        break;
    case IR_LE:
        range->hi = MIN(range->hi, number);
        break;
    case IR_GT:
        if (number == INT64_MAX) {
            *range = (struct range){.lo = 1, .hi = 0};
            return;
        }
        range->lo = MAX(range->lo, number + 1);
        break;
    case IR_GE:
        range->lo = MAX(range->lo, number);
        break;
    }
    tidy(range);
}

void range_join(struct range *range, const struct range *other)
{
    if (range_is_empty(other)) {
        return;
    }
    if (range_is_empty(range)) {
        *range = *other;
        return;
    }
    struct range joined = {.lo = MIN(range->lo, other->lo), .hi = MAX(range->hi, other->hi)};
    int64_t candidates[] = {0, range->ne_count > 0 ? range->ne[0] : 0,
                            range->ne_count > 1 ? range->ne[1] : 0,
                            other->ne_count > 0 ? other->ne[0] : 0};

    for (unsigned i = 0; i < G_N_ELEMENTS(candidates); i++) {
        if (!range_has(range, candidates[i]) && !range_has(other, candidates[i])) {
            exclude(&joined, candidates[i]);
        }
    }
    *range = joined;
}

bool range_disjoint(const struct range *a, const struct range *b)
{
    if (a->hi < b->lo || b->hi < a->lo) {
        return true;
    }
    if (a->lo == a->hi) {
        return !range_has(b, a->lo);
    }
    return b->lo == b->hi && !range_has(a, b->lo);
}
