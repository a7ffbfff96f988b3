# Code whose pages are mapped anew. RAX: 0, or the number of the check that failed.
.include "system.inc"
.set PTE, 0xc03000              # of the harness: entry of page n at 8 * n
.set A, SCRATCH                 # a function on each of three pages
.set B, SCRATCH + 0x1000
.set C, SCRATCH + 0x4000
.code64
.text
.macro function at, value
    movb $0xb8, \at             # mov eax, value; ret
    movl $\value, \at + 1
    movb $0xc3, \at + 5
.endm
.macro map page, to
    movq $\to, PTE + (\page) / 512
.endm
.macro expect n, value
    call *%rbx
    cmp $\value, %eax
    mov $\n, %eax
    jne fail
.endm
start:
    function A, 1
    function B, 2
    mov $A, %ebx
    mov %cr3, %r12
    expect 1, 1
    expect 2, 1
    map A, B + 7
    invlpg A
    expect 3, 2
    map A, A + 7
    mov %r12, %cr3
    expect 4, 1
    # global: stays over a load of CR3
    mov %cr4, %rax
    or $0x80, %eax
    mov %rax, %cr4
    map A, A + 0x107
    invlpg A
    expect 5, 1
    map A, B + 0x107
    invlpg A
    expect 6, 2
    map A, A + 7
    invlpg A
    mov %r12, %cr3
    expect 7, 1
    # an instruction on two pages, the second of which is mapped anew
    mov $C + 0xffd, %ebx
    movb $0xb8, C + 0xffd
    movw $0x1111, C + 0xffe
    movl $0x00c30001, C + 0x1000
    movl $0x00c30002, C + 0x2000
    expect 8, 0x00011111
    expect 9, 0x00011111
    map SCRATCH + 0x5000, SCRATCH + 0x6007
    invlpg C + 0x1000
    expect 10, 0x00021111
    xor %eax, %eax
fail:
    finish
