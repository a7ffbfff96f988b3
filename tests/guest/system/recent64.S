# Accesses that look first at the page they met last: lists that are followed, and the
# stack. RAX: 0, or the number of the check that failed.
.include "system.inc"
.set PTE, 0xc03000              # of the harness: entry of page n at 8 * n
.set A, SCRATCH
.set B, SCRATCH + 0x1000
.set C, SCRATCH + 0x2000
.set D, SCRATCH + 0x3000
.set NODES, 512                 # even ones in A, odd ones in B
.set TOTAL, NODES * (NODES - 1) / 2
.code64
.text
.macro map page, to
    movq $\to, PTE + (\page) / 512
    invlpg \page
.endm
.macro expect n, value
    cmp $\value, %rax
    mov $\n, %eax
    jne fail
.endm
.macro expect_sum n, list, value
    mov $\list, %edi
    call sum
    expect \n, \value
.endm
# nodes at page, each of them with the next behind it, and a value
.macro chain page, value
    mov $\page, %edi
    mov $256, %ecx
1:  lea 16(%rdi), %rax
    mov %rax, (%rdi)
    movq $\value, 8(%rdi)
    mov %rax, %rdi
    dec %ecx
    jnz 1b
    movq $0, -16(%rdi)
.endm
start:
    # a list that changes pages with each link
    xor %ecx, %ecx
    mov $A, %edi
1:  mov %rcx, 8(%rdi)
    inc %ecx
    mov %ecx, %eax
    shr $1, %eax
    shl $4, %eax
    mov %ecx, %edx
    and $1, %edx
    shl $12, %edx
    lea A(%rax, %rdx), %rax
    mov %rax, (%rdi)
    mov %rdi, %rsi
    mov %rax, %rdi
    cmp $NODES, %ecx
    jne 1b
    movq $0, (%rsi)
    mov $8, %ebx
2:  expect_sum 1, A, TOTAL
    dec %ebx
    jnz 2b
    # reversed, twice
    mov $A, %edi
    call reverse
    mov %rax, %rdi
    mov %rax, %rbx
    call sum
    expect 2, TOTAL
    cmpq $NODES - 1, 8(%rbx)
    mov $3, %eax
    jne fail
    mov %rbx, %rdi
    call reverse
    expect 4, A
    expect_sum 5, A, TOTAL
    # a list in a page that is mapped anew
    chain A, 1
    expect_sum 6, A, 256
    map A, C + 7
    chain A, 3
    map A, A + 7
    expect_sum 7, A, 256
    map A, C + 7
    expect_sum 8, A, 768
    movq $A + 7, PTE + A / 512
    mov %cr3, %rax
    mov %rax, %cr3
    expect_sum 9, A, 256
    # a stack in it
    mov %rsp, %r12
    mov $A + 0x800, %esp
    mov $64, %ecx
3:  push %rcx
    pop %rax
    dec %ecx
    jnz 3b
    movq $7, -8(%rsp)
    map A, C + 7
    movq $9, -8(%rsp)
    map A, A + 7
    mov -8(%rsp), %rax
    mov %r12, %rbx
    xchg %rbx, %rsp
    expect 10, 7
    xchg %rbx, %rsp
    map A, C + 7
    sub $8, %rsp
    pop %rax
    mov %rbx, %rsp
    expect 11, 9
    # code that a push overwrites, in a page that the stack was in before
    mov $D + 0x808, %esp
    mov $64, %ecx
4:  push %rcx
    pop %rax
    dec %ecx
    jnz 4b
    movabs $0xc300000001b8, %rdx    # mov eax, 1; ret
    mov $D + 0x800, %r13d
    mov $40, %ecx
5:  mov %rsp, %rbx
    mov %r12, %rsp
    mov %rdx, (%r13)
    call *%r13
    mov %rbx, %rsp
    add $0x100, %rdx                # mov eax, 2, or one more each time
    push %rdx
    mov %rbx, %rsp
    mov %rax, %rsi
    mov %r12, %rsp
    call *%r13
    sub %rsi, %rax
    expect 12, 1
    mov %rbx, %rsp
    dec %ecx
    jnz 5b
    # POP and RET, PUSH and CALL, within a page and from one to the next
    map A, A + 7
    mov $A + 0xfc8, %ebx
    mov $16, %r13d
6:  movq $5, (%rbx)
    movq $returned, 8(%rbx)
    mov %rbx, %rsp
    jmp pop_and_return
returned:
    lea 32(%rbx), %rcx
    sub %rsp, %rcx
    mov %rsp, %rdx
    mov %r12, %rsp
    expect 13, 5
    mov %rcx, %rax
    expect 14, 0
    lea 16(%rbx), %rsp
    mov $6, %ecx
    push %rcx
    call called
after:
    mov %rsp, %rdx
    mov %r12, %rsp
    expect 15, after
    lea 8(%rbx), %rax
    sub %rdx, %rax
    expect 16, 0
    mov 8(%rbx), %rax
    expect 17, 6
    add $8, %rbx
    dec %r13d
    jnz 6b
    xor %eax, %eax
fail:
    finish
pop_and_return:
    pop %rax
    ret $16
called:
    mov (%rsp), %rax
    ret
# RAX = sum of the list at RDI
sum:
    xor %eax, %eax
1:  add 8(%rdi), %rax
    mov (%rdi), %rdi
    test %rdi, %rdi
    jne 1b
    ret
# RAX = the list at RDI, reversed
reverse:
    xor %eax, %eax
1:  mov (%rdi), %rsi
    mov %rax, (%rdi)
    mov %rdi, %rax
    mov %rsi, %rdi
    test %rsi, %rsi
    jne 1b
    ret
