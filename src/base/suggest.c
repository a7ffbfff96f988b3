#include "base/suggest.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static int plain(char c)
{
    return c == '_' ? '-' : tolower((unsigned char)c);
}

/* Edit distance, by rows of its table of which the last three are kept. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > WORD_MAX || lb > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            int x = plain(a[i - 1]), y = plain(b[j - 1]);
            row[j] = least(above[j - 1] + (x != y), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == plain(b[j - 2]) && plain(a[i - 2]) == y) {
                row[j] = least(row[j], two_above[j - 2] + 1);
            }
        }
    }
    return rows[la % 3][lb];
}

const char *suggest_name(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t bound = strlen(word) / 3 + 2;
    for (; *names; names++) {
        size_t d = distance(word, *names);
        if (d < bound) {
            best = *names;
            bound = d;
        }
    }
    return best;
}
