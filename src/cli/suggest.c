/* "Did you mean": edit distance, with a bound that grows with the word. */
#include "cli/cli.h"

#include <stddef.h>
#include <string.h>

#define WORD_MAX 32

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

static size_t distance(const char *a, const char *b)
{
    size_t row[WORD_MAX + 1];
    size_t la = strlen(a), lb = strlen(b);
    if (la > WORD_MAX || lb > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t up = row[j];
            row[j] = least(row[j - 1] + 1, up + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = up;
        }
    }
    return row[lb];
}

const char *cli_suggest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t bound = strlen(word) / 3 + 1;
    for (; *names; names++) {
        size_t d = distance(word, *names);
        if (d <= bound) {
            best = *names;
            bound = d > 0 ? d - 1 : 0;
            if (d == 0) {
                break;
            }
        }
    }
    return best;
}
