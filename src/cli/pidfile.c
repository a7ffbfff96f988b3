/* The file is locked (fcntl(2), as QEMU does) from before it is written until it is gone. The
 * lock ends with the process however that ends, so a file that was left behind is in nobody's
 * way. Between open and lock its owner may take the file away: then there is another, or none,
 * under the name, and we begin again. */
#include "cli/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_under_name(int fd, const char *path)
{
    struct stat ours, there;
    return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_dev == there.st_dev &&
           ours.st_ino == there.st_ino;
}

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* Returns a descriptor that has the lock. */
static int open_locked(const char *path, struct error *err)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
        if (fd < 0) {
            return error_set(err, errno, "-pidfile %s: %s", path, error_text(errno));
        }
        if (is_regular(fd) && fcntl(fd, F_SETLK, &lock) != 0) {
            int errnum = errno;
            (void)close(fd);
            return errnum == EAGAIN || errnum == EACCES
                       ? error_set(err, EBUSY, "-pidfile %s: another process has it", path)
                       : error_set(err, errnum, "-pidfile %s: %s", path, error_text(errnum));
        }
        if (is_under_name(fd, path)) {
            return fd;
        }
        (void)close(fd);
    }
}

int pidfile_write(struct pidfile *p, const char *path, struct error *err)
{
    char text[24];
    int fd = open_locked(path, err);
    if (fd < 0) {
        return fd;
    }
    *p = (struct pidfile){.path = path, .fd = fd};
    int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if ((is_regular(fd) && ftruncate(fd, 0) != 0) || write(fd, text, (size_t)length) != length) {
        pidfile_remove(p);
        return error_set(err, EIO, "-pidfile %s: cannot be written", path);
    }
    return 0;
}

void pidfile_remove(struct pidfile *p)
{
    if (is_regular(p->fd) && is_under_name(p->fd, p->path)) {
        (void)unlink(p->path);
    }
    (void)close(p->fd);
    p->fd = -1;
}
