/* From the top down: the program's file name, environment strings, argument
 * strings, the platform's name, random bytes; then the auxiliary vector,
 * envp, argv and argc, with the stack pointer at argc, 16-byte aligned. The
 * strings of argv and envp lie one after the other in ascending order, as
 * programs that overwrite them (setproctitle) and the kernel's
 * /proc/PID/cmdline expect. */
#include "user/stack.h"

#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user/limits.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#define AT_RSEQ_ALIGN        28
#endif

#define GUARD_SIZE        (1UL << 20)
#define DEFAULT_SIZE      (8UL << 20)
#define UNLIMITED_SIZE    (256UL << 20)
#define MINIMUM_SIZE      (128UL << 10)
#define HWCAP2_RING3MWAIT (1UL << 0)
#define HWCAP2_FSGSBASE   (1UL << 1)
#define AUXV_MAX          28

uint64_t stack_default_size(void)
{
    struct rlimit limit;
    uint64_t kept;
    if (limits_stack(&kept)) {
        limit.rlim_cur = kept;
    } else if (getrlimit(RLIMIT_STACK, &limit) != 0) {
        return DEFAULT_SIZE;
    }
    if (limit.rlim_cur == RLIM_INFINITY) {
        return UNLIMITED_SIZE;
    }
    return limit.rlim_cur < MINIMUM_SIZE ? MINIMUM_SIZE : PAGE_UP(limit.rlim_cur);
}

static int64_t map_stack(const struct stack_request *request) REQUIRES(mmap_lock_cap)
{
    struct mm_request r = {.size = request->size + GUARD_SIZE,
                           .prot = PROT_NONE,
                           .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                           .fd = -1,
                           .kind = VMA_STACK};
    int64_t at = mm_map(&r);
    if (at < 0) {
        return at;
    }
    uint64_t start = (uint64_t)at + GUARD_SIZE;
    uint32_t prot = PROT_READ | PROT_WRITE | (request->executable ? PROT_EXEC : 0);
    int rc = mm_protect(start, start + request->size, prot);
    if (rc < 0) {
        return rc;
    }
    /* The guard stays the emulator's: to the guest nothing is there. */
    vma_remove(&guest_vmas, (uint64_t)at, start);
    return (int64_t)start;
}

static size_t strings_size(char *const *strings, size_t *count)
{
    size_t size = 0;
    for (*count = 0; strings[*count]; (*count)++) {
        size += strlen(strings[*count]) + 1;
    }
    return size;
}

/* Copies strings upwards from *to, and their addresses to `pointers`. */
static void put_strings(char *const *strings, size_t count, char **to, uint64_t *pointers)
{
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(strings[i]) + 1;
        memcpy(*to, strings[i], size);
        pointers[i] = (uint64_t)*to;
        *to += size;
    }
    pointers[count] = 0;
}

static void random_bytes(const struct stack_request *request, unsigned char bytes[16])
{
    if (!request->seeded && getrandom(bytes, 16, 0) == 16) {
        return;
    }
    uint64_t x = request->seed;
    for (size_t i = 0; i < 16; i++) { /* splitmix64, a byte of each output */
        x += 0x9e3779b97f4a7c15UL;
        uint64_t z = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9UL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebUL;
        bytes[i] = (unsigned char)(z >> 56);
    }
}

struct auxv {
    Elf64_auxv_t entries[AUXV_MAX];
    size_t count;
};

static void add(struct auxv *auxv, uint64_t type, uint64_t value)
{
    auxv->entries[auxv->count].a_type = type;
    auxv->entries[auxv->count++].a_un.a_val = value;
}

static void add_host(struct auxv *auxv, uint64_t type)
{
    errno = 0;
    uint64_t value = getauxval(type);
    if (errno == 0) {
        add(auxv, type, value);
    }
}

static void fill_auxv(struct auxv *auxv, const struct stack_request *request, uint64_t platform,
                      uint64_t random, uint64_t execfn)
{
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    (void)__get_cpuid(1, &eax, &ebx, &ecx, &edx);

    if (request->vdso) {
        add(auxv, AT_SYSINFO_EHDR, request->vdso);
    }
    add_host(auxv, AT_MINSIGSTKSZ);
    add(auxv, AT_HWCAP, edx);
    add(auxv, AT_PAGESZ, GUEST_PAGE_SIZE);
    add(auxv, AT_CLKTCK, (uint64_t)sysconf(_SC_CLK_TCK));
    if (request->program->phdr) {
        add(auxv, AT_PHDR, request->program->phdr);
    }
    add(auxv, AT_PHENT, request->phentsize);
    add(auxv, AT_PHNUM, request->phnum);
    add(auxv, AT_BASE, request->interp ? request->interp->bias : 0);
    add(auxv, AT_FLAGS, 0);
    add(auxv, AT_ENTRY, request->program->entry);
    add_host(auxv, AT_UID);
    add_host(auxv, AT_EUID);
    add_host(auxv, AT_GID);
    add_host(auxv, AT_EGID);
    add_host(auxv, AT_SECURE);
    add(auxv, AT_RANDOM, random);
    add(auxv, AT_HWCAP2, HWCAP2_FSGSBASE);
    add(auxv, AT_EXECFN, execfn);
    add(auxv, AT_PLATFORM, platform);
    add_host(auxv, AT_RSEQ_FEATURE_SIZE);
    add_host(auxv, AT_RSEQ_ALIGN);
    add(auxv, AT_NULL, 0);
}

static int too_long(uint64_t need, uint64_t size, struct error *err)
{
    return error_set(err, E2BIG,
                     "arguments and environment take %llu bytes: too long for a stack of %llu "
                     "(see -s)",
                     (unsigned long long)need, (unsigned long long)size);
}

int stack_build(const struct stack_request *request, struct stack_image *out, struct error *err)
{
    static const char platform_name[] = "x86_64";
    size_t argc, envc;
    size_t arg_size = strings_size(request->argv, &argc);
    size_t env_size = strings_size(request->envp, &envc);
    size_t fn_size = strlen(request->execfn) + 1;
    size_t strings = arg_size + env_size + fn_size + sizeof(platform_name) + 16 + 64;
    size_t pointers = (argc + envc + 3) * 8 + sizeof(struct auxv);
    if (strings + pointers > request->size - request->size / 4) {
        return too_long(strings + pointers, request->size, err);
    }
    int64_t at = map_stack(request);
    if (at < 0) {
        return error_set(err, (int)-at, "a stack of %llu bytes can't be had: %s",
                         (unsigned long long)request->size, error_text((int)-at));
    }

    uint64_t top = (uint64_t)at + request->size;
    uint64_t execfn = top - 8 - fn_size; /* 8 bytes of zeros at the very top, as ever */
    memcpy((void *)execfn, request->execfn, fn_size);
    out->env_end = execfn;
    out->env_start = out->arg_end = execfn - env_size;
    out->arg_start = out->arg_end - arg_size;
    uint64_t platform = (out->arg_start - sizeof(platform_name)) & ~15UL;
    memcpy((void *)platform, platform_name, sizeof(platform_name));
    uint64_t random = platform - 16;
    random_bytes(request, (unsigned char *)random);

    struct auxv auxv = {.count = 0};
    fill_auxv(&auxv, request, platform, random, execfn);
    size_t auxv_size = auxv.count * sizeof(auxv.entries[0]);
    out->sp = (random - ((argc + envc + 3) * 8 + auxv_size)) & ~15UL;

    uint64_t *words = (uint64_t *)out->sp;
    char *to = (char *)out->arg_start;
    words[0] = argc;
    put_strings(request->argv, argc, &to, words + 1);
    put_strings(request->envp, envc, &to, words + argc + 2);
    out->auxv = (uint64_t)(words + argc + envc + 3);
    out->auxv_size = auxv_size;
    memcpy((void *)out->auxv, auxv.entries, auxv_size);
    return 0;
}
