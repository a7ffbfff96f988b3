# 16-bit protected mode as the 80286 had it: rings, call gates with parameters,
# limits, an expand-down stack, far returns. EAX: 0x600d, or how far it came; RESULTS:
# vector and error code of each fault.
.include "system.inc"
.set TSS, SCRATCH
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
    movw $0x4000, TSS + 2       # SP0:SS0
    movw $0x38, TSS + 4
    mov $0x18, %ax
    ltr %ax
    # 11, 12, 13: 16-bit gates to the 16-bit code segment
    movl $0x00280000 + on_np - LOAD, IDT + 8 * 11
    movl $0x00008600, IDT + 8 * 11 + 4
    movl $0x00280000 + on_ss - LOAD, IDT + 8 * 12
    movl $0x00008600, IDT + 8 * 12 + 4
    movl $0x00280000 + on_gp - LOAD, IDT + 8 * 13
    movl $0x00008600, IDT + 8 * 13 + 4
    movl $0x00280000 + on_int - LOAD, IDT + 8 * 0x20
    movl $0x0000e700, IDT + 8 * 0x20 + 4
    movl $RESULTS, RESULTS + 0x100
    ljmp $0x28, $ring0 - LOAD

.code16
ring0:
    mov $0x38, %ax
    mov %ax, %ss
    mov $0x4000, %sp
    # out to ring 3: SS:SP, CS:IP
    push $0x43
    push $0x3000
    push $0x33
    push $ring3 - LOAD
    lret
ring3:
    mov $0x23, %ax              # data of ring 3, limit 0xfff
    mov %ax, %es
    mov %cs, %ax
    cmp $0x33, %ax
    mov $1, %ax
    jne fail
    mov %ds, %ax                # was of ring 0
    test %ax, %ax
    mov $2, %ax
    jnz fail
    push $0x1111
    push $0x2222
    mov %sp, %bp
    lcall $0x4b, $0             # call gate with two words
    mov %sp, %dx
    sub %bp, %dx
    cmp $4, %dx                 # both stacks were cleared
    mov $3, %ax
    jne fail
    cmp $0x3333, %si
    mov $4, %ax
    jne fail
    int $0x20
    cmp $0x2020, %si
    mov $5, %ax
    jne fail
    # the limit
    mov %es:0xffe, %ax
    movw $1f - LOAD, %di
    mov %es:0xfff, %ax          # 13, 0
1:  movw $1f - LOAD, %di
    movb $0, %cs:0              # 13, 0
1:  movw $1f - LOAD, %di
    mov $0x10, %ax
    mov %ax, %es                # 13, 10
1:  movw $1f - LOAD, %di
    mov $0x53, %ax
    mov %ax, %es                # 11, 50
1:  movw $1f - LOAD, %di
    cli                         # 13, 0
1:  movw $1f - LOAD, %di
    # expand-down: offsets above 0xfff
    mov $0x5b, %ax
    mov %ax, %ss
    mov $0x1004, %sp
    push %ax
    push %ax
    push %ax                    # 12, 0
1:  pop %ax
    pop %ax
    mov $0x43, %ax
    mov %ax, %ss
    mov $0x3000, %sp
    movw $1f - LOAD, %di
    ljmp $0x28, $ring0 - LOAD   # 13, 28
1:  movw $1f - LOAD, %di
    mov $0x2b, %ax
    push $0x28
    push $ring0 - LOAD
    lret                        # 13, 28
1:  mov $0x600d, %ax
fail:
    movzwl %ax, %eax
    hlt                         # 13: ends

# Ring 0. Through the call gate: IP, CS, two words, SP, SS.
gate:
    mov %sp, %bx
    mov %ss:4(%bx), %si
    add %ss:6(%bx), %si         # 0x3333
    lret $4
on_int:
    mov $0x2020, %si
    iret
on_np:
    mov $11, %cx
    jmp 1f
on_ss:
    mov $12, %cx
    jmp 1f
on_gp:
    mov $13, %cx
1:  mov %sp, %bx
    mov $0x10, %dx
    mov %dx, %ds
    mov RESULTS + 0x100, %edx
    mov %cx, (%edx)
    mov %ss:(%bx), %cx
    mov %cx, 2(%edx)
    addl $4, %edx
    mov %edx, RESULTS + 0x100
    mov %ss:2(%bx), %bp         # HLT ends it
    cmpb $0xf4, %cs:(%bp)
    je 2f
    mov %di, %ss:2(%bx)
    add $2, %sp
    iret
2:  finish

    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    # 08: 32-bit code
    .quad 0x00cf93000000ffff    # 10: data
    .quad 0x000081100000002b    # 18: 16-bit TSS
    .quad 0x0000f30880000fff    # 20: ring 3 data, base 0x88000, limit 0xfff
    .quad 0x00009b010000ffff    # 28: 16-bit code, base LOAD
    .quad 0x0000fb010000ffff    # 30: the same for ring 3
    .quad 0x000093050000ffff    # 38: stack 0
    .quad 0x0000f3060000ffff    # 40: stack 3
    .quad 0x0000e40200280000 + gate - LOAD # 48: call gate
    .quad 0x000073060000ffff    # 50: absent
    .quad 0x0000f70600000fff    # 58: expand-down stack
gdt_pointer:
    .word . - gdt - 1
    .long gdt
idt_pointer:
    .word 8 * 64 - 1
    .long IDT
