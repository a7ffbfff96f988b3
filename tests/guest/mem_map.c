/* The mmap family: results, errors and contents. */
#include "guest_test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#define PAGE 4096UL

static void report(const char *what, long ret)
{
    printf("%s: %s\n", what, ret == -1 ? strerrorname_np(errno) : "ok");
}

static char *map(void *at, size_t size, int prot, int flags)
{
    return mmap(at, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static int readable(const void *p)
{
    int fds[2];
    MUST(pipe(fds) == 0);
    int ok = write(fds[1], p, 1) == 1;
    close(fds[0]);
    close(fds[1]);
    return ok;
}

static void errors(void)
{
    char *p = map(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, 0);
    MUST(p != MAP_FAILED);
    report("mmap size 0", (long)map(NULL, 0, PROT_READ, 0));
    report("mmap unaligned fixed", (long)map(p + 1, PAGE, PROT_READ, MAP_FIXED));
    report("mmap odd offset", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 0, 17));
    report("mmap bad fd", (long)mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 999, 0));
    report("mmap huge", (long)map(NULL, 1UL << 60, PROT_READ, 0));
    report("mmap fixed high", (long)map((void *)(1UL << 60), PAGE, PROT_READ, MAP_FIXED));
    report("mmap neither shared nor private",
           (long)mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
    report("mmap noreplace", (long)map(p, PAGE, PROT_READ, MAP_FIXED_NOREPLACE));
    report("munmap unaligned", munmap(p + 1, PAGE));
    report("munmap size 0", munmap(p, 0));
    report("munmap middle", munmap(p + PAGE, PAGE));
    report("munmap again", munmap(p + PAGE, PAGE));
    report("mprotect over a hole", mprotect(p, 3 * PAGE, PROT_READ));
    report("mprotect unaligned", mprotect(p + 1, PAGE, PROT_READ));
    report("mprotect bad bits", mprotect(p, PAGE, 0x100));
    report("mprotect size 0", mprotect(p + PAGE, 0, PROT_READ));
    report("madvise over a hole", madvise(p, 3 * PAGE, MADV_NORMAL));
    report("madvise bad advice", madvise(p, PAGE, 12345));
    report("mremap from a hole", (long)mremap(p + PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
    report("mremap to size 0", (long)mremap(p, PAGE, 0, 0));
    report("mremap bad flags", (long)mremap(p, PAGE, PAGE, 0x100));
    report("mremap fixed onto itself",
           (long)mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p));
    report("msync a hole", msync(p, 3 * PAGE, MS_SYNC));
    report("mlock a hole", mlock(p, 3 * PAGE));
    report("munmap the rest", munmap(p, 4 * PAGE));
}

static void contents(void)
{
    char *p = map(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, 0);
    MUST(p != MAP_FAILED);
    for (int i = 0; i < 8; i++) {
        memset(p + (size_t)i * PAGE, 'a' + i, PAGE);
    }
    MUST(map(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_FIXED) == p + 2 * PAGE);
    printf("replaced page: %d, neighbours %c %c\n", p[2 * PAGE], p[PAGE], p[3 * PAGE]);

    /* Moved, with the parts' protection. */
    MUST(mprotect(p + 5 * PAGE, PAGE, PROT_NONE) == 0);
    printf("page without access readable: %d\n", readable(p + 5 * PAGE));
    MUST(mprotect(p + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE) == 0);
    char *target = map(NULL, 16 * PAGE, PROT_NONE, 0);
    MUST(target != MAP_FAILED);
    char *q =
        mremap(p + 3 * PAGE, 5 * PAGE, 5 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
    MUST(q == target + PAGE);
    printf("moved: %c %c, old readable %d\n", q[0], q[4 * PAGE], readable(p + 3 * PAGE));

    char *r = mremap(q, 5 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    MUST(r != MAP_FAILED);
    printf("grown: %c %c %d\n", r[0], r[4 * PAGE], r[5 * PAGE]);
    MUST(mremap(r, 64 * PAGE, PAGE, 0) == r);
    printf("shrunk: %c, tail readable %d\n", r[0], readable(r + PAGE));
    MUST(madvise(r, PAGE, MADV_DONTNEED) == 0);
    printf("not needed: %d\n", r[0]);
    MUST(munmap(r, PAGE) == 0 && munmap(p, 3 * PAGE) == 0 && munmap(target, 16 * PAGE) == 0);
}

static void heap(void)
{
    char *start = sbrk(0);
    MUST(sbrk(10 * PAGE) == start);
    memset(start, 7, 10 * PAGE);
    MUST(sbrk(-5 * (long)PAGE) == start + 10 * PAGE);
    MUST(sbrk(5 * PAGE) == start + 5 * PAGE);
    printf("heap: %d then %d\n", start[4 * PAGE], start[5 * PAGE]);
    report("heap below its start", (long)syscall(SYS_brk, 4096) == (long)sbrk(0) ? 0 : -1);
}

static void shared(void)
{
    int fd = memfd_create("shared", 0);
    MUST(fd >= 0 && ftruncate(fd, 2 * PAGE) == 0);
    char *a = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *b = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, PAGE);
    char *c = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
    MUST(a != MAP_FAILED && b != MAP_FAILED && c != MAP_FAILED);
    strcpy(a + PAGE, "one");
    c[0] = 'X';
    printf("shared: %s, private: %s\n", b, c);
    report("write to a file opened for reading only",
           (long)mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, open("/proc/self/exe", 0), 0));

    int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0600);
    MUST(id >= 0);
    char *s = shmat(id, NULL, 0), *s2 = shmat(id, NULL, SHM_RDONLY);
    MUST(s != (void *)-1 && s2 != (void *)-1);
    strcpy(s + PAGE, "two");
    printf("segment: %s\n", s2 + PAGE);
    report("shmdt", shmdt(s));
    report("shmdt again", shmdt(s));
    printf("detached readable: %d %d\n", readable(s), readable(s2));
    shmdt(s2);
    shmctl(id, IPC_RMID, NULL);
}

int main(void)
{
    errors();
    contents();
    heap();
    shared();
    return 0;
}
