/* Errors as values: a function that can fail returns 0 or a negative errno
 * and, where a user will read about it, fills a struct error with one
 * sentence naming the thing and the reason. */
#ifndef MORTISE_BASE_ERROR_H
#define MORTISE_BASE_ERROR_H

#define NODISCARD __attribute__((warn_unused_result))

struct error {
    char text[512]; /* one line, no newline; empty: no error */
};

/* Fills err (which may be NULL) and returns -errnum, so that callers can
 * write `return error_set(err, ENOENT, "...")`. Any thread, no locks. */
int error_set(struct error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* What strerror says, from any thread: that is allowed to keep its answer in a
 * buffer that the next call overwrites. */
const char *error_text(int errnum);

/* Puts "prefix: " before the text of an error that is passed on. */
void error_prefix(struct error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
