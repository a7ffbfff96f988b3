# Hardware tasks: JMP, CALL and IRET between three TSSs, one of 16 bits, and a
# double fault that is a task of its own. EAX: 0x600d, or how far it came.
.include "system.inc"
.set TSS_A, SCRATCH + 0x1000
.set TSS_B, SCRATCH + 0x2000
.set TSS_C, SCRATCH + 0x3000    # 16-bit
.set TSS_D, SCRATCH + 0x4000    # of the double fault
.text
.code32
start:
    lgdt gdt_pointer
    lidt idt_pointer
    ljmp $0x08, $reloaded
reloaded:
    mov $0x10, %eax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov %ax, %fs
    mov %ax, %gs
    mov $STACK_TOP, %esp
    movl $0x680000, TSS_A + 0x64
    mov $0x18, %ax
    ltr %ax
    # B and D: flat, at their code, with their stacks
    mov $TSS_B, %edi
    mov $task_b, %eax
    mov $STACK_TOP - 0x1000, %edx
    call fill
    mov $TSS_D, %edi
    mov $task_d, %eax
    mov $STACK_TOP - 0x2000, %edx
    call fill
    movw $task_c - LOAD, TSS_C + 0x0e
    movw $2, TSS_C + 0x10
    movw $0x8000, TSS_C + 0x1a
    movw $0x10, TSS_C + 0x22
    movw $0x38, TSS_C + 0x24
    movw $0x40, TSS_C + 0x26
    movw $0x10, TSS_C + 0x28
    # double fault: a task gate; 13 has no handler
    movl $0x00300000, IDT + 8 * 8
    movl $0x00008500, IDT + 8 * 8 + 4

    # by JMP there and back
    mov $0x1111, %ebx
    ljmp $0x20, $0
    cmp $0x1111, %ebx
    mov $1, %eax
    jne fail
    str %cx
    cmp $0x18, %cx
    mov $2, %eax
    jne fail
    cmpl $0x2222, RESULTS
    mov $3, %eax
    jne fail
    # CALL, and back by IRET; B goes on behind it the next time
    lcall $0x20, $0
    lcall $0x20, $0
    cmpl $2, RESULTS + 4
    mov $4, %eax
    jne fail
    pushf
    pop %ecx
    test $0x4000, %ecx          # NT is not ours
    mov $5, %eax
    jnz fail
    # a 16-bit one, through a task gate
    lcall $0x48, $0
    cmpw $0x3333, RESULTS + 8
    mov $6, %eax
    jne fail
    mov %cr0, %ecx
    test $8, %ecx               # TS
    mov $7, %eax
    jz fail
    # a double fault: #GP whose gate is absent
    movl $0, RESULTS + 12
    mov $0x7777, %esi
    int $0x99                   # no gate: #GP, whose gate is absent: #NP
    cmp $0x7777, %esi
    mov $8, %eax
    jne fail
    cmpl $1, RESULTS + 12
    mov $9, %eax
    jne fail
    str %cx
    cmp $0x18, %cx
    mov $10, %eax
    jne fail
    mov $0x600d, %eax
fail:
    finish

fill:                           # TSS at EDI; EIP, ESP
    mov %eax, 0x20(%edi)
    movl $2, 0x24(%edi)
    mov %edx, 0x38(%edi)
    movl $0x10, 0x48(%edi)
    movl $0x08, 0x4c(%edi)
    movl $0x10, 0x50(%edi)
    movl $0x10, 0x54(%edi)
    movl $0x10, 0x58(%edi)
    movl $0x10, 0x5c(%edi)
    movl $0, 0x60(%edi)
    movl $0x680000, 0x64(%edi)
    ret

task_b:
    movl $0x2222, RESULTS
    mov $0xbbbb, %ebx
    ljmp $0x18, $0
1:  incl RESULTS + 4
    iret
    jmp 1b

task_d:                         # the error code is on the stack
    pop %eax
    inc %eax
    add %eax, RESULTS + 12
    addl $2, TSS_A + 0x20       # behind the INT
    iret
    jmp task_d

.code16
task_c:
    mov $0x3333, %ax
    mov %ax, %ds:RESULTS + 8
    mov $0x9999, %bx
    iret

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    # 08: code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x0000891010000067    # 18: TSS A
    .quad 0x0000891020000067    # 20: B
    .quad 0x000081103000002b    # 28: C
    .quad 0x0000891040000067    # 30: D
    .quad 0x00009b010000ffff    # 38: 16-bit code, base LOAD
    .quad 0x000093050000ffff    # 40: 16-bit stack, base 0x50000
    .quad 0x0000850000280000    # 48: task gate to C
gdt_pointer:
    .word . - gdt - 1
    .long gdt
idt_pointer:
    .word 8 * 32 - 1
    .long IDT
