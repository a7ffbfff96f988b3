# Interrupts: counts those of vector 0x40 until there are as many as EDI says; the
# loop in between must go on undisturbed. RAX: how many, RBX: RBP + rounds.
.include "system.inc"
.code64
.text
start:
    mov %edi, %r9d
    gate64 0x40, handler
    load_idt64
    xor %r8d, %r8d
    xor %ebx, %ebx
    xor %ebp, %ebp
    sti
1:  inc %rbx
    lea 1(%rbp), %rbp
    cmp %rbx, %rbp
    jne 2f
    push %rbx
    pop %rcx
    cmp %rcx, %rbx
    jne 2f
    cmp %r9d, %r8d
    jb 1b
    cli
    mov %r8d, %eax
    hlt
2:  mov $-1, %eax
    finish
handler:
    inc %r8d
    cmp %r8d, %r8d              # leaves other flags than it found
    iretq
