/* Single-stepping by the trap flag: a SIGTRAP after each instruction. */
#include "guest_test.h"

#include <ucontext.h>

extern const char step_start[], step_end[];
static int steps;
static long offsets[128];
static int codes_ok = 1;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    ucontext_t *uc = context;
    const char *pc = (const char *)uc->uc_mcontext.gregs[REG_RIP];
    if (pc >= step_start && pc <= step_end && steps < 128) {
        offsets[steps++] = pc - step_start;
        codes_ok &= info->si_code == TRAP_TRACE && info->si_addr == (void *)(uintptr_t)pc &&
                    uc->uc_mcontext.gregs[REG_TRAPNO] == 1;
    }
}

static void stop(int sig, siginfo_t *info, void *context)
{
    handler(sig, info, context);
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~0x100L;
}

static void run(void)
{
    long a = 1, c = 3;
    static long cell = 5;
    __asm__ volatile(".globl step_start, step_end\n"
                     "pushfq; orq $0x100, (%%rsp); popfq\n"
                     "step_start: nop\n"
                     "add $5, %%rax\n"
                     "1: add (%[cell]), %%rax\n"
                     "push %%rax\n"
                     "pop %%rdx\n"
                     "dec %%rcx\n"
                     "jnz 1b\n"
                     "call 2f\n"
                     "jmp 3f\n"
                     "2: inc %%rax\n"
                     "ret\n"
                     "3: lea 1f(%%rip), %%rdx\n"
                     "jmp *%%rdx\n"
                     "ud2\n"
                     "1: mov $39, %%eax\n"
                     "xor %%edx, %%edx\n"
                     "step_end: pushfq; andq $~0x100, (%%rsp); popfq\n"
                     "nop\n"
                     : "+a"(a), "+c"(c)
                     : [cell] "r"(&cell)
                     : "rdx", "r11", "memory", "cc");
}

int main(void)
{
    handle(SIGTRAP, handler, 0);
    void (*volatile once)(void) = run;
    once();
    printf("%d steps, codes ok %d:", steps, codes_ok);
    for (int i = 0; i < steps; i++) {
        printf(" %ld", offsets[i]);
    }
    printf("\n");
    /* the handler's return may end it */
    steps = 0;
    handle(SIGTRAP, stop, 0);
    once();
    printf("%d step\n", steps);
    return 0;
}
