# Something of everything that leaves a block in the middle, and then halts: the count of
# instructions must be right wherever it is asked for. R8 is a device's register.
.include "system.inc"
.code64
.text
start:
    gate64 14, page_fault
    gate64 0, division
    load_idt64
    mov $RESULTS, %r11d
    mov $0x2000000, %r8d
    mov $3, %r15d
again:
    xor %ecx, %ecx
1:  inc %rbx                    # blocks that end with a branch
    lea 3(%rcx,%rbx), %rdx
    inc %ecx
    cmp $5, %ecx
    jne 1b
    push %rbx                   # a group
    push %rcx
    push %rdx
    pop %rdx
    pop %rcx
    pop %rbx
    mov %rbx, (%r8)             # a device, written, read, and both
    inc %rbx
    mov (%r8), %rsi
    add %rsi, %rbx
    add %rbx, 8(%r8)
    adc $0, %rdx
    rdtsc                       # the count itself
    mov %eax, (%r11)
    add $4, %r11
    mov $ABSENT, %edi
    lea 2f(%rip), %r12
    stc
    mov (%rdi), %rax            # faults, in C and on the host
    inc %rbx
2:  lea 3f(%rip), %r12
    xor %edx, %edx
    xor %ebp, %ebp
    div %ebp
    inc %rbx
3:  mov $SCRATCH + 4090, %edi   # strings over the end of a page and within one
    mov $SCRATCH + 0x3000, %esi
    mov $20, %ecx
    rep movsb
    mov $SCRATCH + 64, %edi
    mov $8, %ecx
    rep stosq
    mov $3, %ecx
4:  loop 4b
    call subroutine
    movb $0x93, patched(%rip)   # nop or xchg %ebx, %eax, in this very block
patched:
    nop
    movb $0x90, patched(%rip)
    cli
    sti                         # and a shadow
    inc %rbx
    cli
    pushfq
    pop %rax
    rdrand %rax
    rdtsc
    dec %r15d
    jnz again
    hlt

subroutine:
    cmp %rbx, %rdx
    ret

page_fault:
    add $8, %rsp
division:
    inc %r14
    mov %r12, (%rsp)
    iretq
