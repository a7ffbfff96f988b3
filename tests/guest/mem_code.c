/* Code that the program makes itself: pages it may and may not execute,
 * code changed through the same and through another mapping, and by the
 * kernel. */
#include "guest_test.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096UL

typedef int function(void);

/* mov $value, %eax; ret */
static void put_function(unsigned char *at, int value)
{
    unsigned char code[6] = {0xb8, 0, 0, 0, 0, 0xc3};
    memcpy(code + 1, &value, 4);
    memcpy(at, code, sizeof(code));
}

static sigjmp_buf escape;
static siginfo_t seen;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)context;
    seen = *info;
    siglongjmp(escape, 1);
}

static void call(const char *what, unsigned char *at)
{
    if (sigsetjmp(escape, 1) == 0) {
        int value = ((function *)(uintptr_t)at)();
        printf("%s: %d\n", what, value);
    } else {
        printf("%s: signal %d code %d at the function: %d\n", what, seen.si_signo, seen.si_code,
               seen.si_addr == (void *)at);
    }
}

static void anonymous(void)
{
    unsigned char *p =
        mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(p != MAP_FAILED);
    put_function(p, 1);
    put_function(p + PAGE, 100);
    call("not executable", p);
    MUST(mprotect(p, 4 * PAGE, PROT_READ | PROT_EXEC) == 0);
    call("executable", p);
    call("second page", p + PAGE);
    MUST(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE) == 0);
    call("no longer executable", p);
    put_function(p, 2);
    MUST(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    call("changed", p);
    for (int i = 3; i < 6; i++) {
        put_function(p, i);
        call("changed while executable", p);
    }
    MUST(mprotect(p, 4 * PAGE, PROT_EXEC) == 0);
    call("execute only", p);
    MUST(mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
    call("writable again", p);
    put_function(p, 6);
    call("changed after mprotect", p);

    /* A function across two pages, one of which changes. */
    put_function(p + PAGE - 3, 0x01020304);
    call("across pages", p + PAGE - 3);
    p[PAGE] = 0x55;
    call("across pages, second changed", p + PAGE - 3);

    MUST(madvise(p, PAGE, MADV_DONTNEED) == 0);
    put_function(p + 8, 7);
    call("after MADV_DONTNEED", p + 8);
    unsigned char *q = mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
                              mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    MUST(q != MAP_FAILED);
    call("moved", q + 8);
    call("where it was", p + 8);
    MUST(munmap(q, PAGE) == 0);
    call("unmapped", q + 8);
    MUST(mmap(q, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
              -1, 0) == q);
    put_function(q + 8, 8);
    call("mapped anew", q + 8);
    munmap(q, 4 * PAGE);
}

static void by_kernel(void)
{
    unsigned char *p =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned char code[16];
    int fds[2];
    MUST(p != MAP_FAILED && pipe(fds) == 0);
    put_function(p, 10);
    call("before read", p);
    put_function(code, 11);
    MUST(write(fds[1], code, 6) == 6 && read(fds[0], p, 6) == 6);
    call("after read", p);
    /* A small result that the kernel writes onto the code's page. */
    MUST(pipe((int *)(void *)(p + 1024)) == 0);
    call("after pipe", p);
    printf("pipe works: %d\n", write(((int *)(void *)(p + 1024))[1], code, 6) == 6);
    munmap(p, PAGE);
}

static void two_mappings(void)
{
    int fd = memfd_create("code", 0);
    MUST(fd >= 0 && ftruncate(fd, 4 * PAGE) == 0);
    unsigned char *w = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    unsigned char *x = mmap(NULL, 4 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    MUST(w != MAP_FAILED && x != MAP_FAILED);
    for (int i = 20; i < 24; i++) {
        put_function(w + 2 * PAGE, i);
        call("through the other mapping", x + 2 * PAGE);
    }
    /* A third mapping that comes after the code was run. */
    unsigned char *late = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
    MUST(late != MAP_FAILED);
    put_function(late, 24);
    call("through a later mapping", x + 2 * PAGE);
    unsigned char *closed = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 2 * PAGE);
    MUST(closed != MAP_FAILED && mprotect(closed, PAGE, PROT_READ | PROT_WRITE) == 0);
    put_function(closed, 25);
    call("through one made writable later", x + 2 * PAGE);
}

int main(void)
{
    handle(SIGSEGV, on_fault, SA_NODEFER);
    handle(SIGILL, on_fault, SA_NODEFER);
    anonymous();
    by_kernel();
    two_mappings();
    return 0;
}
