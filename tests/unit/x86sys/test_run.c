/* Payloads on a bare machine: the translator, its slow path and its loop together. */
#include "bare.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "x86sys/interrupt.h"

enum { PF_HANDLER = 0x7000 };

static void test_loops_calls_and_indirect_jumps(void **state)
{
    (void)state;
    bare_load("flow64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 5000050000 + 1000 + 610 + 6 + 1 + 1);
    assert_int_equal(bare_reg(X86_RSP), BARE_STACK);
}

static void test_every_form_of_push_and_pop(void **state)
{
    (void)state;
    bare_load("stack64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0);
}

static void test_strings_cross_pages(void **state)
{
    (void)state;
    bare_load("string64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0);
}

static void test_flat_32_bit_code_runs(void **state)
{
    (void)state;
    bare_load("flat32");
    bare_start_32();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), (500500 + 55) & ~0xff00);
}

static void test_real_mode_reaches_long_mode_and_user_level(void **state)
{
    (void)state;
    bare_load("modes");
    bare_start_real();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0x600d);
}

static void test_code_that_changes_itself_runs_as_changed(void **state)
{
    (void)state;
    unsigned sum = 55 + 15;
    for (unsigned i = 1; i <= 1000; i++) {
        sum += i & 15;
    }
    bare_load("smc64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), sum);
}

static void test_code_is_found_where_its_page_is_mapped_now(void **state)
{
    (void)state;
    bare_load("remap64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0);
}

/* Two pages with one index in the TLB, in turns. */
static void test_pages_with_one_index_do_not_throw_each_other_out(void **state)
{
    static const uint8_t code[] = {
        0xb9, 0x10, 0x27, 0x00, 0x00, /* mov ecx, 10000 */
        0xbb, 0x00, 0x00, 0x40, 0x00, /* mov ebx, 4 MiB */
        0xba, 0x00, 0x00, 0x80, 0x00, /* mov edx, 8 MiB */
        0x48, 0x01, 0x0b,             /* add [rbx], rcx */
        0x48, 0xff, 0x02,             /* inc qword [rdx] */
        0xff, 0xc9, 0x75, 0xf6,       /* dec ecx; jnz to the add */
        0x48, 0x8b, 0x03,             /* mov rax, [rbx] */
        0x48, 0x03, 0x02,             /* add rax, [rdx] */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    (void)state;
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    uint64_t before = bare_cpu->counts[SYS_COUNT_SLOW];
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 50005000 + 10000);
    assert_true(bare_cpu->counts[SYS_COUNT_SLOW] - before < 10000 / 10);
}

static void test_lists_and_stacks_follow_their_pages(void **state)
{
    (void)state;
    bare_load("recent64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0);
}

/* CR0.TS: the second store, next to the first, raises #NM. */
static void test_a_disabled_unit_is_noticed_next_to_other_accesses(void **state)
{
    static const uint8_t code[] = {
        0x0f, 0x20, 0xc0,             /* mov rax, cr0 */
        0x83, 0xc8, 0x08,             /* or eax, 8 */
        0x0f, 0x22, 0xc0,             /* mov cr0, rax */
        0x31, 0xc0,                   /* xor eax, eax */
        0x48, 0x89, 0x44, 0x24, 0xf8, /* mov [rsp - 8], rax */
        0x0f, 0x11, 0x44, 0x24, 0xe0, /* movups [rsp - 32], xmm0 */
        0xfa, 0xf4,                   /* cli; hlt */
        0xb8, 0x07, 0x00, 0x00, 0x00, /* the handler: mov eax, 7 */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    (void)state;
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    bare_set_handler(bare_cpu, SYS_NM, BARE_LOAD + 23);
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 7);
}

/* What begins at the same place of its page does not share an entry of the jump cache. */
static void test_aligned_functions_do_not_throw_each_other_out(void **state)
{
    static const uint8_t code[] = {
        0xb9, 0xe8, 0x03, 0x00, 0x00, /* mov ecx, 1000 */
        0xbb, 0x00, 0x80, 0x01, 0x00, /* mov ebx, 0x18000 */
        0xba, 0x00, 0x00, 0x02, 0x00, /* mov edx, 0x20000 */
        0xff, 0xd3, 0xff, 0xd2,       /* call rbx; call rdx */
        0xff, 0xc9, 0x75, 0xf8,       /* dec ecx; jnz to the first call */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    (void)state;
    bare_load_bytes(code, sizeof(code));
    bare_ram[0x18000] = bare_ram[0x20000] = 0xc3; /* ret */
    bare_start_64();
    uint64_t before = bare_cpu->counts[SYS_COUNT_MISS];
    bare_run();
    assert_true(bare_cpu->counts[SYS_COUNT_MISS] - before < 100);
}

struct fault {
    uint64_t error, cr2, rip, rsp, rax, flags;
};

static struct fault fault_at(unsigned n)
{
    uint64_t a = BARE_RESULTS + 64ULL * n;
    return (struct fault){bare_read(a, 8),      bare_read(a + 8, 8),  bare_read(a + 16, 8),
                          bare_read(a + 24, 8), bare_read(a + 32, 8), bare_read(a + 40, 8)};
}

/* What is at RIP tells which instruction it was. */
static void assert_fault(unsigned n, uint64_t error, uint64_t cr2, uint64_t rsp, uint64_t opcode,
                         unsigned opcode_size)
{
    struct fault f = fault_at(n);
    assert_int_equal(f.error, error);
    assert_int_equal(f.cr2, cr2);
    assert_int_equal(f.rsp, rsp);
    assert_int_equal(f.rax, 0x1234);
    assert_int_equal(bare_read(f.rip, opcode_size), opcode);
}

static void test_page_faults_are_exact(void **state)
{
    (void)state;
    bare_load("fault64");
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 11);
    assert_fault(0, 0, BARE_ABSENT, BARE_STACK, 0x038b48, 3);
    assert_fault(1, 2, BARE_ABSENT + 8, BARE_STACK, 0x08438948, 4);
    assert_fault(2, 2, BARE_ABSENT + 16, BARE_STACK, 0x10430148, 4);
    assert_fault(3, 2, BARE_ABSENT + 24, BARE_STACK, 0x18438748, 4);
    assert_fault(4, 0, BARE_ABSENT + 32, BARE_STACK, 0x20431348, 4);
    assert_fault(5, 3, BARE_READ_ONLY + 8, BARE_STACK, 0x08438948, 4);
    assert_fault(6, 2, BARE_ABSENT, BARE_STACK, 0xfffff000838948, 7);
    assert_fault(7, 2, BARE_ABSENT, BARE_ABSENT + 8, 0x50, 1);
    assert_fault(8, 2, BARE_ABSENT + 8, BARE_ABSENT + 16, 0xe8, 1);
    assert_fault(9, 0, BARE_ABSENT + 16, BARE_ABSENT + 16, 0xc3, 1);
    assert_fault(10, 0, BARE_ABSENT + 16, BARE_ABSENT + 16, 0x58, 1);
    assert_int_equal(fault_at(4).flags & X86_CF, X86_CF); /* ADC reads it */
}

static void *interrupter(void *opaque)
{
    const struct timespec pause = {.tv_nsec = 20000};
    const unsigned *count = opaque;
    for (unsigned i = 0; i < *count; i++) {
        while (atomic_load(&bare_vector) != -1) {
            nanosleep(&pause, NULL);
        }
        atomic_store(&bare_vector, 0x40);
        sys_cpu_interrupt(&bare_cpu->cpu, SYS_INT_HARD, 0);
    }
    return NULL;
}

/* Nothing reads the flags behind it but the handler, and PUSHF itself when it is repeated. */
static void test_a_pushf_that_faults_finds_its_flags(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xf9,       /* stc */
        0x9c,       /* pushfq */
        0x31, 0xc0, /* xor eax, eax */
        0xf4,       /* hlt */
    };
    static const uint8_t handler[] = {
        0x48, 0x8b, 0x5c, 0x24, 0x18,                   /* mov rbx, [rsp + 24]: RFLAGS */
        0x80, 0x0c, 0x25, 0x00, 0x40, 0xc0, 0x00, 0x01, /* or byte [entry of the page], 1 */
        0x48, 0x83, 0xc4, 0x08,                         /* add rsp, 8 */
        0x48, 0xcf,                                     /* iretq */
    };
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    memcpy(bare_ram + PF_HANDLER, handler, sizeof(handler));
    bare_set_handler(bare_cpu, SYS_PF, PF_HANDLER);
    bare_ram[bare_cpu->idtr.base + 16UL * SYS_PF + 4] = 1; /* on a stack of its own */
    bare_cpu->gpr[X86_RSP] = BARE_ABSENT + 8;
    bare_run();
    assert_int_equal(bare_cpu->cr2, BARE_ABSENT);
    assert_true(bare_reg(X86_RBX) & X86_CF);
    assert_true(bare_read(BARE_ABSENT, 8) & X86_CF);
}

static void test_interrupts_come_between_instructions(void **state)
{
    (void)state;
    unsigned count = 2000;
    pthread_t thread;
    bare_load("irq64");
    bare_start_64();
    bare_cpu->gpr[X86_RDI] = count;
    assert_int_equal(pthread_create(&thread, NULL, interrupter, &count), 0);
    bare_run();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(bare_reg(X86_RAX), count);
    assert_int_equal(bare_reg(X86_RBX), bare_reg(X86_RBP));
}

/* Runs code whose interrupts lead to the handler at `handler` of it: it must come to an
 * end. */
static void run_until_interrupted(const uint8_t *code, size_t size, unsigned handler)
{
    unsigned count = 1;
    pthread_t thread;
    bare_load_bytes(code, size);
    bare_start_64();
    bare_set_handler(bare_cpu, 0x40, BARE_LOAD + handler);
    assert_int_equal(pthread_create(&thread, NULL, interrupter, &count), 0);
    bare_run();
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(bare_reg(X86_RAX), 7);
}

static void test_a_circle_of_blocks_takes_interrupts(void **state)
{
    static const uint8_t code[] = {
        0xfb,                         /* sti */
        0x85, 0xc0, 0x75, 0x02,       /* test eax, eax; jnz over the next */
        0xeb, 0x02,                   /* jmp onward */
        0x0f, 0x0b,                   /* ud2 */
        0xff, 0xc1, 0xeb, 0xf4,       /* inc ecx; jmp back to the test */
        0xb8, 0x07, 0x00, 0x00, 0x00, /* the handler: mov eax, 7 */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    (void)state;
    run_until_interrupted(code, sizeof(code), 13);
}

/* Interrupts are on behind one instruction of each round only. */
static void test_interrupts_come_behind_what_sti_shadows(void **state)
{
    static const uint8_t straight[] = {
        0xfb, 0x90, 0xfa,             /* sti; nop; cli */
        0xeb, 0xfb,                   /* jmp back to the sti */
        0xb8, 0x07, 0x00, 0x00, 0x00, /* the handler: mov eax, 7 */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    static const uint8_t branching[] = {
        0x31, 0xdb,                   /* xor ebx, ebx */
        0xfb, 0x74, 0x01, 0x90,       /* sti; jz over the next; nop */
        0xfa, 0x31, 0xdb, 0xeb, 0xf7, /* cli; xor ebx, ebx; jmp back to the sti */
        0xb8, 0x07, 0x00, 0x00, 0x00, /* the handler: mov eax, 7 */
        0xfa, 0xf4,                   /* cli; hlt */
    };
    (void)state;
    run_until_interrupted(straight, sizeof(straight), 5);
    run_until_interrupted(branching, sizeof(branching), 11);
}

/* Eight bytes of the block, never executed or no more, are where the stack is. */
static void run_over_itself(const uint8_t *code, size_t size, uint64_t at_20000)
{
    bare_load_bytes(code, size);
    memcpy(bare_ram + 0x20000, &at_20000, sizeof(at_20000));
    bare_start_64();
    bare_cpu->gpr[X86_RDX] = BARE_LOAD + 20;
    bare_cpu->gpr[X86_RBX] = 0x20000;
    bare_run();
}

static void test_pushes_over_their_own_block_are_complete(void **state)
{
    static const uint8_t push[] = {
        0xbc, 0x13, 0x00, 0x01, 0x00,                   /* mov esp, BARE_LOAD + 19 */
        0x31, 0xc0,                                     /* xor eax, eax */
        0x6a, 0x11,                                     /* push 0x11 */
        0x74, 0x08,                                     /* jz over what it has written to */
        0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, /* nops */
        0x89, 0xe0,                                     /* mov eax, esp */
        0xfa, 0xf4,                                     /* cli; hlt */
    };
    static const uint8_t pop[] = {
        0xbc, 0x00, 0x00, 0x02, 0x00,                   /* mov esp, 0x20000 */
        0xbb, 0x0f, 0x00, 0x01, 0x00,                   /* mov ebx, BARE_LOAD + 15 */
        0x31, 0xc0,                                     /* xor eax, eax */
        0x8f, 0x03,                                     /* pop qword [rbx] */
        0x75,                                           /* jnz by what it has written */
        0x00, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, /* nops */
        0x89, 0xe0,                                     /* mov eax, esp */
        0xfa, 0xf4,                                     /* cli; hlt */
    };
    (void)state;
    assert_int_equal(BARE_LOAD, 0x10000);
    run_over_itself(push, sizeof(push), 0);
    assert_int_equal(bare_reg(X86_RAX), BARE_LOAD + 11);
    run_over_itself(pop, sizeof(pop), UINT64_C(0x9090909090909000));
    assert_int_equal(bare_reg(X86_RAX), 0x20008);
}

static void test_calls_over_their_own_block_are_complete(void **state)
{
    static const uint8_t calls[][5] = {
        {0xe8, 0x02, 0x00, 0x00, 0x00}, /* call the function */
        {0xff, 0xd2, 0x90, 0x90, 0x90}, /* call rdx */
        {0xff, 0x13, 0x90, 0x90, 0x90}, /* call [rbx] */
    };
    uint8_t code[] = {
        0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, /* nops, later the return address */
        0xbc, 0x08, 0x00, 0x01, 0x00,                   /* mov esp, BARE_LOAD + 8 */
        0,    0,    0,    0,    0,                      /* the call */
        0xfa, 0xf4,                                     /* cli; hlt */
        0x89, 0xe0,                                     /* the function: mov eax, esp */
        0xfa, 0xf4,                                     /* cli; hlt */
    };
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        memcpy(code + 13, calls[i], sizeof(calls[i]));
        run_over_itself(code, sizeof(code), BARE_LOAD + 20);
        assert_int_equal(bare_reg(X86_RAX), BARE_LOAD);
        assert_int_equal(bare_read(BARE_LOAD, 8), BARE_LOAD + (i ? 15 : 18));
    }
}

static void test_device_registers_are_read_and_written_once(void **state)
{
    (void)state;
    static const uint8_t code[] = {
        0xbb, 0x00, 0x00, 0x00, 0x02,       /* mov ebx, BARE_IO */
        0xc7, 0x03, 0x44, 0x33, 0x22, 0x11, /* mov dword [rbx], 0x11223344 */
        0x8b, 0x03,                         /* mov eax, [rbx] */
        0x83, 0x03, 0x01,                   /* add dword [rbx], 1 */
        0x0f, 0x98, 0xc1,                   /* sets cl */
        0xff, 0x33,                         /* push qword [rbx] */
        0x5a,                               /* pop rdx */
        0xf4,
    };
    bare_load_bytes(code, sizeof(code));
    bare_start_64();
    bare_run();
    assert_int_equal(bare_reg(X86_RAX), 0x11223344);
    assert_int_equal(bare_reg(X86_RDX) & UINT32_MAX, 0x11223345);
    assert_int_equal(bare_io.reads, 3);
    assert_int_equal(bare_io.writes, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loops_calls_and_indirect_jumps),
        cmocka_unit_test(test_every_form_of_push_and_pop),
        cmocka_unit_test(test_pages_with_one_index_do_not_throw_each_other_out),
        cmocka_unit_test(test_aligned_functions_do_not_throw_each_other_out),
        cmocka_unit_test(test_strings_cross_pages),
        cmocka_unit_test(test_flat_32_bit_code_runs),
        cmocka_unit_test(test_real_mode_reaches_long_mode_and_user_level),
        cmocka_unit_test(test_code_that_changes_itself_runs_as_changed),
        cmocka_unit_test(test_code_is_found_where_its_page_is_mapped_now),
        cmocka_unit_test(test_lists_and_stacks_follow_their_pages),
        cmocka_unit_test(test_a_disabled_unit_is_noticed_next_to_other_accesses),
        cmocka_unit_test(test_page_faults_are_exact),
        cmocka_unit_test(test_a_pushf_that_faults_finds_its_flags),
        cmocka_unit_test(test_interrupts_come_between_instructions),
        cmocka_unit_test(test_a_circle_of_blocks_takes_interrupts),
        cmocka_unit_test(test_interrupts_come_behind_what_sti_shadows),
        cmocka_unit_test(test_pushes_over_their_own_block_are_complete),
        cmocka_unit_test(test_calls_over_their_own_block_are_complete),
        cmocka_unit_test(test_device_registers_are_read_and_written_once),
    };
    return cmocka_run_group_tests(tests, bare_setup, bare_teardown);
}
