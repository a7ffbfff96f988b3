/* The instruction lies in a page of its own, between code that sets and clears AC. An
 * exception goes on behind it. */
#include "native_align.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "native_align_asm.h"

enum { PAGE = 4096, RFLAGS_AC = 1 << 18 };

static const uint8_t before[] = {
    0x53, 0x55, 0x41, 0x54,                         /* push rbx; push rbp; push r12 */
    0x49, 0x89, 0xe4,                               /* mov r12, rsp */
    0x31, 0xc0, 0x31, 0xc9, 0x31, 0xd2, 0x31, 0xdb, /* xor eax, eax and so on */
    0x48, 0x89, 0xfe, 0x48, 0x89, 0xe5,             /* mov rsi, rdi; mov rbp, rsp */
    0xdb, 0xe3,                                     /* fninit */
    0x9c, 0x81, 0x0c, 0x24, 0,    0,    4,    0,    /* pushfq; or dword [rsp], AC */
    0x9d,                                           /* popfq */
};
static const uint8_t behind[] = {
    0x4c, 0x89, 0xe4,                                     /* mov rsp, r12 */
    0x9c, 0x81, 0x24, 0x24, 0xff, 0xff, 0xfb, 0xff,       /* pushfq; and dword [rsp], ~AC */
    0x9d, 0xfc,                                           /* popfq; cld */
    0xdb, 0xe3, 0x0f, 0x77,                               /* fninit; emms */
    0x68, 0x80, 0x1f, 0,    0,    0x0f, 0xae, 0x14, 0x24, /* push 0x1f80; ldmxcsr [rsp] */
    0x4c, 0x89, 0xe4,                                     /* mov rsp, r12 */
    0x41, 0x5c, 0x5d, 0x5b, 0xc3,                         /* pop r12; pop rbp; pop rbx; ret */
};

static uint8_t *page;
static uintptr_t go_on;
static volatile sig_atomic_t vector;

static void caught(int number, siginfo_t *info, void *context)
{
    native_ac_clear();
    ucontext_t *uc = context;
    (void)number;
    (void)info;
    vector = (sig_atomic_t)uc->uc_mcontext.gregs[REG_TRAPNO];
    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)RFLAGS_AC;
    uc->uc_mcontext.gregs[REG_RIP] = (greg_t)go_on;
}

int native_align_setup(void)
{
    static uint8_t stack[64 << 10];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED || sigaltstack(&alternate, NULL) || sigaction(SIGBUS, &action, NULL) ||
        sigaction(SIGSEGV, &action, NULL) || sigaction(SIGILL, &action, NULL)) {
        return -errno;
    }
    return 0;
}

int native_align_run(const uint8_t *insn, size_t len, void *operand)
{
    void (*run)(void *operand);
    memcpy(page, before, sizeof before);
    memcpy(page + sizeof before, insn, len);
    memcpy(page + sizeof before + len, behind, sizeof behind);
    memcpy(&run, &page, sizeof run);
    go_on = (uintptr_t)page + sizeof before + len;
    vector = 0;
    run(operand);
    return vector;
}
