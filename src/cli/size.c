/* Sizes on the command line. */
#include <errno.h>
#include <stdlib.h>

#include "cli/user_options.h"

#define DIGITS_MAX 6 /* behind the point; the product with a unit fits */

/* ".25" as 25 of 100. Returns what follows it, or NULL. */
static const char *parse_fraction(const char *text, uint64_t *part, uint64_t *of)
{
    unsigned digits = 0;
    *part = 0;
    *of = 1;
    if (*text != '.') {
        return text;
    }
    for (text++; *text >= '0' && *text <= '9'; text++, digits++) {
        if (digits < DIGITS_MAX) {
            *part = *part * 10 + (uint64_t)(*text - '0');
            *of *= 10;
        }
    }
    return digits ? text : NULL;
}

static uint64_t unit_of(char letter)
{
    switch (letter) {
    case 'k':
    case 'K':
        return 1UL << 10;
    case 'm':
    case 'M':
        return 1UL << 20;
    case 'g':
    case 'G':
        return 1UL << 30;
    case 't':
    case 'T':
        return 1UL << 40;
    default:
        return 0;
    }
}

bool parse_size(const char *text, uint64_t unit, uint64_t *size)
{
    char *end;
    uint64_t part, of;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    unsigned long long n = strtoull(text, &end, 0);
    const char *rest = errno == 0 && end != text ? parse_fraction(end, &part, &of) : NULL;
    if (!rest) {
        return false;
    }
    uint64_t own = unit_of(*rest);
    if (own) {
        unit = own;
        rest++;
    }
    if (*rest != '\0' || (*end == '.' && unit == 1)) { /* there is no part of a byte */
        return false;
    }
    return !__builtin_mul_overflow((uint64_t)n, unit, size) &&
           !__builtin_add_overflow(*size, part * unit / of, size);
}
