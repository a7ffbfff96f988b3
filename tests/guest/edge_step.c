/* Single-stepping over what does not move the instruction pointer on: a jump
 * to itself, a repeated string instruction, system calls. */
#include "guest_test.h"

#include <ucontext.h>

static volatile int steps;

static void trap(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    (void)info;
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (++steps == 20) { /* only the jump takes that many: on behind it */
        regs[REG_EFL] &= ~0x100L;
        regs[REG_RIP] += 2;
    }
}

#define STEPPING_ON  "pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
#define STEPPING_OFF "pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\tnop"

int main(void)
{
    char from[8] = "1234567", to[8];
    void *source = from, *target = to;
    long count = 4;
    alarm(20);
    handle(SIGTRAP, trap, 0);
    __asm__ volatile(STEPPING_ON "1: jmp 1b\n\tnop" ::: "memory", "cc");
    printf("jump to itself: %d\n", steps);
    steps = 0;
    __asm__ volatile(STEPPING_ON "rep movsb\n\t" STEPPING_OFF
                     : "+c"(count), "+D"(target), "+S"(source)
                     :
                     : "memory", "cc");
    printf("rep movsb: %d\n", steps);
    steps = 0;
    __asm__ volatile(STEPPING_ON "mov $39, %%eax\n\tsyscall\n\tsyscall\n\tnop\n\t" STEPPING_OFF ::
                         : "memory", "cc", "rax", "rcx", "r11");
    printf("system calls: %d\n", steps);
    return 0;
}
