/* Code that changes without a store by the guest to its address: through
 * another mapping, by the kernel, by mapping something else in its place. */
#include <fcntl.h>

#include "smc.h"

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

static int code_file(size_t size)
{
    int fd = memfd_create("code", MFD_CLOEXEC);
    MUST(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
    return fd;
}

static void dual_mapped(void)
{
    int fd = code_file(2 * PAGE);
    uint8_t *w = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
    uint8_t *x = mmap(NULL, 2 * PAGE, RX, MAP_SHARED, fd, 0);
    MUST(w != MAP_FAILED && x != MAP_FAILED);
    int sum = 0;
    for (int i = 0; i < 500; i++) {
        put_return(w + PAGE - 3, i); /* on both pages */
        sum += as_fn(x + PAGE - 3)();
    }
    printf("dual mapped: %d\n", sum);
    MUST(munmap(w, 2 * PAGE) == 0 && munmap(x, 2 * PAGE) == 0 && close(fd) == 0);
}

static void written_by_kernel(void)
{
    uint8_t *code = map_code(PAGE, RWX);
    int fds[2];
    MUST(pipe(fds) == 0);
    int sum = 0;
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[6];
        put_return(bytes, 3 * i);
        MUST(write(fds[1], bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
        MUST(read(fds[0], code, sizeof(bytes)) == (ssize_t)sizeof(bytes));
        sum += as_fn(code)();
    }
    printf("written by read(2): %d\n", sum);
    MUST(munmap(code, PAGE) == 0);
}

static void mapped_anew(void)
{
    uint8_t *code = map_code(PAGE, RWX);
    int sum = 0;
    for (int i = 0; i < 200; i++) {
        put_return(code, i);
        sum += as_fn(code)();
        if (i % 2) {
            MUST(munmap(code, PAGE) == 0);
        }
        void *p = mmap(code, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        MUST(p == code);
        MUST(code[0] == 0);
    }
    printf("mapped anew: %d\n", sum);
    MUST(munmap(code, PAGE) == 0);
}

/* Pages of a file with different code, one after the other at one address. */
static void file_pages(void)
{
    int fd = code_file(8 * PAGE);
    for (int i = 0; i < 8; i++) {
        uint8_t bytes[6];
        put_return(bytes, 1 << i);
        MUST(pwrite(fd, bytes, sizeof(bytes), i * (off_t)PAGE) == (ssize_t)sizeof(bytes));
    }
    uint8_t *at = map_code(PAGE, PROT_NONE);
    int sum = 0;
    for (int i = 0; i < 8; i++) {
        void *p = mmap(at, PAGE, RX, MAP_PRIVATE | MAP_FIXED, fd, i * (off_t)PAGE);
        MUST(p == at);
        sum += as_fn(at)();
    }
    printf("file pages: %d\n", sum);
    MUST(munmap(at, PAGE) == 0 && close(fd) == 0);
}

static void moved(void)
{
    uint8_t *a = map_code(PAGE, RWX), *b = map_code(PAGE, RWX);
    put_return(a, 1);
    put_return(b, 2);
    printf("before the move: %d %d\n", as_fn(a)(), as_fn(b)());
    void *p = mremap(a, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, b);
    MUST(p == b);
    printf("after the move: %d\n", as_fn(b)());
}

int main(void)
{
    dual_mapped();
    written_by_kernel();
    mapped_anew();
    file_pages();
    moved();
    return 0;
}
