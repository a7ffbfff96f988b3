# String instructions over pages. RAX: 0, or the number of the check that failed.
.include "system.inc"
.code64
.text
.macro check n, a, b
    mov $\n, %eax
    cmp \a, \b
    jne fail
.endm
start:
    cld
    mov $SCRATCH + 0xff1, %edi
    mov $0x5a, %al
    mov $0x2013, %ecx
    rep stosb
    check 1, $0, %rcx
    check 2, $SCRATCH + 0xff1 + 0x2013, %rdi
    mov $SCRATCH + 0xff0, %esi
    lodsb
    cmp $0, %al
    mov $3, %eax
    jne fail
    mov $SCRATCH + 0xff1, %esi
    mov $SCRATCH + 0x4ffd, %edi
    mov $0x2013, %ecx
    rep movsb
    mov $SCRATCH + 0xff1, %esi
    mov $SCRATCH + 0x4ffd, %edi
    mov $0x2013, %ecx
    repe cmpsb
    mov $4, %eax
    jne fail
    check 5, $0, %rcx
    movb $1, SCRATCH + 0x4ffd + 0x1000
    mov $SCRATCH + 0xff1, %esi
    mov $SCRATCH + 0x4ffd, %edi
    mov $0x2013, %ecx
    repe cmpsb
    mov $6, %eax
    je fail
    check 7, $(0x2013-0x1001), %rcx
    mov $SCRATCH + 0x4ffd, %edi
    mov $0x2013, %ecx
    mov $1, %al
    repne scasb
    check 8, $SCRATCH + 0x4ffd + 0x1001, %rdi
    xor %ecx, %ecx
    cmp %ecx, %ecx
    stc
    repe cmpsb                  # none: flags stay
    mov $9, %eax
    jne fail
    jnc fail
    std
    mov $SCRATCH + 0x7008, %edi
    mov $SCRATCH + 0x6ff8, %esi
    mov $0x203, %ecx
    mov $0x1122334455667788, %rax
    mov %rax, %rdx
    rep stosq
    cld
    check 10, $(SCRATCH+0x7008-0x203*8), %rdi
    mov SCRATCH + 0x7008 - 0x202 * 8, %rcx
    check 11, %rdx, %rcx
    mov $SCRATCH, %edi
    mov $0x1010, %eax
    std
    stosw
    check 12, $(SCRATCH-2), %rdi
    cld
    xor %eax, %eax
fail:
    finish
