/* Running what is no code: the guest's own signals, with the right address. */
#include <setjmp.h>
#include <ucontext.h>

#include "smc.h"

#define RW  (PROT_READ | PROT_WRITE)
#define RX  (PROT_READ | PROT_EXEC)
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

static sigjmp_buf back;
static volatile int got_signal, got_code;
static volatile intptr_t got_offset; /* of si_addr from `origin` */
static volatile intptr_t got_rip;
static uint8_t *origin;

static void on_fault(int sig, siginfo_t *info, void *context)
{
    ucontext_t *uc = context;
    got_signal = sig;
    got_code = info->si_code;
    /* -1: none */
    got_offset = info->si_addr ? (intptr_t)((uintptr_t)info->si_addr - (uintptr_t)origin) : -1;
    got_rip = (intptr_t)((uintptr_t)uc->uc_mcontext.gregs[REG_RIP] - (uintptr_t)origin);
    siglongjmp(back, 1);
}

static void try(const char *what, void *at)
{
    got_signal = 0;
    volatile int r = -1;
    if (!sigsetjmp(back, 1)) {
        r = as_fn(at)();
    }
    if (got_signal) {
        printf("%s: %s, code %d, address %ld, rip %ld\n", what, strsignal(got_signal), got_code,
               (long)got_offset, (long)got_rip);
    } else {
        printf("%s: returned %d\n", what, r);
    }
}

int main(void)
{
    handle(SIGSEGV, on_fault, SA_NODEFER);
    handle(SIGILL, on_fault, SA_NODEFER);
    handle(SIGBUS, on_fault, SA_NODEFER);
    handle(SIGTRAP, on_fault, SA_NODEFER);
    handle(SIGFPE, on_fault, SA_NODEFER);

    uint8_t *code = origin = map_code(4 * PAGE, RWX);
    put_return(code, 1);
    try("code", code);
    MUST(mprotect(code, PAGE, RW) == 0);
    try("no longer executable", code);
    MUST(mprotect(code, PAGE, RX) == 0);
    try("executable again", code);
    MUST(mprotect(code, PAGE, PROT_NONE) == 0);
    try("no access", code);
    MUST(munmap(code, PAGE) == 0);
    try("unmapped", code);
    try("address zero", (origin = NULL));
    origin = code;

    put_return(code + PAGE, 2);
    code[PAGE] = 0x0f; /* ud2 */
    code[PAGE + 1] = 0x0b;
    try("ud2", code + PAGE);
    code[PAGE] = 0x06; /* push es: not in 64-bit mode */
    try("not in 64-bit mode", code + PAGE);
    code[PAGE] = 0xf4;
    try("hlt", code + PAGE);
    code[PAGE] = 0xcc;
    try("int3", code + PAGE);
    memset(code + PAGE, 0x66, 20);
    try("too long", code + PAGE);
    memset(code + PAGE, 0, 64);
    const uint8_t div[] = {0x31, 0xc9, 0x31, 0xd2, 0xf7, 0xf1, 0xc3}; /* divide by zero */
    memcpy(code + PAGE + 32, div, sizeof(div));
    try("division", code + PAGE + 32);

    /* Instructions that end where nothing is executable. */
    MUST(mprotect(code + 2 * PAGE, PAGE, RW) == 0);
    memset(code + 2 * PAGE - 16, 0x90, 16);
    try("off the end of code", code + 2 * PAGE - 16);
    code[2 * PAGE - 2] = 0xb8; /* mov eax, imm32: cut off */
    code[2 * PAGE + 3] = 0xc3;
    try("cut off", code + 2 * PAGE - 2);
    MUST(mprotect(code + 2 * PAGE, PAGE, RX) == 0);
    try("no longer cut off", code + 2 * PAGE - 2);

    /* A store to code that is not writable, from code. */
    uint8_t *p = code + 3 * PAGE;
    const uint8_t store[] = {0xc6, 0x05, 1, 0, 0, 0, 9, 0xb8, 5, 0, 0, 0, 0xc3};
    memcpy(p, store, sizeof(store));
    try("store into writable code", p);
    memcpy(p, store, sizeof(store));
    MUST(mprotect(p, PAGE, RX) == 0);
    try("store into read-only code", p);
    printf("unchanged: %d\n", p[8] == 5);
    return 0;
}
