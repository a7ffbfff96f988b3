/* Unmaps the code that runs: the system call returns to nothing. Ends by
 * SIGSEGV. */
#include <sys/syscall.h>

#include "smc.h"

int main(void)
{
    uint8_t *code = map_code(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    uint8_t *p = code;
    *p++ = 0x48; /* mov rdi, code */
    *p++ = 0xbf;
    memcpy(p, &code, 8);
    p += 8;
    *p++ = 0xbe; /* mov esi, PAGE */
    uint32_t v = PAGE;
    memcpy(p, &v, 4);
    p += 4;
    *p++ = 0xb8; /* mov eax, SYS_munmap; syscall; ret */
    v = SYS_munmap;
    memcpy(p, &v, 4);
    p += 4;
    *p++ = 0x0f;
    *p++ = 0x05;
    *p = 0xc3;
    printf("unmapping the code that runs\n");
    fflush(stdout);
    as_fn(code)();
    printf("still here\n");
    return 0;
}
