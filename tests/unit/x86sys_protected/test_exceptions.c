/* The way into handlers: frames, stacks, flags and error codes in each mode, and
 * what becomes of exceptions on the way. */
#include "kit.h"

enum { INT32 = 0x8e, TRAP32 = 0x8f, INT16 = 0x86, TRAP16 = 0x87, USER = 0x60 };

static uint64_t pushed(unsigned slot, unsigned size)
{
    return kit_get(kit_cpu->gpr[X86_RSP] + slot * size, size);
}

static void test_real_mode_pushes_three_words(void **state)
{
    (void)state;
    kit_real();
    kit_put(SYS_DE * 4, 0x2000, 2);
    kit_put(SYS_DE * 4 + 2, 0x1234, 2);
    kit_cpu->rflags |= X86_IF | X86_TF | X86_CF;
    kit_deliver(SYS_DE, -1);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, 0x1234);
    assert_int_equal(kit_cpu->seg[SYS_CS].base, 0x12340);
    assert_int_equal(kit_cpu->rip, 0x2000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0x7ffa);
    assert_int_equal(pushed(0, 2), 0x100);
    assert_int_equal(pushed(1, 2), KIT_CODE >> 4);
    assert_int_equal(pushed(2, 2), X86_IF | X86_TF | X86_CF | SYS_RF_ONE);
    assert_int_equal(kit_cpu->rflags & (X86_IF | X86_TF), 0);
}

static void test_real_mode_stack_wraps(void **state)
{
    (void)state;
    kit_real();
    kit_put(SYS_DE * 4, 0x2000, 2);
    kit_cpu->gpr[X86_RSP] = 0xabc00002;
    kit_deliver(SYS_DE, -1);
    assert_int_equal(kit_cpu->gpr[X86_RSP], 0xabc0fffc);
    assert_int_equal(kit_get(0xfffc, 2), 0x100);
    assert_int_equal(kit_get(0, 2), SYS_RF_ONE);
}

static void test_protected_mode_same_level(void **state)
{
    (void)state;
    kit_gate(SYS_GP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_cpu->rflags |= (uint64_t)X86_IF | X86_TF | (uint64_t)SYS_RF_NT;
    uint64_t flags = kit_cpu->rflags;
    kit_deliver(SYS_GP, 0x1230);
    assert_int_equal(kit_cpu->rip, KIT_HANDLER);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 0x100 - 16);
    assert_int_equal(pushed(0, 4), 0x1230);
    assert_int_equal(pushed(1, 4), KIT_CODE);
    assert_int_equal(pushed(2, 4), KIT_CODE0);
    assert_int_equal(pushed(3, 4), flags | X86_RF);
    assert_int_equal(kit_cpu->rflags, SYS_RF_ONE);
}

static void test_trap_gates_leave_if(void **state)
{
    (void)state;
    kit_gate(SYS_UD, KIT_CODE0, KIT_HANDLER, TRAP32);
    kit_cpu->rflags |= X86_IF;
    kit_deliver(SYS_UD, -1);
    assert_true(kit_cpu->rflags & X86_IF);
}

static void test_protected_mode_inner_level_switches_stacks(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_GP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_deliver(SYS_GP, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, KIT_DATA0);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 24);
    assert_int_equal(pushed(2, 4), KIT_CODE3 | 3);
    assert_int_equal(pushed(4, 4), KIT_STACK3 - 0x100);
    assert_int_equal(pushed(5, 4), KIT_DATA3 | 3);
    /* Data segments stay. */
    assert_int_equal(kit_cpu->seg[SYS_DS].selector, KIT_DATA3 | 3);
}

static void test_ring_1_has_its_own_stack(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_UD, KIT_CODE1 | 1, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(sys_cpl(kit_cpu), 1);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, KIT_DATA1 | 1);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK1 - 20);
}

static void test_conforming_handlers_run_at_the_same_level(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_UD, KIT_CODE0_CONF, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_int_equal(kit_cpu->seg[SYS_CS].selector, KIT_CODE0_CONF | 3);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100 - 12);
}

static void test_16_bit_gates_push_words(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_GP, KIT_CODE0, 0xdead1234, TRAP16);
    kit_deliver(SYS_GP, 0x18);
    assert_int_equal(kit_cpu->rip, 0x1234);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 12);
    assert_int_equal(pushed(0, 2), 0x18);
    assert_int_equal(pushed(5, 2), KIT_DATA3 | 3);
}

static void test_vm86_goes_to_ring_0_with_nine_words(void **state)
{
    (void)state;
    kit_vm86(3);
    kit_gate(SYS_GP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_deliver(SYS_GP, 0);
    assert_int_equal(sys_cpl(kit_cpu), 0);
    assert_false(kit_cpu->rflags & SYS_RF_VM);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 40);
    assert_true(pushed(3, 4) & SYS_RF_VM);
    assert_int_equal(pushed(5, 4), 0);
    assert_int_equal(pushed(6, 4), 0x3000 + SYS_ES);
    assert_int_equal(pushed(7, 4), 0x3000 + SYS_DS);
    assert_int_equal(pushed(8, 4), 0x3000 + SYS_FS);
    assert_int_equal(pushed(9, 4), 0x3000 + SYS_GS);
    assert_int_equal(kit_cpu->seg[SYS_GS].selector, 0);
    assert_int_equal(kit_cpu->seg[SYS_GS].attr, 0);
}

static void test_vm86_handlers_must_be_in_ring_0(void **state)
{
    (void)state;
    kit_vm86(3);
    kit_gate(SYS_UD, KIT_CODE0_CONF, KIT_HANDLER, INT32);
    kit_gate(SYS_GP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), KIT_CODE0_CONF | 1);
}

static void test_long_mode_aligns_and_always_pushes_ss(void **state)
{
    (void)state;
    kit_long(0, true);
    kit_gate_64(SYS_GP, KIT_CODE0_64, 0xffff800000001000, INT32, 0);
    kit_cpu->gpr[X86_RSP] = KIT_STACK0 - 0x105;
    kit_deliver(SYS_GP, 0x10);
    assert_int_equal(kit_cpu->rip, 0xffff800000001000);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 0x110 - 48);
    assert_int_equal(pushed(0, 8), 0x10);
    assert_int_equal(pushed(1, 8), KIT_CODE);
    assert_int_equal(pushed(2, 8), KIT_CODE0_64);
    assert_int_equal(pushed(3, 8), SYS_RF_ONE | (uint64_t)X86_RF);
    assert_int_equal(pushed(4, 8), KIT_STACK0 - 0x105);
    assert_int_equal(pushed(5, 8), KIT_DATA0);
    assert_int_equal(kit_cpu->seg[SYS_SS].selector, KIT_DATA0);
}

static void test_long_mode_inner_level_has_a_null_ss(void **state)
{
    (void)state;
    for (unsigned code64 = 0; code64 < 2; code64++) {
        kit_long(3, code64);
        kit_gate_64(SYS_PF, KIT_CODE0_64, KIT_HANDLER, INT32, 0);
        kit_cpu->exception = (struct sys_exception){
            .vector = SYS_PF, .has_error = true, .error = 6, .addr = 0x7fff12345678};
        assert_true(sys_deliver_exception(kit_cpu));
        assert_int_equal(kit_cpu->cr2, 0x7fff12345678);
        assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK0 - 48);
        assert_int_equal(kit_cpu->seg[SYS_SS].selector, 0);
        assert_int_equal(kit_cpu->mode & (SYS_MODE_CODE64 | SYS_MODE_CPL), SYS_MODE_CODE64);
        assert_int_equal(pushed(0, 8), 6);
        assert_int_equal(pushed(5, 8), KIT_DATA3 | 3);
    }
}

static void test_ist_stacks_are_used_from_any_level(void **state)
{
    (void)state;
    for (unsigned cpl = 0; cpl < 4; cpl += 3) {
        kit_long(cpl, true);
        kit_gate_64(SYS_DF, KIT_CODE0_64, KIT_HANDLER, INT32, 1);
        kit_deliver(SYS_DF, 0);
        assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_IST1 - 48);
        assert_int_equal(kit_cpu->seg[SYS_SS].selector, cpl ? 0 : KIT_DATA0);
    }
}

static void test_long_mode_handlers_must_be_64_bit_code(void **state)
{
    (void)state;
    kit_long(0, true);
    kit_gate_64(SYS_UD, KIT_CODE0, KIT_HANDLER, INT32, 0);
    kit_gate_64(SYS_GP, KIT_CODE0_64, KIT_HANDLER, INT32, 0);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 8), KIT_CODE0 | 1);
}

static void test_bad_gates_say_so_in_the_error_code(void **state)
{
    (void)state;
    kit_gate(SYS_GP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_gate(SYS_NP, KIT_CODE0, KIT_HANDLER, INT32);
    kit_gate(SYS_UD, KIT_CODE0, KIT_HANDLER, 0x8c); /* a call gate */
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), SYS_UD * 8 + 3);
    kit_protected(0);
    kit_gate(SYS_UD, KIT_CODE0, KIT_HANDLER, 0x0e); /* absent */
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), SYS_UD * 8 + 3);
    kit_protected(0);
    kit_gate(SYS_UD, 0, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), 1);
    kit_protected(0);
    kit_gate(SYS_UD, KIT_CODE0_SMALL, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), 1);
}

static void test_stack_faults_of_the_inner_stack_are_ts(void **state)
{
    (void)state;
    kit_protected(3);
    kit_gate(SYS_UD, KIT_CODE0, KIT_HANDLER, INT32);
    kit_gate(SYS_TS, KIT_CODE1 | 1, KIT_HANDLER, INT32);
    kit_put(KIT_TSS + 8, KIT_DATA1, 2);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), KIT_DATA1 | 1);
    assert_int_equal(sys_cpl(kit_cpu), 1);
    kit_protected(3);
    kit_cpu->tr.limit = 8;
    kit_gate(SYS_TS, KIT_CODE3 | 3, KIT_HANDLER, INT32);
    kit_deliver(SYS_UD, -1);
    assert_int_equal(pushed(0, 4), KIT_TSS_SEL | 1);
}

struct pair {
    uint8_t first, second; /* #PF second: by an absent handler stack */
    uint8_t delivered;
    bool dead;
};

static void test_double_faults_by_class(void **state)
{
    (void)state;
    /* The first's gate leads to the second: gate absent: #NP; limit: #GP. */
    static const struct pair pairs[] = {
        {SYS_UD, SYS_NP, SYS_NP, false}, {SYS_GP, SYS_NP, SYS_DF, false},
        {SYS_DE, SYS_NP, SYS_DF, false}, {SYS_PF, SYS_NP, SYS_DF, false},
        {SYS_AC, SYS_NP, SYS_NP, false}, {SYS_XM, SYS_NP, SYS_NP, false},
        {SYS_DF, SYS_NP, 0, true},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct pair *p = &pairs[i];
        kit_long(0, true);
        for (unsigned v = 0; v < 32; v++) {
            kit_gate_64(v, KIT_CODE0_64, KIT_HANDLER + 16 * v, INT32, 0);
        }
        kit_gate_64(p->first, KIT_CODE0_64, KIT_HANDLER, 0x0e, 0);
        kit_cpu->exception = (struct sys_exception){.vector = p->first};
        assert_int_equal(sys_deliver_exception(kit_cpu), !p->dead);
        if (!p->dead) {
            assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * p->delivered);
        }
    }
}

static void test_a_page_fault_on_the_way_to_a_fault_is_serial_or_double(void **state)
{
    (void)state;
    /* The handler's stack is absent; only #PF and #DF have one of their own. */
    kit_page(KIT_STACK0 - 8, KIT_ABSENT);
    static const struct pair pairs[] = {
        {SYS_UD, SYS_PF, SYS_PF, false},
        {SYS_GP, SYS_PF, SYS_PF, false},
        {SYS_PF, SYS_PF, SYS_DF, false},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        const struct pair *p = &pairs[i];
        kit_long(3, true);
        for (unsigned v = 0; v < 32; v++) {
            unsigned ist = v == SYS_DF || (v == SYS_PF && p->first != SYS_PF);
            kit_gate_64(v, KIT_CODE0_64, KIT_HANDLER + 16 * v, INT32, ist);
        }
        kit_cpu->exception = (struct sys_exception){.vector = p->first, .addr = 0x1234};
        assert_true(sys_deliver_exception(kit_cpu));
        assert_int_equal(kit_cpu->rip, KIT_HANDLER + 16 * p->delivered);
        /* Only the lowest of the frame's words are in the page below. */
        assert_int_equal(kit_cpu->cr2 & ~0xfffull, (KIT_STACK0 - 8) & ~0xfffull);
    }
}

static void test_without_an_idt_the_processor_shuts_down(void **state)
{
    (void)state;
    kit_cpu->idtr.limit = 0;
    kit_cpu->exception = (struct sys_exception){.vector = SYS_UD};
    assert_false(sys_deliver_exception(kit_cpu));
    kit_real();
    kit_cpu->idtr.limit = 0;
    kit_cpu->exception = (struct sys_exception){.vector = SYS_UD};
    assert_false(sys_deliver_exception(kit_cpu));
}

static void test_nothing_changes_when_the_frame_cannot_be_pushed(void **state)
{
    (void)state;
    kit_long(3, true);
    kit_gate_64(0x80, KIT_CODE0_64, KIT_HANDLER, INT32 | USER, 0);
    kit_page(KIT_STACK0 - 8, KIT_READ_ONLY);
    struct sys_insn in = kit_insn();
    in.imm = 0x80;
    kit_assert_exception(sys_insn_int(kit_cpu, &in), SYS_PF, 3);
    assert_int_equal(kit_cpu->rip, KIT_CODE);
    assert_int_equal(sys_cpl(kit_cpu), 3);
    assert_int_equal(kit_cpu->gpr[X86_RSP], KIT_STACK3 - 0x100);
}

#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        KIT_TEST(test_real_mode_pushes_three_words),
        KIT_TEST(test_real_mode_stack_wraps),
        KIT_TEST(test_protected_mode_same_level),
        KIT_TEST(test_trap_gates_leave_if),
        KIT_TEST(test_protected_mode_inner_level_switches_stacks),
        KIT_TEST(test_ring_1_has_its_own_stack),
        KIT_TEST(test_conforming_handlers_run_at_the_same_level),
        KIT_TEST(test_16_bit_gates_push_words),
        KIT_TEST(test_vm86_goes_to_ring_0_with_nine_words),
        KIT_TEST(test_vm86_handlers_must_be_in_ring_0),
        KIT_TEST(test_long_mode_aligns_and_always_pushes_ss),
        KIT_TEST(test_long_mode_inner_level_has_a_null_ss),
        KIT_TEST(test_ist_stacks_are_used_from_any_level),
        KIT_TEST(test_long_mode_handlers_must_be_64_bit_code),
        KIT_TEST(test_bad_gates_say_so_in_the_error_code),
        KIT_TEST(test_stack_faults_of_the_inner_stack_are_ts),
        KIT_TEST(test_double_faults_by_class),
        KIT_TEST(test_a_page_fault_on_the_way_to_a_fault_is_serial_or_double),
        KIT_TEST(test_without_an_idt_the_processor_shuts_down),
        KIT_TEST(test_nothing_changes_when_the_frame_cannot_be_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
