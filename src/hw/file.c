/* Reading whole files. Read, not mapped: a file that shrinks under a mapping would
 * kill the process. */
#include "hw/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, uint8_t *buf, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, buf + at, len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        at += (size_t)n;
    }
    return 0;
}

static int read_open(const char *what, const char *path, int fd, size_t max, uint8_t **buf,
                     size_t *len, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return error_set(err, errno, "%s %s: %s", what, path, error_text(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, EINVAL, "%s %s: not a regular file", what, path);
    }
    if (st.st_size == 0) {
        return error_set(err, EINVAL, "%s %s: the file is empty", what, path);
    }
    if ((uint64_t)st.st_size > max) {
        return error_set(err, EFBIG, "%s %s: %lld bytes do not fit into %zu", what, path,
                         (long long)st.st_size, max);
    }
    uint8_t *p = malloc((size_t)st.st_size);
    if (!p) {
        return error_set(err, ENOMEM, "%s %s: out of memory", what, path);
    }
    int rc = read_all(fd, p, (size_t)st.st_size);
    if (rc) {
        free(p);
        return error_set(err, -rc, "%s %s: cannot be read: %s", what, path, error_text(-rc));
    }
    *buf = p;
    *len = (size_t)st.st_size;
    return 0;
}

int file_read(const char *what, const char *path, size_t max, uint8_t **buf, size_t *len,
              struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_set(err, errno, "%s %s: %s", what, path, error_text(errno));
    }
    int rc = read_open(what, path, fd, max, buf, len, err);
    (void)close(fd);
    return rc;
}
