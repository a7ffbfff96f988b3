/* Stores into the code that is running: the very next instruction, one in a
 * loop, one on the following page, the storing instruction itself. */
#include "smc.h"

#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

/* movb $imm, disp(%rip): patches the byte `distance` behind its end. */
static size_t put_patch(uint8_t *at, int32_t distance, uint8_t value)
{
    at[0] = 0xc6;
    at[1] = 0x05;
    memcpy(at + 2, &distance, 4);
    at[6] = value;
    return 7;
}

/* The next instruction, mov eax, 1, becomes mov eax, 42. */
static void next_instruction(uint8_t *code)
{
    size_t n = put_patch(code, 1, 42);
    put_return(code + n, 1);
    printf("next instruction: %d", as_fn(code)());
    code[n + 1] = 7; /* patched again by the program, then by itself */
    printf(" %d\n", as_fn(code)());
}

/* Each round adds an immediate and changes it for the next: 1 + 2 + ... + n. */
static void loop(uint8_t *code, uint8_t rounds)
{
    uint8_t *p = code;
    const uint8_t head[] = {0x31, 0xc0, 0xb9, rounds, 0, 0, 0}; /* xor eax, eax; mov ecx, rounds */
    memcpy(p, head, sizeof(head));
    p += sizeof(head);
    uint8_t *top = p;
    *p++ = 0x83; /* add eax, imm8 */
    *p++ = 0xc0;
    uint8_t *imm = p;
    *p++ = 1;
    *p++ = 0xfe; /* incb imm(%rip) */
    *p++ = 0x05;
    int32_t d = (int32_t)(imm - (p + 4));
    memcpy(p, &d, 4);
    p += 4;
    *p++ = 0xff; /* dec ecx */
    *p++ = 0xc9;
    *p++ = 0x75; /* jnz top */
    *p = (uint8_t)(top - (p + 1));
    p++;
    *p = 0xc3;
    printf("loop: %d\n", as_fn(code)());
}

/* As next_instruction, with the patched one on the next page. */
static void across_pages(uint8_t *code)
{
    uint8_t *at = code + PAGE - 7;
    put_patch(at, 1, 43);
    put_return(code + PAGE, 1);
    printf("across pages: %d\n", as_fn(at)());
    at = code + PAGE - 9; /* and with an immediate that lies on both */
    size_t n = put_patch(at, 2, 1);
    put_return(at + n, 0);
    printf("in an instruction on two pages: %d\n", as_fn(at)());
}

/* rep stosb runs over the code that follows. */
static void string_store(uint8_t *code)
{
    uint8_t *p = code;
    const uint8_t stos[] = {0x48, 0x8d, 0x3d, 0x0b, 0, 0, 0, /* lea rdi, [rip + 11] */
                            0xb9, 5,    0,    0,    0,       /* mov ecx, 5 */
                            0xb0, 0x90,                      /* mov al, nop */
                            0xf3, 0xaa,                      /* rep stosb */
                            0x31, 0xc0};                     /* xor eax, eax */
    memcpy(p, stos, sizeof(stos));
    p += sizeof(stos);
    const uint8_t tail[] = {0xb8, 9, 0, 0, 0, 0xc3}; /* mov eax, 9 (wiped out); ret */
    memcpy(p, tail, sizeof(tail));
    printf("string store: %d\n", as_fn(code)());
}

/* A function that rewrites what it returns to. */
static void return_path(uint8_t *code)
{
    const uint8_t bytes[] = {0xe8, 6,    0,    0,    0,              /* call f */
                             0xb8, 1,    0,    0,    0,              /* mov eax, 1 */
                             0xc3,                                   /* ret */
                             0xc6, 0x05, 0xf4, 0xff, 0xff, 0xff, 77, /* f: movb $77, -12(%rip) */
                             0xc3};
    memcpy(code, bytes, sizeof(bytes));
    printf("return path: %d\n", as_fn(code)());
}

int main(void)
{
    uint8_t *code = map_code(2 * PAGE, RWX);
    for (int i = 0; i < 3; i++) {
        next_instruction(code + 64);
        loop(code + 256, 10);
        loop(code + 256, 100);
        across_pages(code);
        string_store(code + 512);
        return_path(code + 1024);
    }
    return 0;
}
