/* "Did you mean": which name somebody may have meant. Any thread. */
#ifndef MORTISE_BASE_SUGGEST_H
#define MORTISE_BASE_SUGGEST_H

/* The name that is nearest to the word, if it is near: a mistake, or one more for each
 * three letters. Two letters in the wrong order count once; upper and lower case, and
 * dashes and underscores, not at all. `names` ends with NULL. NULL: none is near. */
const char *suggest_name(const char *word, const char *const *names);

#endif
