/* The alternate signal stack. */
#include <errno.h>

#include "user/signal.h"
#include "user/signal_frame.h"

#define MIN_STACK   2048u
#define AUTODISARM  (1u << 31)
#define MODE(flags) ((flags) & ~AUTODISARM)

bool signal_stack_contains(const struct thread_signals *s, uint64_t sp)
{
    return sp > s->alt_sp && sp - s->alt_sp <= s->alt_size;
}

bool signal_stack_active(const struct thread_signals *s, uint64_t sp)
{
    /* One that disarms itself is never in use. */
    return !(s->alt_flags & AUTODISARM) && s->alt_size && signal_stack_contains(s, sp);
}

void signal_stack_disarm(struct thread_signals *s)
{
    if (s->alt_flags & AUTODISARM) {
        s->alt_sp = 0;
        s->alt_size = 0;
        s->alt_flags = SS_DISABLE;
    }
}

void signal_stack_get(const struct thread_signals *s, struct guest_stack *old, uint64_t sp)
{
    uint32_t mode = SS_DISABLE;
    if (s->alt_size) {
        mode = signal_stack_active(s, sp) ? SS_ONSTACK : 0;
    }
    *old = (struct guest_stack){
        .sp = s->alt_sp, .flags = mode | (s->alt_flags & AUTODISARM), .size = s->alt_size};
}

int signal_stack_set(struct thread_signals *s, const struct guest_stack *new, uint64_t sp)
{
    uint32_t mode = MODE(new->flags);
    if (signal_stack_active(s, sp)) {
        return -EPERM;
    }
    if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0) {
        return -EINVAL;
    }
    if (mode != SS_DISABLE && new->size < MIN_STACK) {
        return -ENOMEM;
    }
    s->alt_sp = mode == SS_DISABLE ? 0 : new->sp;
    s->alt_size = mode == SS_DISABLE ? 0 : new->size;
    s->alt_flags = new->flags;
    return 0;
}
