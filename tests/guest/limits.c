/* Resource limits that would hit the emulator too, if the host applied them:
 * told back, inherited by fork and execve, and, on the address space, kept. */
#include "guest_test.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void show(const char *what, __rlimit_resource_t resource)
{
    struct rlimit limit;
    MUST(getrlimit(resource, &limit) == 0);
    printf("%s: %lx %lx\n", what, (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
}

static void set(__rlimit_resource_t resource, rlim_t soft)
{
    struct rlimit limit;
    MUST(getrlimit(resource, &limit) == 0);
    limit.rlim_cur = soft;
    MUST(setrlimit(resource, &limit) == 0);
}

static int map(size_t size)
{
    void *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        return errno;
    }
    munmap(p, size);
    return 0;
}

/* How deep the stack is, by what is left of it. */
static int stack_holds(size_t size)
{
    volatile char page[4096];
    page[0] = 1;
    return size <= sizeof(page) ? page[0] : stack_holds(size - sizeof(page)) + (page[0] - 1);
}

int main(int argc, char **argv)
{
    if (argc > 1) { /* after execve */
        show("address space", RLIMIT_AS);
        show("stack", RLIMIT_STACK);
        printf("stack holds 2 MiB: %d\n", stack_holds(2 << 20));
        return 0;
    }
    struct rlimit wrong = {2, 1};
    printf("soft above hard: %d\n", setrlimit(RLIMIT_AS, &wrong) == -1 && errno == EINVAL);
    set(RLIMIT_AS, 1UL << 32);
    printf("5 GiB: %s\n", strerrorname_np(map(5UL << 30)));
    printf("1 GiB: %d\n", map(1UL << 30));
    set(RLIMIT_STACK, 3UL << 20);
    show("stack", RLIMIT_STACK);
    fflush(stdout);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        execv("/proc/self/exe", (char *[]){argv[0], "again", NULL});
        _exit(77);
    }
    int status;
    MUST(waitpid(pid, &status, 0) == pid);
    printf("status %x\n", status);
    set(RLIMIT_AS, RLIM_INFINITY);
    printf("5 GiB: %d\n", map(5UL << 30));
    return 0;
}
