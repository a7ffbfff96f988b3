# Self-modifying code. RAX: checksum.
.include "system.inc"
.code64
.text
start:
    xor %ebx, %ebx
    mov $10, %ecx
1:  call patched
    incl patched + 1(%rip)      # its immediate: 1, 2, ... 10
    dec %ecx
    jnz 1b                      # 55
    mov $5, %ecx
2:  movb %cl, 3f + 2(%rip)      # the very next instruction
3:  add $0, %ebx
    dec %ecx
    jnz 2b                      # 15
    # code made elsewhere, run, made anew
    mov $SCRATCH, %edi
    mov $1000, %esi
4:  movb $0x8d, (%rdi)          # lea ebx, [rbx + esi's low byte]; ret
    movb $0x5b, 1(%rdi)
    mov %sil, %al
    and $0x0f, %al
    movb %al, 2(%rdi)
    movb $0xc3, 3(%rdi)
    call *%rdi
    dec %esi
    jnz 4b
    mov %ebx, %eax
    finish

patched:
    mov $1, %eax
    add %eax, %ebx
    ret
