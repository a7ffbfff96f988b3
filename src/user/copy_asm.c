/* Access to guest memory that survives a fault: each access is done by a few
 * instructions between two labels; the SIGSEGV handler finds the pair in
 * fixups[] and goes on behind it, where the registers tell how far it got. */
#include "user/copy.h"

#include <errno.h>
#include <string.h>
#include <ucontext.h>

#include "exec/tb.h"
#include "user/copy_atomic.h"
#include "user/signal_internal.h"

size_t copy_run(void *dst, const void *src, size_t n);
int copy_cmpxchg32(uint32_t *addr, uint32_t *expected, uint32_t desired);
int copy_store32(uint32_t *addr, uint32_t value);

extern const char copy_run_start[], copy_run_end[];
extern const char copy_cmpxchg32_start[], copy_cmpxchg32_end[];
extern const char copy_store32_start[], copy_store32_end[];
extern const char copy_fault[];

/* copy_run returns how many bytes were not copied. */
__asm__(".text\n"
        ".hidden copy_run, copy_run_start, copy_run_end\n"
        ".hidden copy_cmpxchg32, copy_cmpxchg32_start, copy_cmpxchg32_end\n"
        ".hidden copy_store32, copy_store32_start, copy_store32_end, copy_fault\n"
        ".globl copy_run, copy_run_start, copy_run_end\n"
        ".globl copy_cmpxchg32, copy_cmpxchg32_start, copy_cmpxchg32_end\n"
        ".globl copy_store32, copy_store32_start, copy_store32_end, copy_fault\n"
        ".type copy_run, @function\n"
        "copy_run:\n"
        "	.cfi_startproc\n"
        "	mov	%rdx, %rcx\n"
        "copy_run_start:\n"
        "	rep movsb\n"
        "copy_run_end:\n"
        "	mov	%rcx, %rax\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size copy_run, . - copy_run\n"
        ".type copy_cmpxchg32, @function\n"
        "copy_cmpxchg32:\n"
        "	.cfi_startproc\n"
        "	mov	(%rsi), %eax\n"
        "copy_cmpxchg32_start:\n"
        "	lock cmpxchg %edx, (%rdi)\n"
        "copy_cmpxchg32_end:\n"
        "	mov	%eax, (%rsi)\n"
        "	mov	$0, %eax\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size copy_cmpxchg32, . - copy_cmpxchg32\n"
        ".type copy_store32, @function\n"
        "copy_store32:\n"
        "	.cfi_startproc\n"
        "copy_store32_start:\n"
        "	mov	%esi, (%rdi)\n"
        "copy_store32_end:\n"
        "	xor	%eax, %eax\n"
        "	ret\n"
        "copy_fault:\n"
        "	mov	$-14, %eax\n"
        "	ret\n"
        "	.cfi_endproc\n"
        ".size copy_store32, . - copy_store32\n");

_Static_assert(EFAULT == 14, "as in the code above");

static const struct fixup {
    const char *start, *end, *to;
} fixups[] = {
    {copy_run_start, copy_run_end, copy_run_end},
    {copy_cmpxchg32_start, copy_cmpxchg32_end, copy_fault},
    {copy_store32_start, copy_store32_end, copy_fault},
};

SIGNAL_HANDLER_CODE bool copy_fixup(ucontext_t *uc, bool apply)
{
    uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
    for (size_t i = 0; i < sizeof(fixups) / sizeof(fixups[0]); i++) {
        if (pc >= (uintptr_t)fixups[i].start && pc < (uintptr_t)fixups[i].end) {
            if (apply) {
                uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)fixups[i].to;
            }
            return true;
        }
    }
    return false;
}

static void *pointer(uint64_t addr)
{
    return (void *)(uintptr_t)addr;
}

int guest_read(void *dst, uint64_t src, size_t n)
{
    return copy_run(dst, pointer(src), n) ? -EFAULT : 0;
}

int guest_write(uint64_t dst, const void *src, size_t n)
{
    return copy_run(pointer(dst), src, n) ? -EFAULT : 0;
}

size_t guest_read_some(void *dst, uint64_t src, size_t n)
{
    return n - copy_run(dst, pointer(src), n);
}

ssize_t guest_read_string(char *dst, uint64_t src, size_t size)
{
    size_t len = 0;
    while (len < size) {
        uint64_t at = src + len;
        size_t chunk = GUEST_PAGE_SIZE - (at & (GUEST_PAGE_SIZE - 1));
        if (chunk > size - len) {
            chunk = size - len;
        }
        size_t got = guest_read_some(dst + len, at, chunk);
        const char *end = memchr(dst + len, 0, got);
        if (end) {
            return end - dst;
        }
        if (got < chunk) {
            return -EFAULT;
        }
        len += chunk;
    }
    return -ENAMETOOLONG;
}

int guest_store32(uint64_t addr, uint32_t value)
{
    return copy_store32(pointer(addr), value);
}

int guest_cmpxchg32(uint64_t addr, uint32_t *expected, uint32_t desired)
{
    return copy_cmpxchg32(pointer(addr), expected, desired);
}
