# 32-bit code without paging. EAX: checksum.
.include "system.inc"
.code32
.text
start:
    mov $STACK_TOP, %esp
    xor %eax, %eax
    mov $1000, %ecx
1:  add %ecx, %eax
    loop 1b                     # 500500
    pusha
    xor %eax, %eax
    popa
    push $10
    call sum
    add $4, %esp                # +55
    aam
    aad                         # AH is 0 now
    inc %eax
    dec %eax
    finish
sum:
    push %ebp
    mov %esp, %ebp
    mov 8(%ebp), %ecx
1:  add %ecx, %eax
    dec %ecx
    jnz 1b
    leave
    ret
