# Loops, calls, recursion, indirect jumps. RAX: checksum.
.include "system.inc"
.code64
.text
start:
    xor %eax, %eax
    mov $100000, %ecx
1:  add %rcx, %rax
    dec %ecx
    jnz 1b                      # 5000050000
    mov $1000, %rcx
2:  inc %rax
    loop 2b
    push %rax
    mov $15, %edi
    call fib                    # 610
    pop %rbx
    add %rax, %rbx
    lea table(%rip), %rsi
    mov $3, %ecx
3:  mov -8(%rsi, %rcx, 8), %rdx
    push %rcx
    call *%rdx
    pop %rcx
    dec %rcx
    jnz 3b
    lea 4f(%rip), %r13
    mov %r13, %r14
    jmp *%r14
    ud2
4:  call *table(%rip)           # +1
    xor %ecx, %ecx
    jrcxz 5f
    ud2
5:  stc
    call carry                  # flags survive a call and a return
    adc $0, %rbx                # +1
    mov %rbx, %rax
    finish

fib:
    cmp $2, %edi
    jae 1f
    mov %edi, %eax
    ret
1:  push %rdi
    dec %edi
    call fib
    pop %rdi
    push %rax
    sub $2, %edi
    call fib
    pop %rdx
    add %rdx, %rax
    ret

add1: add $1, %rbx
    ret
add2: add $2, %rbx
    ret $0
add3: push $77
    add $3, %rbx
    pop %r15
    ret

carry:
    push %r15
    pop %r15
    ret

    .balign 8
table:
    .quad add1, add2, add3
    .org 0x1000                 # far on, on another page
