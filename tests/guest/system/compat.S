# Compatibility mode: 32-bit user code under a 64-bit kernel, which it enters by INT,
# SYSENTER and SYSCALL and leaves by IRETQ, SYSEXIT, SYSRET and a far return; far
# jumps between 64-bit and 32-bit code. RAX: 0x600d, or how far it came.
.include "system.inc"
.set TSS, 0xb000                # the harness's
.code64
.text
start:
    lgdt gdt_pointer(%rip)
    mov $0x28, %eax
    ltr %ax
    movq $STACK_TOP, TSS + 4
    lea on_int(%rip), %rax
    mov $IDT + 16 * 0x80, %edi
    mov %ax, (%rdi)
    movw $0x08, 2(%rdi)
    movw $0xee00, 4(%rdi)
    shr $16, %rax
    mov %rax, 6(%rdi)
    load_idt64
    mov $0xc0000080, %ecx       # EFER.SCE
    rdmsr
    or $1, %eax
    wrmsr
    lea on_syscall(%rip), %rax
    mov $0xc0000083, %ecx       # CSTAR
    xor %edx, %edx
    wrmsr
    mov $0xc0000081, %ecx       # STAR: SYSCALL 08; SYSRET 43, 4b (SS), 53
    xor %eax, %eax
    mov $0x00430008, %edx
    wrmsr
    mov $0xc0000084, %ecx
    xor %edx, %edx
    mov $0x700, %eax
    wrmsr
    mov $0x174, %ecx            # SYSENTER
    xor %edx, %edx
    mov $0x08, %eax
    wrmsr
    mov $0x175, %ecx
    mov $STACK_TOP - 0x1000, %eax
    wrmsr
    mov $0x176, %ecx
    lea on_sysenter(%rip), %rax
    wrmsr

    # to 32-bit code at this level and back
    pushq $0x38
    lea in32(%rip), %rax
    push %rax
    lretq
.code32
in32:
    mov $0xffffffff, %ecx
    inc %ecx
    mov $1, %eax
    jnz fail32
    mov $0x123456789 & 0xffffffff, %ecx
    push %ecx
    pop %edx
    ljmp $0x08, $back64
fail32:
    hlt
.code64
back64:
    cmp $0x23456789, %rdx
    mov $2, %eax
    jne fail
    # to 32-bit user code
    pushq $0x4b
    pushq $STACK_TOP - 0x2000
    pushq $0x202
    pushq $0x43
    lea user32(%rip), %rax
    push %rax
    mov $-1, %r15
    iretq
.code32
user32:
    mov $0x4b, %eax
    mov %ax, %ds
    mov %ax, %es
    mov $100, %ebx
    xor %edx, %edx
1:  mov $1, %eax
    int $0x80
    add %eax, %edx              # 2 each
    push %ecx
    push %edx
    mov $2, %eax
    mov $2f, %edx
    mov %esp, %ecx
    sysenter
2:  pop %edx
    pop %ecx
    add %eax, %edx              # 3
    mov $3, %eax
    syscall
    add %eax, %edx              # 4
    dec %ebx
    jnz 1b
    cmp $900, %edx
    mov $3, %eax
    jne 3f
    # into 64-bit user code, where R8 to R15 are as they were
    ljmp $0x53, $user64
3:  mov $-2, %esi
    int $0x80
.code64
user64:
    mov $4, %eax
    cmp $-1, %r15
    jne 3b
    mov $0x600d, %eax
    mov $-2, %esi
    int $0x80

on_int:
    cmp $-2, %esi
    je fail
    inc %eax
    iretq
on_sysenter:                    # EDX, ECX: where to go back to
    inc %eax
    sti
    sysexitl
on_syscall:
    inc %eax
    sysretl
fail:
    finish

    .balign 8
gdt:
    .quad 0
    .quad 0x00209b0000000000    # 08: 64-bit code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x00cffb000000ffff    # 18: SYSEXIT (08 + 16)
    .quad 0x00cff3000000ffff    # 20: its stack
    .quad 0x0000890000000067 + (TSS << 16) # 28
    .quad 0
    .quad 0x00cf9b000000ffff    # 38: 32-bit code
    .quad 0x00cffb000000ffff    # 40: SYSRET: 32-bit user code
    .quad 0x00cff3000000ffff    # 48: user data
    .quad 0x0020fb0000000000    # 50: 64-bit user code
gdt_pointer:
    .word . - gdt - 1
    .quad gdt
