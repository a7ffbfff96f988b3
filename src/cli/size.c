/* Sizes on the command line. */
#include <errno.h>
#include <stdlib.h>

#include "cli/user_options.h"

bool parse_size(const char *text, uint64_t unit, uint64_t *size)
{
    char *end;
    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    unsigned long long n = strtoull(text, &end, 0);
    if (errno != 0 || end == text) {
        return false;
    }
    switch (*end) {
    case 'k':
    case 'K':
        unit = 1UL << 10;
        end++;
        break;
    case 'm':
    case 'M':
        unit = 1UL << 20;
        end++;
        break;
    case 'g':
    case 'G':
        unit = 1UL << 30;
        end++;
        break;
    default:
        break;
    }
    if (*end != '\0' || __builtin_mul_overflow((uint64_t)n, unit, size)) {
        return false;
    }
    return true;
}
