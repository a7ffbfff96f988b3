/* Patterns for paths: * is any number of any characters, slashes too, and ?
 * any one. Patterns and paths are bytes, of whatever encoding. */
#ifndef LOCKCHECK_GLOB_H
#define LOCKCHECK_GLOB_H

#include <stdbool.h>

bool glob_matches(const char *pattern, const char *text);
/* All of the path, or its end from some slash on. */
bool glob_matches_path(const char *pattern, const char *path);

#endif
