# Page faults: each access is made, its handler notes error code, CR2, RIP, RSP, RAX
# and RFLAGS at RESULTS, and goes on at the address in R12. RAX: how many.
.include "system.inc"
.code64
.text
.macro try insn:vararg
    lea 1f(%rip), %r12
    cmp %eax, %eax              # ZF, PF
    stc
    \insn
1:
.endm
start:
    gate64 14, handler
    load_idt64
    mov $RESULTS, %r11d
    mov $0x1234, %eax
    mov $ABSENT, %ebx
first:
    try mov (%rbx), %rax
    try mov %rax, 8(%rbx)
    try add %rax, 16(%rbx)
    try xchg %rax, 24(%rbx)
    try adc 32(%rbx), %rax
    mov $READ_ONLY, %ebx
    try mov %rax, 8(%rbx)
    try cmpq $0, 8(%rbx)        # no fault
    mov $(ABSENT + 0x1000 - 4), %ebx
    try mov %rax, -4096(%rbx)   # the last page present, then no more
    mov %rsp, %rbp
    mov $ABSENT + 8, %esp
    try push %rax
    mov $ABSENT + 16, %esp
    try call start
    try ret
    try pop %rax
    mov %rbp, %rsp
    mov %r11, %rax
    sub $RESULTS, %rax
    shr $6, %rax
    finish

handler:
    pop (%r11)                  # error code
    mov %cr2, %r10
    mov %r10, 8(%r11)
    mov (%rsp), %r10
    mov %r10, 16(%r11)
    mov 24(%rsp), %r10
    mov %r10, 24(%r11)
    mov %rax, 32(%r11)
    mov 16(%rsp), %r10
    mov %r10, 40(%r11)
    add $64, %r11
    mov %r12, (%rsp)
    iretq
