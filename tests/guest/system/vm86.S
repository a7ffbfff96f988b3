# Virtual-8086 mode under a small monitor: with IOPL 0 it sees every sensitive
# instruction as #GP, with IOPL 3 the program acts by itself but for INT, which goes
# through the IDT. EAX: 0x600d, or how far it came. RESULTS: what the monitor saw.
.include "system.inc"
.set TSS, SCRATCH
.set VM, 0x20000
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
    mov $STACK_TOP, %esp
    movl $STACK_TOP, TSS + 4
    movl $0x10, TSS + 8
    movl $0x680000, TSS + 0x64
    mov $0x18, %ax
    ltr %ax
    # gates: 6: #UD; 12: #SS; 13: #GP; 21: INT 21, for everybody
    mov $0x8e00, %edx
    mov $IDT + 8 * 6, %edi
    mov $on_ud, %eax
    call gate
    mov $IDT + 8 * 12, %edi
    mov $on_gp, %eax
    call gate
    mov $IDT + 8 * 13, %edi
    mov $on_gp, %eax
    call gate
    mov $IDT + 8 * 0x21, %edi
    mov $on_int21, %eax
    mov $0xee00, %edx
    call gate
    mov $RESULTS, %edi
    jmp enter

gate:                           # at EDI, to EAX, attributes EDX
    mov %ax, (%edi)
    movw $0x08, 2(%edi)
    mov %dx, 4(%edi)
    shr $16, %eax
    mov %ax, 6(%edi)
    ret

enter:                          # flags: VM, and those of iopl
    pushl $0x1003               # GS, FS, DS, ES
    pushl $0x1002
    pushl $0x1000
    pushl $0x8800
    pushl $0x6000               # SS:ESP
    pushl $0xfff0
    mov $VM + 2, %eax
    or iopl, %eax
    push %eax
    pushl $0x1000               # CS:EIP
    pushl $program - LOAD
    mov $0x5a5a, %eax
    mov $0x11223344, %esi
    iret

.code16
program:
    mov %ax, %es:0              # 0x88000
    mov %gs, %ax
    mov %ax, %es:2
    mov %esi, %es:4
    push $7
    pop %cx                     # SS: 6000
    call 1f
    jmp 2f
1:  add $1, %cx
    ret
2:  mov %cx, %es:8
    lcall $0x1001, $far_routine - LOAD - 0x10
    cli
    sti
    pushf
    pop %ax
    mov %ax, %es:10
    int $0x21
    mov 0xffff, %ax             # a word across the limit
    mov $0x12345, %ebp
    mov (%ebp), %al      # beyond the limit, and of SS
    mov $0x100, %bx
    mov %es:(%ebx), %al  # fine
    mov %ss, %ax
    mov %ax, %es:12
    mov %cr0, %eax              # privileged
    lar %ax, %ax                # not in this mode
    hlt
far_routine:
    mov %cs, %es:14
    lret

# The monitor. EDI: where it writes; the frame: error, EIP, CS, EFLAGS, ESP, SS, ...
.code32
on_ud:
    push $0
on_gp:
    mov $0x10, %ax
    mov %ax, %ds
    mov 8(%esp), %esi           # linear address of the instruction
    shl $4, %esi
    add 4(%esp), %esi
    mov (%esi), %al
    mov %al, (%edi)
    inc %edi
    cmp $0xf4, %al              # HLT
    je ended
    mov $1, %edx                # length
    cmp $0xfa, %al
    je skip
    cmp $0xfb, %al
    je skip
    cmp $0x9c, %al
    je pushf
    mov $2, %edx
    cmp $0xcd, %al
    je skip
    mov $3, %edx
    cmp $0xa1, %al
    je skip
    cmp $0x0f, %al
    je skip
    cmpb $0x67, %al
    mov $4, %edx
    je skip
    mov $0xbad, %eax
    finish
pushf:                          # as if IOPL were 3
    mov 20(%esp), %eax
    shl $4, %eax
    subl $2, 16(%esp)
    movzwl 16(%esp), %ebx
    add %ebx, %eax
    movw $0x1234, (%eax)
skip:
    add %dx, 4(%esp)
    add $4, %esp
    mov $0x10, %ax
    mov %ax, %ds
    mov $0x1000, %eax
    iret
on_int21:
    push %ds
    push %eax
    mov $0x10, %ax
    mov %ax, %ds
    movb $0x21, (%edi)
    inc %edi
    pop %eax
    pop %ds
    iret

ended:
    testl $0x3000, iopl
    jnz 1f
    cmpw $0x5a5a, 0x88000
    mov $1, %eax
    jne 2f
    cmpw $0x1003, 0x88002
    mov $2, %eax
    jne 2f
    cmpl $0x11223344, 0x88004
    mov $3, %eax
    jne 2f
    cmpw $8, 0x88008
    mov $4, %eax
    jne 2f
    cmpw $0x1234, 0x8800a
    mov $5, %eax
    jne 2f
    cmpw $0x6000, 0x8800c
    mov $6, %eax
    jne 2f
    cmpw $0x1001, 0x8800e
    mov $7, %eax
    jne 2f
    movb $0xee, (%edi)
    inc %edi
    movl $0x3000, iopl          # again
    mov $STACK_TOP, %esp
    jmp enter
1:  movzwl 0x8800a, %ebx        # its own flags: IOPL 3, IF
    mov $0x600d, %eax
2:  finish

    .balign 8
iopl:
    .quad 0
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    # 08: code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x0000891000000067    # 18: TSS at SCRATCH
gdt_pointer:
    .word . - gdt - 1
    .long gdt
idt_pointer:
    .word 8 * 256 - 1
    .long IDT
