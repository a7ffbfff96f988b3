/* Stack instructions in all modes, and those that 64-bit mode does not have. */
#include "kit.h"

#include "x86sys/operand.h"

static uint64_t get(uint64_t phys, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, ops_ram(phys), size);
    return value;
}

static void put(uint64_t phys, uint64_t value, unsigned size)
{
    memcpy(ops_ram(phys), &value, size);
}

static void test_push_and_pop_in_64_bit_mode(void **state)
{
    (void)state;
    ops_long(3);
    uint64_t top = ops_cpu->gpr[X86_RSP], v;
    ops_cpu->gpr[X86_R8] = 0x1122334455667788;
    ops_assert_done(OPS("\x41\x50")); /* push r8 */
    memcpy(&v, ops_data(top - 8), 8);
    assert_int_equal(v, 0x1122334455667788);
    ops_assert_done(OPS("\x6a\xff")); /* push -1 */
    ops_assert_done(OPS("\x5b"));     /* pop rbx */
    assert_int_equal(ops_cpu->gpr[X86_RBX], UINT64_MAX);
    ops_assert_done(OPS("\x66\x59")); /* pop cx */
    assert_int_equal(ops_cpu->gpr[X86_RCX], 0x7788);
    assert_int_equal(ops_cpu->gpr[X86_RSP], top - 6);
}

static void test_push_sp_pushes_the_old_one(void **state)
{
    (void)state;
    ops_flat32();
    ops_cpu->gpr[X86_RSP] = 0x6000;
    ops_assert_done(OPS("\x54"));
    assert_int_equal(get(0x5ffc, 4), 0x6000);
    ops_assert_done(OPS("\x5c")); /* pop esp */
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0x6000);
}

static void test_pop_to_memory_at_sp_counts_the_increment(void **state)
{
    (void)state;
    ops_flat32();
    ops_cpu->gpr[X86_RSP] = 0x6000;
    put(0x6000, 0xcafe, 4);
    ops_assert_done(OPS("\x8f\x04\x24")); /* pop dword [esp] */
    assert_int_equal(get(0x6004, 4), 0xcafe);
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0x6004);
}

static void test_a_push_that_faults_moves_nothing(void **state)
{
    (void)state;
    ops_long(3);
    ops_cpu->gpr[X86_RSP] = OPS_DATA + 0x5000;
    ops_page(4, 1);
    ops_assert_fault(OPS("\x50"), SYS_PF);
    assert_int_equal(ops_cpu->gpr[X86_RSP], OPS_DATA + 0x5000);
    ops_cpu->gpr[X86_RSP] = 1ULL << 47;
    ops_cpu->gpr[X86_RSP] += 0x1000;
    ops_assert_fault(OPS("\x50"), SYS_SSF);
}

static void test_pusha_and_popa_round(void **state)
{
    (void)state;
    ops_flat32();
    for (unsigned i = 0; i < 8; i++) {
        ops_cpu->gpr[i] = 0x1000 * (i + 1);
    }
    ops_assert_done(OPS("\x60"));
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0x5000 - 32);
    assert_int_equal(get(0x5000 - 4, 4), 0x1000);
    assert_int_equal(get(0x5000 - 20, 4), 0x5000);
    for (unsigned i = 0; i < 8; i++) {
        ops_cpu->gpr[i] = i == X86_RSP ? 0x5000 - 32 : 0;
    }
    ops_assert_done(OPS("\x61"));
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(ops_cpu->gpr[i], 0x1000 * (i + 1));
    }
}

static void test_stacks_wrap_in_real_mode(void **state)
{
    (void)state;
    ops_real();
    ops_cpu->gpr[X86_RSP] = 0xdead0000;
    ops_cpu->gpr[X86_RAX] = 0x4242;
    ops_assert_done(OPS("\x50"));
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0xdeadfffe);
    assert_int_equal(get(0xfffe, 2), 0x4242);
}

static void test_enter_copies_outer_frames(void **state)
{
    (void)state;
    ops_flat32();
    ops_cpu->gpr[X86_RSP] = 0x6000;
    ops_cpu->gpr[X86_RBP] = 0x7000;
    put(0x6ffc, 0x11, 4);
    put(0x6ff8, 0x22, 4);
    ops_assert_done(OPS("\xc8\x10\x00\x03")); /* enter 16, 3 */
    assert_int_equal(get(0x5ffc, 4), 0x7000);
    assert_int_equal(get(0x5ff8, 4), 0x11);
    assert_int_equal(get(0x5ff4, 4), 0x22);
    assert_int_equal(get(0x5ff0, 4), 0x5ffc);
    assert_int_equal(ops_cpu->gpr[X86_RBP], 0x5ffc);
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0x5ff0 - 16);
    ops_assert_done(OPS("\xc9"));
    assert_int_equal(ops_cpu->gpr[X86_RBP], 0x7000);
    assert_int_equal(ops_cpu->gpr[X86_RSP], 0x6000);
}

struct decimal {
    const char *op;
    uint16_t ax;
    uint32_t flags;
    uint16_t result;
    uint32_t flags_after; /* of CF, AF, ZF, SF, PF that are defined */
    uint32_t defined;
};

#define ALL   (X86_CF | X86_AF | X86_ZF | X86_SF | X86_PF)
#define CARRY (X86_CF | X86_AF)
#define SZP   (X86_ZF | X86_SF | X86_PF)

/* From SDM volume 2 and a Pentium's answers. */
static const struct decimal decimals[] = {
    {"\x27", 0x00ae, 0, 0x0014, CARRY | X86_PF, ALL}, /* DAA: 79 + 35 */
    {"\x27", 0x002e, 0, 0x0034, X86_AF, ALL},
    {"\x27", 0x0099, 0, 0x0099, X86_SF | X86_PF, ALL},
    {"\x27", 0x009a, 0, 0x0000, CARRY | X86_ZF | X86_PF, ALL},
    {"\x27", 0x0012, X86_CF, 0x0072, X86_CF | X86_PF, ALL},
    {"\x2f", 0x00ee, X86_AF | X86_CF, 0x0088, CARRY | X86_SF | X86_PF, ALL}, /* DAS: 35 - 47 */
    {"\x2f", 0x0002, X86_AF, 0x00fc, CARRY | X86_SF | X86_PF, ALL},
    {"\x2f", 0x0045, 0, 0x0045, 0, ALL},
    {"\x37", 0x000b, 0, 0x0101, CARRY, CARRY}, /* AAA */
    {"\x37", 0x0035, 0, 0x0005, 0, CARRY},
    {"\x37", 0x00fa, 0, 0x0200, CARRY, CARRY},
    {"\x3f", 0x0203, X86_AF, 0x000d, CARRY, CARRY}, /* AAS */
    {"\x3f", 0x0207, 0, 0x0207, 0, CARRY},
    {"\xd4\x0a", 0x0049, 0, 0x0703, X86_PF, SZP}, /* AAM */
    {"\xd4\x10", 0x00ab, 0, 0x0a0b, 0, SZP},
    {"\xd5\x0a", 0x0703, 0, 0x0049, 0, SZP}, /* AAD */
    {"\xd6", 0x1234, X86_CF, 0x12ff, X86_CF, X86_CF},
    {"\xd6", 0x1234, 0, 0x1200, 0, X86_CF},
};

static void test_decimal_adjustments(void **state)
{
    (void)state;
    ops_flat32();
    for (size_t i = 0; i < sizeof decimals / sizeof decimals[0]; i++) {
        const struct decimal *d = &decimals[i];
        ops_cpu->gpr[X86_RAX] = 0xabcd0000u | d->ax;
        ops_cpu->rflags = 2 | d->flags;
        ops_assert_done(ops_run(d->op, strlen(d->op)));
        if (ops_cpu->gpr[X86_RAX] != (0xabcd0000u | d->result) ||
            (ops_cpu->rflags & d->defined) != d->flags_after) {
            fail_msg("op %02x of %04x: %04x, flags %03x", (uint8_t)d->op[0], d->ax,
                     (unsigned)ops_cpu->gpr[X86_RAX] & 0xffff,
                     (unsigned)(ops_cpu->rflags & d->defined));
        }
    }
    ops_assert_fault(ops_run("\xd4\x00", 2), SYS_DE);
}

static void test_bound_looks_at_both_ends(void **state)
{
    (void)state;
    ops_flat32();
    put(0x6000, (uint32_t)-5, 4);
    put(0x6004, 10, 4);
    ops_cpu->gpr[X86_RBX] = 0x6000;
    static const struct {
        int32_t index;
        bool good;
    } cases[] = {{-5, true}, {10, true}, {-6, false}, {11, false}, {0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ops_cpu->gpr[X86_RAX] = (uint32_t)cases[i].index;
        enum sys_result r = OPS("\x62\x03");
        if (cases[i].good) {
            ops_assert_done(r);
        } else {
            ops_assert_fault(r, SYS_BR);
        }
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_push_and_pop_in_64_bit_mode),
        T(test_push_sp_pushes_the_old_one),
        T(test_pop_to_memory_at_sp_counts_the_increment),
        T(test_a_push_that_faults_moves_nothing),
        T(test_pusha_and_popa_round),
        T(test_stacks_wrap_in_real_mode),
        T(test_enter_copies_outer_frames),
        T(test_decimal_adjustments),
        T(test_bound_looks_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
