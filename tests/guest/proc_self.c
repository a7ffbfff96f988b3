/* What /proc says about the program itself. */
#include "guest_test.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char buffer[1 << 20];

static size_t slurp(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t n;
    if (fd < 0) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return 0;
    }
    while ((n = read(fd, buffer + size, sizeof(buffer) - 1 - size)) > 0) {
        size += (size_t)n;
    }
    close(fd);
    buffer[size] = '\0';
    return size;
}

/* The permissions of the mapping that contains p, and its name's last part. */
static void look(const char *what, const void *p)
{
    slurp("/proc/self/maps");
    for (char *line = strtok(buffer, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end;
        char perms[5], name[4096] = "";
        MUST(sscanf(line, "%lx-%lx %4s %*s %*s %*s %4095s", &start, &end, perms, name) >= 3);
        if ((unsigned long)p >= start && (unsigned long)p < end) {
            char *slash = strrchr(name, '/');
            printf("%s: %s %s\n", what, perms, slash ? slash + 1 : name);
            return;
        }
    }
    printf("%s: not mapped\n", what);
}

static void same_file(const char *a, const char *b)
{
    struct stat x, y;
    MUST(stat(a, &x) == 0 && stat(b, &y) == 0);
    printf("%s: the same file: %d\n", a, x.st_ino == y.st_ino && x.st_dev == y.st_dev);
}

int main(int argc, char **argv)
{
    static const int constant = 1;
    static int variable = 1;
    char path[64], link[4096];
    (void)argc;
    void *heap = malloc(10);
    look("code", (void *)(uintptr_t)main);
    look("constant", &constant);
    look("variable", &variable);
    look("heap", heap);
    look("stack", path);
    look("vdso", (void *)getauxval(AT_SYSINFO_EHDR));
    char *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    look("shared", p);
    munmap(p, 4096);
    look("nothing", p);

    ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);
    MUST(n > 0);
    link[n] = '\0';
    printf("exe: %s\n", strrchr(link, '/') + 1);
    printf("cut: %zd\n", readlink("/proc/self/exe", path, 3));
    same_file("/proc/self/exe", link);
    same_file("/proc/thread-self/exe", link);
    snprintf(path, sizeof(path), "/proc/%d/exe", getpid());
    printf("by pid: %d\n", readlink(path, buffer, sizeof(buffer)) == n);
    int fd = open("/proc/self", O_RDONLY | O_DIRECTORY);
    printf("relative: %d\n", readlinkat(fd, "exe", buffer, sizeof(buffer)) == n);
    int exe = openat(fd, "exe", O_RDONLY);
    MUST(exe >= 0 && read(exe, buffer, 4) == 4);
    printf("opened: %d\n", memcmp(buffer, "\177ELF", 4) == 0);
    struct stat st;
    MUST(lstat("/proc/self/exe", &st) == 0);
    printf("a link: %d\n", S_ISLNK(st.st_mode));

    size_t size = slurp("/proc/self/cmdline");
    printf("cmdline: %d\n", size == strlen(argv[0]) + 1 && strcmp(buffer, argv[0]) == 0);
    size = slurp("/proc/self/auxv");
    unsigned long entry = 0;
    for (size_t i = 0; i + 16 <= size; i += 16) {
        unsigned long pair[2];
        memcpy(pair, buffer + i, 16);
        entry = pair[0] == AT_ENTRY ? pair[1] : entry;
    }
    printf("auxv: %d\n", entry == getauxval(AT_ENTRY));
    slurp("/proc/self/comm");
    printf("comm: %s", buffer);
    prctl(PR_SET_NAME, "renamed");
    slurp("/proc/self/comm");
    printf("comm: %s", buffer);
    slurp("/proc/self/stat");
    printf("stat: %d\n", strstr(buffer, "(renamed)") != NULL);
    argv[0][0] = '?'; /* programs that set their title overwrite it */
    slurp("/proc/self/cmdline");
    printf("title: %c\n", buffer[0]);

    struct rlimit limit;
    MUST(getrlimit(RLIMIT_AS, &limit) == 0);
    limit.rlim_cur = 1UL << 32;
    MUST(setrlimit(RLIMIT_AS, &limit) == 0 && getrlimit(RLIMIT_AS, &limit) == 0);
    printf("limit: %lx\n", (unsigned long)limit.rlim_cur);
    return 0;
}
