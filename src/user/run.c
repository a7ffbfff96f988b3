/* From options to the guest's first instruction. */
#include "user/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "exec/guest_ops.h"
#include "locks/stats.h"
#include "user/code_source.h"
#include "user/exec_check.h"
#include "user/identity.h"
#include "user/limits.h"
#include "user/load.h"
#include "user/process.h"
#include "user/stack.h"
#include "user/user.h"
#include "x86/engine.h"

#define DEFAULT_CACHE (64UL << 20)

struct user_process user_process;

static int fail(const char *what, const struct error *err, int status)
{
    fprintf(stderr, "mortise: %s%s%s\n", what, *what ? ": " : "", err->text);
    return status;
}

/* What a shell returns for a command that execve refuses. */
static int status_of(int rc)
{
    return rc == -ENOENT || rc == -ENOTDIR ? 127 : 126;
}

/* The name that /proc/self/exe shall have. */
static char *name_of_file(int fd, const char *path)
{
    char link[32], name[PATH_MAX];
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    if (n > 0) {
        name[n] = '\0';
        return strdup(name);
    }
    char *real = realpath(path, NULL);
    return real ? real : strdup(path);
}

static int start_engine(const struct elf_image *image, const struct user_options *options,
                        struct error *err)
{
    size_t cache = options->cache_size ? options->cache_size : DEFAULT_CACHE;
    mm_plan(image, cache);
    code_source = &user_code_source;
    struct x86_engine_config config = {.cache_size = cache,
                                       .cache_hint = mm_layout.cache,
                                       .one_insn_per_tb = options->one_insn_per_tb};
    return x86_engine_init(&config, err);
}

static void log_layout(void) REQUIRES(mmap_lock_cap)
{
    for (size_t i = 0; log_on(LOG_PAGE) && i < guest_vmas.count; i++) {
        const struct vma *vma = guest_vmas.v[i];
        log_printf("%016lx-%016lx %c%c%c\n", vma->start, vma->end,
                   vma->prot & PROT_READ ? 'r' : '-', vma->prot & PROT_WRITE ? 'w' : '-',
                   vma->prot & PROT_EXEC ? 'x' : '-');
    }
}

/* Loads program, interpreter and stack; sets the CPU to the first
 * instruction. */
static int load(struct x86_cpu *cpu, const struct exec_target *target,
                const struct user_options *options, struct error *err) REQUIRES(mmap_lock_cap)
{
    struct loaded_image program, interp;
    uint64_t vdso = mm_adopt_vdso();
    int rc = elf_load(target->fd, &target->image, mm_layout.program, &program, err);
    if (rc < 0) {
        return rc;
    }
    mm_set_brk(program.high);
    bool has_interp = target->interp_fd >= 0;
    if (has_interp) {
        uint64_t size = target->interp.high - target->interp.low;
        uint64_t where = vma_gap_from_top(&guest_vmas, mm_layout.files_low, mm_layout.files_high,
                                          size, target->interp.align);
        rc = elf_load(target->interp_fd, &target->interp, where, &interp, err);
        if (rc < 0) {
            error_prefix(err, "interpreter %s", target->image.interp);
            return rc;
        }
    }
    struct stack_request request = {.size = options->stack_size ? options->stack_size
                                                                : stack_default_size(),
                                    .executable = target->image.exec_stack,
                                    .argv = target->argv,
                                    .envp = options->envp,
                                    .execfn = options->program,
                                    .program = &program,
                                    .interp = has_interp ? &interp : NULL,
                                    .phnum = target->image.phnum,
                                    .phentsize = target->image.phentsize,
                                    .vdso = vdso,
                                    .seeded = options->seeded,
                                    .seed = options->seed};
    rc = stack_build(&request, &user_process.stack, err);
    if (rc < 0) {
        return rc;
    }
    cpu->gpr[X86_RSP] = user_process.stack.sp;
    cpu->rip = has_interp ? interp.entry : program.entry;
    cpu->rflags = X86_IF | 2;
    log_layout();
    return 0;
}

/* "/dev/fd/3": what fexecve'd programs are called, which is no name. */
static bool is_bare_descriptor(const char *path)
{
    return strncmp(path, "/dev/fd/", 8) == 0 && !strchr(path + 8, '/');
}

int user_run(const struct user_options *options)
{
    struct error err = {.text = ""};
    static struct exec_target target;

    user_process.options = options;
    limits_init();
    int rc = exec_resolve(AT_FDCWD, options->program, true, options->exec_fd, options->argv,
                          &target, &err);
    if (rc < 0) {
        return fail(options->program, &err, status_of(rc));
    }
    user_process.exe = name_of_file(target.fd, target.path);
    rc = start_engine(&target.image, options, &err);
    if (rc < 0) {
        return fail("", &err, 126);
    }
    struct x86_cpu *cpu = x86_cpu_new(NULL);
    if (!cpu) {
        error_set(&err, ENOMEM, "out of memory for a CPU");
        return fail("", &err, 126);
    }
    struct user_thread *t = user_thread_first(cpu);
    mmap_lock();
    rc = load(cpu, &target, options, &err);
    mmap_unlock();
    if (rc < 0) {
        return fail(options->program, &err, 126);
    }
    identity_set_name(is_bare_descriptor(options->program) ? user_process.exe : options->program);
    user_process.kernel_knows = identity_set_memory(&user_process.stack);
    exec_target_free(&target);
    user_cpu_loop(t);
}

void user_before_exit(void)
{
    static atomic_flag done = ATOMIC_FLAG_INIT;
    if (user_process.options->lock_stats &&
        !atomic_flag_test_and_set_explicit(&done, memory_order_relaxed)) {
        lock_stats_print(stderr);
    }
}

void user_exit_group(int status)
{
    user_before_exit();
    _exit(status);
}
