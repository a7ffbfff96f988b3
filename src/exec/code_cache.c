/* The memory of the code cache: one memfd, mapped once to write and once to
 * execute, at a fixed distance from each other.
 *
 * Invariant: from code_cache_init on, [rx_start, rx_start + size) and
 * [rw_start, rw_start + size) are the same memory, neither mapping is both
 * writable and executable, and no descriptor for it is left open. The
 * addresses never change; a child of fork(2) gets other memory behind them.
 *
 * The writable mapping is made first. F_SEAL_FUTURE_WRITE then makes the
 * executable one, and any other, read-only for good: mprotect cannot make it
 * writable. */
#include "exec/code_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/tsan.h"
#include "exec/tb_internal.h"

#define PAGE             4096UL
#define REGION_MIN       (32UL << 10) /* more than CODE_REGION_REQUEST_MAX */
#define REGION_MAX       (1UL << 20)
#define REGIONS_AT_LEAST 16
#define CACHE_MIN        (256UL << 10)
#define CACHE_MAX        (2047UL << 20) /* keeps every rel32 between TBs in reach */

#define FORK_COPY_MAX (16UL << 20) /* about 5 ms of copying */

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

static struct {
    uintptr_t rx_start IMMUTABLE_AFTER_INIT;
    uintptr_t rw_start IMMUTABLE_AFTER_INIT;
    size_t size IMMUTABLE_AFTER_INIT;
} cache;

/* What the child of a fork will map, or -1; between before_fork and its other
 * half only. Owned by the forking thread, which holds the mmap_lock. */
static int fork_copy OWNED_BY(the forking thread) = -1;

/* A memfd of that size, or a negative errno. MFD_EXEC says that it is meant
 * to be executed, for kernels set up to deny that otherwise; older kernels do
 * not know the flag. */
static int memfd_open(size_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < size) {
        return -EFBIG; /* and without the SIGXFSZ */
    }
    int fd = memfd_create("mortise-code", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("mortise-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)size) < 0) {
        int ret = -errno;
        close(fd);
        return ret;
    }
    return fd;
}

/* Hardening only, so what an old kernel refuses is left out. The size cannot
 * change (no SIGBUS), nor can the mode, and nobody maps it writable again. */
static void memfd_seal(int fd)
{
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC);
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL);
}

static void *map_at(uintptr_t addr, size_t size, int prot, int flags, int fd)
{
    return mmap((void *)addr, size, prot, flags, fd, 0);
}

/* Maps the memfd at both addresses, over whatever is there, and closes it. 0
 * or a negative errno. */
static int map_both(int fd, uintptr_t rx, uintptr_t rw, size_t size)
{
    int ret = 0;
    if (map_at(rw, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd) == MAP_FAILED) {
        ret = -errno;
    } else {
        memfd_seal(fd);
        if (map_at(rx, size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd) == MAP_FAILED) {
            ret = -errno;
        }
    }
    close(fd);
    return ret;
}

/* The same with new memory. Where no file is to be had, because of a limit on
 * their number or size, an old size of 0 makes mremap map shared memory a
 * second time. */
static int map_both_new(uintptr_t rx, uintptr_t rw, size_t size)
{
    int fd = memfd_open(size);

    if (fd >= 0) {
        return map_both(fd, rx, rw, size);
    }
    if (map_at(rw, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1) ==
            MAP_FAILED ||
        mremap((void *)rw, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)rx) == MAP_FAILED ||
        mprotect((void *)rx, size, PROT_READ | PROT_EXEC) != 0) {
        return -errno;
    }
    return 0;
}

/* Address space for a mapping, or a negative errno; old kernels take
 * MAP_FIXED_NOREPLACE for a mere hint. */
static int reserve_space(uintptr_t hint, size_t size, uintptr_t *addr)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (hint ? MAP_FIXED_NOREPLACE : 0);
    void *p = map_at(hint, size, PROT_NONE, flags, -1);

    if (p == MAP_FAILED) {
        return -errno;
    }
    if (hint && (uintptr_t)p != hint) {
        munmap(p, size);
        return -EEXIST;
    }
    *addr = (uintptr_t)p;
    return 0;
}

static size_t region_size_for(size_t size)
{
    size_t region = REGION_MAX;

    while (region > REGION_MIN && size / region < REGIONS_AT_LEAST) {
        region /= 2;
    }
    return region;
}

static int map_cache(uintptr_t rx_hint, size_t size, struct error *err)
{
    uintptr_t rx = 0, rw = 0;
    int ret = reserve_space(rx_hint, size, &rx);

    if (ret < 0) {
        return error_set(err, -ret, "code cache: cannot have %zu bytes at address 0x%lx: %s", size,
                         (unsigned long)rx_hint, error_text(-ret));
    }
    ret = reserve_space(0, size, &rw);
    if (ret == 0) {
        ret = map_both_new(rx, rw, size);
        if (ret < 0) {
            munmap((void *)rw, size);
        }
    }
    if (ret < 0) {
        munmap((void *)rx, size);
        return error_set(err, -ret, "code cache: cannot map %zu bytes: %s", size, error_text(-ret));
    }
    cache.rx_start = rx;
    cache.rw_start = rw;
    cache.size = size;
    return 0;
}

int code_cache_init(const struct code_cache_config *cfg, struct error *err)
{
    if (cfg->size < CACHE_MIN || cfg->size > CACHE_MAX || cfg->stub_size > CACHE_MIN) {
        return error_set(err, EINVAL, "code cache: size %zu is not between 256 KiB and 2047 MiB",
                         cfg->size);
    }
    size_t region = region_size_for(cfg->size);
    size_t count = (cfg->size + region - 1) / region;
    size_t stubs = (cfg->stub_size + PAGE - 1) & ~(PAGE - 1);
    size_t size = stubs + count * region;

    int ret = map_cache(cfg->rx_hint, size, err);
    if (ret < 0) {
        return ret;
    }
    tb_chain_hold_across_fork();
    ret = code_region_init(cache.rx_start + stubs, region, count, err);
    if (ret == 0) {
        ret = tb_hash_init(size, cfg->tb_size ? cfg->tb_size : 256, err);
    }
    if (ret == 0) {
        ret = tb_template_init(size, err);
    }
    return ret;
}

/* Copies a piece of the cache into the memfd behind opaque; the kernel does,
 * so that no page of the copy is faulted in here. */
static bool copy_piece(uintptr_t rx, size_t len, void *opaque)
{
    const int *fd = opaque;
    size_t done = 0;

    while (done < len) {
        ssize_t n =
            pwrite(*fd, code_rw(rx + done), len - done, (off_t)(rx - cache.rx_start + done));
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

void code_cache_before_fork(void)
{
    fork_copy = -1;
    if (code_region_used() > FORK_COPY_MAX) {
        return;
    }
    int fd = memfd_open(cache.size);
    if (fd < 0) {
        return;
    }
    if (!copy_piece(cache.rx_start, code_region_stubs_size(), &fd) ||
        !code_region_for_each_piece(copy_piece, &fd)) {
        close(fd);
        return;
    }
    fork_copy = fd;
}

void code_cache_after_fork_parent(void)
{
    if (fork_copy >= 0) {
        close(fork_copy);
        fork_copy = -1;
    }
}

bool code_cache_after_fork_child(void)
{
    bool kept = fork_copy >= 0;
    int ret = kept ? map_both(fork_copy, cache.rx_start, cache.rw_start, cache.size)
                   : map_both_new(cache.rx_start, cache.rw_start, cache.size);

    fork_copy = -1;
    if (ret < 0) {
        exec_out_of_memory("code cache of a forked process");
    }
    mmap_lock();
    if (kept) {
        code_region_keep_after_fork(current_cpu);
    } else {
        tb_reset(true);
    }
    mmap_unlock();
    return kept;
}

uintptr_t code_cache_rx_start(void)
{
    return cache.rx_start;
}

uintptr_t code_cache_rw_start(void)
{
    return cache.rw_start;
}

size_t code_cache_size(void)
{
    return cache.size;
}

TSAN_SIGNAL_CODE bool code_cache_contains(uintptr_t rx)
{
    return rx - cache.rx_start < cache.size;
}

TSAN_SIGNAL_CODE uint8_t *code_rw(uintptr_t rx)
{
    return (uint8_t *)(rx - cache.rx_start + cache.rw_start);
}

uintptr_t code_rx(const void *rw)
{
    return (uintptr_t)rw - cache.rw_start + cache.rx_start;
}

void code_cache_get_stats(struct code_cache_stats *stats)
{
    *stats = (struct code_cache_stats){.size = cache.size};
    code_region_get_stats(stats);
    tb_get_stats(stats);
}

void exec_out_of_memory(const char *what)
{
    fprintf(stderr, "mortise: %s: %s\n", what, error_text(errno));
    abort();
}
