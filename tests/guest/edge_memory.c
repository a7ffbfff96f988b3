/* Corners of the memory calls, and results that the kernel stores into pages
 * with translated code. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "guest_test.h"

#define PAGE 4096L

static char *anonymous(long pages, int prot, int flags)
{
    char *p = mmap(NULL, (size_t)(pages * PAGE), prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    MUST(p != MAP_FAILED);
    return p;
}

static void low_mappings(void)
{
    int fd = open("/bin/true", O_RDONLY);
    const char *code = anonymous(2, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_32BIT);
    const char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_32BIT, fd, 0);
    MUST(file != MAP_FAILED);
    printf("MAP_32BIT: code %s, file %s\n", (uintptr_t)code < 1UL << 31 ? "low" : "high",
           (uintptr_t)file < 1UL << 31 ? "low" : "high");
    close(fd);
}

static void shrink_over_two_ranges(void)
{
    char *p = anonymous(4, PROT_READ | PROT_WRITE, 0);
    MUST(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_READ) == 0);
    MUST(mremap(p, 4 * PAGE, PAGE, 0) == p);
    const char *again =
        mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    printf("shrunk: the rest is %s\n", again == p + PAGE ? "free" : "taken");
}

/* A page with code that has run and so has been translated. */
static char *page_with_code(void)
{
    static const unsigned char code[] = {0xb8, 7, 0, 0, 0, 0xc3}; /* mov eax, 7; ret */
    union {
        char *p;
        int (*fn)(void);
    } u = {.p = anonymous(1, PROT_READ | PROT_WRITE | PROT_EXEC, 0)};
    memcpy(u.p, code, sizeof(code));
    MUST(u.fn() == 7);
    return u.p + PAGE / 2;
}

static void wait_into_code(void)
{
    int *status = (int *)(void *)page_with_code();
    pid_t child = fork();
    if (child == 0) {
        _exit(5);
    }
    pid_t got = waitpid(child, status, 0);
    printf("wait into a code page: %s, %d\n", got == child ? "ok" : strerror(errno),
           got == child ? WEXITSTATUS(*status) : -1);
    siginfo_t *info = (siginfo_t *)(void *)page_with_code();
    child = fork();
    if (child == 0) {
        _exit(6);
    }
    int r = waitid(P_PID, (id_t)child, info, WEXITED);
    printf("waitid into a code page: %d, %d\n", r, r == 0 ? info->si_status : -1);
}

static void accept_into_code(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "mortise-edge-%d", (int)getpid());
    MUST(bind(listener, (struct sockaddr *)&name, sizeof(name)) == 0 && listen(listener, 1) == 0);
    MUST(connect(client, (struct sockaddr *)&name, sizeof(name)) == 0);
    struct sockaddr *peer = (struct sockaddr *)(void *)page_with_code();
    socklen_t *length = (socklen_t *)(void *)page_with_code();
    *length = sizeof(name);
    alarm(10);
    int fd = accept(listener, peer, length);
    alarm(0);
    printf("accept into a code page: %s\n", fd >= 0 ? "ok" : strerror(errno));
}

/* What has been taken with a bad pointer is gone, and is not waited for
 * again, with code about that can be written to. */
static void bad_pointers(void)
{
    sigset_t set;
    (void)page_with_code();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGUSR1);
    alarm(10);
    int r = sigwaitinfo(&set, (siginfo_t *)8);
    printf("sigwaitinfo: %d %s\n", r, strerror(errno));
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    r = waitpid(child, (int *)8, 0);
    printf("waitpid: %d %s\n", r, strerror(errno));
    alarm(0);
}

int main(void)
{
    bad_pointers();
    low_mappings();
    shrink_over_two_ranges();
    wait_into_code();
    accept_into_code();
    return 0;
}
