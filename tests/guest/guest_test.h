/* For guest programs: they print what they find, natively and in Mortise, so
 * all that is printed has to be the same each time: no addresses, no ids. */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Ends the program with a line that names what failed. */
#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #cond, strerror(errno));       \
            exit(99);                                                                              \
        }                                                                                          \
    } while (0)

static inline void handle(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
    struct sigaction act;
    memset(&act, 0, sizeof(act));
    act.sa_sigaction = fn;
    act.sa_flags = SA_SIGINFO | flags;
    sigemptyset(&act.sa_mask);
    MUST(sigaction(sig, &act, NULL) == 0);
}

#endif
