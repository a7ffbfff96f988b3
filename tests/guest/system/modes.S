# From real mode through 32-bit protected mode into long mode and to CPL 3 and back.
# Starts at 1000:0000 in real mode. RAX: 0x600d, or how far it came.
.include "system.inc"
.set PML4, 0x180000
.text
.code16
start:
    mov %cs, %ax
    mov %ax, %ds
    mov $0x7000, %ax
    mov %ax, %ss
    mov $0xfffe, %sp
    mov $5, %cx
1:  push %cx
    call near16
    pop %cx
    loop 1b
    mov $1, %ax
    cmp $5, %bx
    jne stop16
    lgdtl gdt_pointer - LOAD
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x18, $protected
near16:
    inc %bx
    ret
stop16:
    hlt

.code32
protected:
    mov $0x10, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $STACK_TOP, %esp
    push $7
    pop %eax
    cmp $7, %eax
    mov $2, %eax
    jne stop32
    # a 16-bit segment and back
    ljmp $0x20, $in16 - LOAD
back32:
    # identity map of the first gigabyte by 2 MiB pages
    mov $PML4, %edi
    xor %eax, %eax
    mov $0xc00, %ecx
    rep stosl
    movl $PML4 + 0x1007, PML4
    movl $PML4 + 0x2007, PML4 + 0x1000
    mov $PML4 + 0x2000, %edi
    mov $0x87, %eax
    mov $512, %ecx
1:  mov %eax, (%edi)
    add $0x200000, %eax
    add $8, %edi
    loop 1b
    mov $PML4, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $0x20, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x101, %eax             # LME, SCE
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    ljmp $0x08, $long
stop32:
    hlt
.code16
in16:
    mov $3, %ax
    inc %ax
    cmp $4, %ax
    jne stop16
    ljmpl $0x18, $back32

.code64
long:
    mov $0x10, %eax
    mov %eax, %ss
    mov $STACK_TOP, %esp
    mov $0xffffffff80000000, %rbx
    shr $32, %rbx
    cmp $0xffffffff, %ebx
    mov $4, %eax
    jne stop64
    # system calls
    lea syscall_entry(%rip), %rax
    mov $0xc0000082, %ecx
    xor %edx, %edx
    wrmsr
    mov $0xc0000081, %ecx
    xor %eax, %eax
    mov $0x00280008, %edx       # SYSCALL: 08; SYSRET: 28 + 16 (and 28 + 8 for SS)
    wrmsr
    mov $0xc0000084, %ecx
    xor %edx, %edx
    mov $0x200, %eax
    wrmsr
    # to CPL 3
    push $0x33                  # SS
    push $STACK_TOP - 0x1000
    push $0x2
    push $0x3b                  # CS
    lea user(%rip), %rax
    push %rax
    iretq
user:
    mov $1000, %ebx
    xor %ebp, %ebp
1:  mov %ebx, %edi
    syscall
    add %rax, %rbp
    dec %ebx
    jnz 1b
    mov $-1, %rdi
    syscall
syscall_entry:
    cmp $-1, %rdi
    je 1f
    lea 1(%rdi), %rax
    sysretq
1:  mov %cs, %ecx
    and $3, %ecx
    mov $5, %eax
    jnz stop64
    cmp $1000 * 1001 / 2 + 1000, %rbp
    mov $6, %eax
    jne stop64
    mov $0x600d, %eax
stop64:
    finish

    .balign 8
gdt:
    .quad 0
    .quad 0x00209b0000000000    # 08: 64-bit code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x00cf9b000000ffff    # 18: 32-bit code
    .quad 0x00009b010000ffff    # 20: 16-bit code, base LOAD
    .quad 0                     # 28
    .quad 0x00cff3000000ffff    # 30: user data
    .quad 0x0020fb0000000000    # 38: user 64-bit code
gdt_pointer:
    .word . - gdt - 1
    .long gdt
