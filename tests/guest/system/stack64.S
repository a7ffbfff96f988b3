# Forms of PUSH and POP. RAX: 0, or the number of the check that failed.
.include "system.inc"
.code64
.text
.macro check n, a, b
    mov $\n, %eax
    cmp \a, \b
    jne fail
.endm
start:
    mov %rsp, %rbp
    push %rsp
    pop %rax
    cmp %rax, %rbp
    mov $1, %eax
    jne fail
    mov $0x1122334455667788, %r13
    mov $0x99aabbccddeeff00, %r14
    push %r13
    push %r14
    pop %r13
    pop %r15
    mov $0x1122334455667788, %rcx
    check 2, %r15, %rcx
    check 3, %r13, %r14
    pushw $0x1234
    pushw %cx
    pop %dx
    check 4, %dx, %cx
    pop %r12w
    mov $0x1234, %esi
    check 5, %r12w, %si
    check 6, %rsp, %rbp
    push $-2
    mov (%rsp), %rdi
    mov $-2, %rbx
    check 7, %rdi, %rbx
    pushq (%rsp)
    popq SCRATCH
    mov SCRATCH, %rdi
    check 8, %rdi, %rbx
    pop %rdi
    push $55
    popq 8(%rsp)                # address after the pop
    mov 8(%rsp), %rdi
    mov $55, %ebx
    check 9, %rdi, %rbx
    push $66
    popq -8(%rsp)
    check 10, %rsp, %rbp
    push %rbp
    mov %rsp, %rbp
    sub $64, %rsp
    leave
    check 11, %rsp, %rbp
    lea STACK_TOP - 64, %rsp
    push %rbp
    pop %rsp                    # RSP is what was popped
    check 12, %rsp, %rbp
    enter $16, $0
    lea -24(%rsp), %rax
    lea 16(%rsp), %rcx
    check 13, %rcx, %rbp
    leave
    check 14, %rsp, %rbp
    stc
    pushf
    clc
    popf
    mov $15, %eax
    jnc fail
    pushf
    pop %rax
    and $1, %eax
    mov $1, %ecx
    cmp %eax, %ecx
    mov $16, %eax
    jne fail
    push $3
    call pop8
    mov $17, %eax
    cmp %rsp, %rbp
    jne fail
    xor %eax, %eax
fail:
    finish
pop8:
    ret $8
