/* Building and undoing signal frames on the guest's stack, as the kernel does
 * in arch/x86/kernel/signal_64.c. */
#include "user/signal_frame.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "user/copy.h"
#include "user/signal_internal.h"

#define RED_ZONE          128
#define XSTATE_ALIGNMENT  64
#define GUEST_SA_RESTORER 0x04000000u

/* What a handler may change of RFLAGS. */
#define FLAGS_RESTORED                                                                             \
    ((uint64_t)(X86_AC | X86_OF | X86_DF | X86_TF | X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF |   \
                X86_RF))

size_t signal_min_stack(void)
{
    size_t most = sizeof(struct guest_rt_sigframe) + signal_xstate_size() + XSTATE_ALIGNMENT + 16;
    return (most + 15) & ~(size_t)15;
}

/* Where the frame and, above it, the vector state go. -EFAULT if that would
 * run out of the alternate stack. */
static int place_frame(const struct user_thread *t, const struct guest_sigaction *act,
                       uint64_t *frame, uint64_t *xstate)
{
    const struct thread_signals *s = &t->signals;
    uint64_t rsp = t->cpu->gpr[X86_RSP];
    uint64_t sp = rsp - RED_ZONE;
    bool on_alternate = signal_stack_active(s, rsp);

    if ((act->flags & SA_ONSTACK) && s->alt_size && !on_alternate) {
        sp = s->alt_sp + s->alt_size;
        on_alternate = true;
    }
    sp = (sp - signal_xstate_size()) & ~(uint64_t)(XSTATE_ALIGNMENT - 1);
    *xstate = sp;
    sp = ((sp - sizeof(struct guest_rt_sigframe)) & ~15ULL) - 8;
    *frame = sp;
    return on_alternate && !signal_stack_contains(s, sp) ? -EFAULT : 0;
}

static void save_registers(const struct user_thread *t, struct guest_sigcontext *c)
{
    const uint64_t *r = t->cpu->gpr;
    *c = (struct guest_sigcontext){
        .r8 = r[X86_R8],
        .r9 = r[X86_R9],
        .r10 = r[X86_R10],
        .r11 = r[X86_R11],
        .r12 = r[X86_R12],
        .r13 = r[X86_R13],
        .r14 = r[X86_R14],
        .r15 = r[X86_R15],
        .rdi = r[X86_RDI],
        .rsi = r[X86_RSI],
        .rbp = r[X86_RBP],
        .rbx = r[X86_RBX],
        .rdx = r[X86_RDX],
        .rax = r[X86_RAX],
        .rcx = r[X86_RCX],
        .rsp = r[X86_RSP],
        .rip = t->cpu->rip,
        .rflags = t->cpu->rflags | X86_IF | 2,
        .cs = GUEST_CS,
        .ss = GUEST_SS,
        .err = t->signals.err,
        .trapno = t->signals.trapno,
        .cr2 = t->signals.cr2,
    };
}

static int write_frame(struct user_thread *t, uint64_t at, const siginfo_t *info,
                       const struct guest_sigaction *act, uint64_t old_mask, uint64_t xstate)
{
    const struct thread_signals *s = &t->signals;
    struct guest_rt_sigframe frame;

    memset(&frame, 0, sizeof(frame));
    frame.return_address = act->restorer;
    frame.uc.flags = GUEST_UC_FP_XSTATE | GUEST_UC_SIGCONTEXT_SS | GUEST_UC_STRICT_RESTORE_SS;
    frame.uc.stack =
        (struct guest_stack){.sp = s->alt_sp, .flags = s->alt_flags, .size = s->alt_size};
    save_registers(t, &frame.uc.mcontext);
    frame.uc.mcontext.oldmask = old_mask;
    frame.uc.mcontext.fpstate = xstate;
    frame.uc.sigmask = old_mask;
    frame.info = *info;
    size_t size =
        act->flags & SA_SIGINFO ? sizeof(frame) : offsetof(struct guest_rt_sigframe, info);
    return guest_write(at, &frame, size);
}

int signal_frame_push(struct user_thread *t, const siginfo_t *info,
                      const struct guest_sigaction *act, uint64_t old_mask)
{
    struct x86_cpu *cpu = t->cpu;
    uint64_t frame, xstate;

    if (!(act->flags & GUEST_SA_RESTORER)) {
        return -EFAULT; /* the kernel refuses it too */
    }
    int r = place_frame(t, act, &frame, &xstate);
    if (r == 0) {
        r = signal_xstate_save(t, xstate);
    }
    if (r == 0) {
        r = write_frame(t, frame, info, act, old_mask, xstate);
    }
    if (r < 0) {
        return r;
    }
    signal_stack_disarm(&t->signals);
    signal_xstate_reset(t);
    cpu->gpr[X86_RDI] = (uint64_t)info->si_signo;
    cpu->gpr[X86_RSI] = frame + offsetof(struct guest_rt_sigframe, info);
    cpu->gpr[X86_RDX] = frame + offsetof(struct guest_rt_sigframe, uc);
    cpu->gpr[X86_RAX] = 0;
    cpu->gpr[X86_RSP] = frame;
    cpu->rip = act->handler;
    cpu->rflags &= ~(uint64_t)(X86_DF | X86_RF | X86_TF);
    return 0;
}

static void restore_registers(struct user_thread *t, const struct guest_sigcontext *c)
{
    uint64_t *r = t->cpu->gpr;
    r[X86_R8] = c->r8;
    r[X86_R9] = c->r9;
    r[X86_R10] = c->r10;
    r[X86_R11] = c->r11;
    r[X86_R12] = c->r12;
    r[X86_R13] = c->r13;
    r[X86_R14] = c->r14;
    r[X86_R15] = c->r15;
    r[X86_RDI] = c->rdi;
    r[X86_RSI] = c->rsi;
    r[X86_RBP] = c->rbp;
    r[X86_RBX] = c->rbx;
    r[X86_RDX] = c->rdx;
    r[X86_RAX] = c->rax;
    r[X86_RCX] = c->rcx;
    r[X86_RSP] = c->rsp;
    t->cpu->rip = c->rip;
    t->cpu->rflags = (t->cpu->rflags & ~FLAGS_RESTORED) | (c->rflags & FLAGS_RESTORED);
}

int signal_frame_pop(struct user_thread *t)
{
    struct thread_signals *s = &t->signals;
    struct guest_ucontext uc;
    /* RET has taken the return address off. */
    uint64_t frame = t->cpu->gpr[X86_RSP] - sizeof(uint64_t);

    if (guest_read(&uc, frame + offsetof(struct guest_rt_sigframe, uc), sizeof(uc)) < 0) {
        return -EFAULT;
    }
    s->mask = uc.sigmask & ~SIGNAL_UNBLOCKABLE;
    signals_apply_mask(t);
    restore_registers(t, &uc.mcontext);
    if (signal_xstate_restore(t, uc.mcontext.fpstate) < 0) {
        return -EFAULT;
    }
    if ((uc.mcontext.cs | 3) != GUEST_CS) {
        if (log_on(LOG_UNIMP)) {
            log_printf("sigreturn to code segment 0x%x: only 64-bit code is supported\n",
                       (unsigned)uc.mcontext.cs);
        }
        return -EFAULT;
    }
    /* A stack that cannot be set is left as it is, like in the kernel. */
    int ignored = signal_stack_set(s, &uc.stack, t->cpu->gpr[X86_RSP]);
    (void)ignored;
    return 0;
}
