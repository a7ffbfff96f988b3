/* The sentence a user will read when something fails. The text is cut, never
 * overrun, when it is longer than struct error holds. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, int errnum, const char *fmt, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, fmt);
        (void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
        va_end(ap);
    }
    return -errnum;
}

const char *error_text(int errnum)
{
    const char *text = strerrordesc_np(errnum);
    return text ? text : "unknown error";
}

void error_prefix(struct error *err, const char *fmt, ...)
{
    if (!err) {
        return;
    }
    char rest[sizeof(err->text)];
    memcpy(rest, err->text, sizeof(rest));

    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text)) {
        (void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %.*s",
                       (int)sizeof(rest) - n - 3, rest);
    }
}
