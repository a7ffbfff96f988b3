# Single steps, breakpoints, INT3 and INT1. R15: where the handlers note RIP and DR6;
# at the end the notes are held against a table. RAX: 0x600d, or the number of the
# first that differs.
.include "system.inc"
.set WATCHED, SCRATCH + 0x3010
.code64
.text
start:
    gate64 1, on_db
    gate64 3, on_bp
    load_idt64
    mov $RESULTS, %r15d
    mov $0xffff0ff0, %eax
    mov %rax, %dr6

    # single steps
    mov $SCRATCH, %edi
    mov $3, %ecx
    pushfq
    orq $0x100, (%rsp)
    popfq
    nop
s1: inc %ebx
s2: rep stosb
s3: mov %ss, %eax
s4: mov %eax, %ss               # no trap behind it
    nop
s5: pushfq
s6: andq $~0x100, (%rsp)
s7: popfq
s8: nop

    # on an instruction, three times
    lea b1(%rip), %rax
    mov %rax, %dr0
    mov $0x401, %eax
    mov %rax, %dr7
    mov $3, %ecx
b1: inc %ebx
    loop b1

    # on writes to four bytes
    mov $WATCHED, %edi
    mov %rdi, %dr1
    mov $0xd00404, %eax
    mov %rax, %dr7
    mov %al, 2(%rdi)
w1: mov (%rdi), %eax            # reads do not count
    mov %eax, 4(%rdi)
    mov %eax, -4(%rdi)
    addq $1, -4(%rdi)
w2: movups %xmm0, -12(%rdi)
w3: lea 4(%rdi), %rsp
    push %rax
w4: mov $STACK_TOP, %esp
    mov $4, %ecx
    sub $2, %rdi
w5: rep stosb                   # the third and fourth
w6: mov $WATCHED, %edi
    lock xadd %eax, (%rdi)
w7: xor %eax, %eax
    mov %rax, %dr7
    mov %al, (%rdi)

    # by instruction
    int3
i1: .byte 0xf1
i2: nop

    # debug registers guarded
    mov $0x2400, %eax
    mov %rax, %dr7
g1: mov %dr0, %rax              # again, when the handler has been
    mov %dr7, %rax
    mov $0xff, %ecx
    cmp $0x400, %rax
    jne 9f

    lea expected(%rip), %rsi
    mov $RESULTS, %edi
    xor %ecx, %ecx
1:  inc %ecx
    mov (%rsi), %rax
    test %rax, %rax
    jz 2f
    cmp %rax, (%rdi)
    jne 9f
    mov 8(%rsi), %rax
    cmp %rax, 8(%rdi)
    jne 9f
    add $16, %rsi
    add $16, %rdi
    jmp 1b
2:  cmp %r15, %rdi              # and no more
    jne 9f
    mov $0x600d, %ecx
9:  mov %ecx, %eax
    finish

on_db:
    push %rax
    mov 8(%rsp), %rax
    mov %rax, (%r15)
    mov %dr6, %rax
    mov %rax, 8(%r15)
    mov $0xffff0ff0, %eax
    mov %rax, %dr6
    orq $0x10000, 24(%rsp)      # RF: on with the instruction
    add $16, %r15
    pop %rax
    iretq
on_bp:
    push %rax
    mov 8(%rsp), %rax
    mov %rax, (%r15)
    movq $3, 8(%r15)
    add $16, %r15
    pop %rax
    iretq

.macro note rip, dr6
    .quad \rip, \dr6
.endm
    .balign 8
expected:
    note s1, 0xffff4ff0
    note s2, 0xffff4ff0
    note s2, 0xffff4ff0
    note s2, 0xffff4ff0
    note s3, 0xffff4ff0
    note s4, 0xffff4ff0
    note s5, 0xffff4ff0
    note s6, 0xffff4ff0
    note s7, 0xffff4ff0
    note s8, 0xffff4ff0
    note b1, 0xffff0ff1
    note b1, 0xffff0ff1
    note b1, 0xffff0ff1
    note w1, 0xffff0ff2
    note w2, 0xffff0ff2
    note w3, 0xffff0ff2
    note w4, 0xffff0ff2
    note w5, 0xffff0ff2
    note w6, 0xffff0ff2
    note w7, 0xffff0ff2
    note i1, 3
    note i2, 0xffff0ff0
    note g1, 0xffff2ff0
    .quad 0
