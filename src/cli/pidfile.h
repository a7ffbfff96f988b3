/* -pidfile: the process id in a file that belongs to one process at a time. */
#ifndef MORTISE_CLI_PIDFILE_H
#define MORTISE_CLI_PIDFILE_H

#include "base/error.h"

struct pidfile {
    const char *path;
    int fd; /* holds the lock */
};

/* Fails if another process that runs has the file; what it holds is left as it is then. */
NODISCARD int pidfile_write(struct pidfile *p, const char *path, struct error *err);
/* Takes the file away, if it is still ours. */
void pidfile_remove(struct pidfile *p);

#endif
