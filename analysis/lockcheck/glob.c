/* The matcher goes back to the last * only, which is enough and keeps the time
 * within the product of the lengths, whatever the pattern. */
#include "glob.h"

#include <stddef.h>
#include <string.h>

bool glob_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == *text || *pattern == '?') {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++resume;
        } else {
            return false;
        }
    }
    pattern += strspn(pattern, "*");
    return *pattern == '\0';
}

bool glob_matches_path(const char *pattern, const char *path)
{
    if (glob_matches(pattern, path)) {
        return true;
    }
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        if (glob_matches(pattern, slash + 1)) {
            return true;
        }
    }
    return false;
}
