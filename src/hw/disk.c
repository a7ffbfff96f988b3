/* Raw images by preadv(2) and pwritev(2). */
#include "hw/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int disk_open(const char *path, bool read_only, struct disk **out, struct error *err)
{
    int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    struct disk *d;
    struct stat st;
    off_t end;

    if (fd < 0) {
        bool may_read = !read_only && (errno == EACCES || errno == EROFS || errno == EPERM);

        return error_set(err, errno, "cannot open disk \"%s\": %s%s", path, error_text(errno),
                         may_read ? " (readonly=on only reads it)" : "");
    }
    if (fstat(fd, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))) {
        (void)close(fd);
        return error_set(err, EINVAL, "disk \"%s\" is neither a file nor a block device", path);
    }
    end = lseek(fd, 0, SEEK_END);
    d = end < 0 ? NULL : calloc(1, sizeof(*d));
    if (!d) {
        (void)close(fd);
        return error_set(err, end < 0 ? EIO : ENOMEM, "cannot size disk \"%s\"", path);
    }
    d->fd = fd;
    d->read_only = read_only;
    d->size = ((uint64_t)end + DISK_SECTOR - 1) / DISK_SECTOR * DISK_SECTOR;
    *out = d;
    return 0;
}

void disk_close(struct disk *d)
{
    if (d) {
        (void)close(d->fd);
        free(d);
    }
}

bool disk_contains(const struct disk *d, uint64_t offset, uint64_t len)
{
    return offset <= d->size && len <= d->size - offset;
}

/* Takes `done` bytes off the front of the vector. */
static void advance(struct iovec **iov, int *count, size_t done)
{
    while (*count > 0 && done >= (*iov)->iov_len) {
        done -= (*iov)->iov_len;
        (*iov)++;
        (*count)--;
    }
    if (*count > 0) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + done;
        (*iov)->iov_len -= done;
    }
}

int disk_read(struct disk *d, uint64_t offset, struct iovec *iov, int count)
{
    advance(&iov, &count, 0);
    while (count > 0) {
        ssize_t n = preadv(d->fd, iov, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) { /* the file ends within the last sector, or has been cut */
            memset(iov->iov_base, 0, iov->iov_len);
            n = (ssize_t)iov->iov_len;
        }
        if (n > 0) {
            offset += (uint64_t)n;
            advance(&iov, &count, (size_t)n);
        }
    }
    return 0;
}

int disk_write(struct disk *d, uint64_t offset, struct iovec *iov, int count)
{
    if (d->read_only) {
        return -EROFS;
    }
    advance(&iov, &count, 0);
    while (count > 0) {
        ssize_t n = pwritev(d->fd, iov, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);

        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n > 0) {
            offset += (uint64_t)n;
            advance(&iov, &count, (size_t)n);
        }
    }
    return 0;
}

int disk_flush(struct disk *d)
{
    return d->read_only || fdatasync(d->fd) == 0 ? 0 : -errno;
}

static int write_zeros(struct disk *d, uint64_t offset, uint64_t len)
{
    static char zeros[65536];

    while (len > 0) {
        struct iovec iov = {.iov_base = zeros,
                            .iov_len = len < sizeof(zeros) ? len : sizeof(zeros)};
        size_t part = iov.iov_len;
        int ret = disk_write(d, offset, &iov, 1);

        if (ret < 0) {
            return ret;
        }
        offset += part;
        len -= part;
    }
    return 0;
}

int disk_zero(struct disk *d, uint64_t offset, uint64_t len, bool punch)
{
    int mode = FALLOC_FL_KEEP_SIZE | (punch ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);

    if (d->read_only) {
        return -EROFS;
    }
    if (len == 0 || fallocate(d->fd, mode, (off_t)offset, (off_t)len) == 0) {
        return 0;
    }
    return write_zeros(d, offset, len);
}
