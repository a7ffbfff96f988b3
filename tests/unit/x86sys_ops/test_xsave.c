/* XSAVE and XRSTOR: areas, masks, and headers that must not reach the host. */
#include "kit.h"

#include "vectors_asm.h"
#include "x86sys/model.h"
#include "x86sys/stubs.h"

#define PKRU  0x200u
#define AREA  (OPS_DATA + 0x1000) /* in one page */
#define SPLIT (OPS_DATA + 0x3e00) /* across two */
#define MARK  0x1122334455667788ULL

static uint64_t area_get(uint64_t area, unsigned at)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)*ops_data(area + at + i) << 8 * i;
    }
    return value;
}

static void area_put(uint64_t area, unsigned at, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        *ops_data(area + at + i) = (uint8_t)(value >> 8 * i);
    }
}

/* For builds that save at once, by code that is not generated here. */
static void keep_live(struct sys_cpu *cpu)
{
    (void)cpu;
}

/* XSAVE [rbx], with the test's own vector registers for the guest's. */
static enum sys_result run(const char *op, size_t len, uint64_t area, uint64_t mask)
{
    ops_cpu->rip = OPS_CODE;
    ops_cpu->gpr[X86_RBX] = area;
    ops_cpu->gpr[X86_RAX] = (uint32_t)mask;
    ops_cpu->gpr[X86_RDX] = mask >> 32;
    ops_cpu->vec_live = true;
    sys_stubs.vec_save = keep_live;
    enum sys_result r = ops_run(op, len);
    ops_cpu->vec_live = false;
    return r;
}

#define XSAVE(area, mask)  run("\x0f\xae\x23", 3, area, mask)
#define XSAVEC(area, mask) run("\x0f\xc7\x23", 3, area, mask)
#define XRSTOR(area, mask) run("\x0f\xae\x2b", 3, area, mask)

static void begin(void)
{
    ops_long(3);
    ops_cpu->cr4 |= SYS_CR4_OSXSAVE | SYS_CR4_OSFXSR | SYS_CR4_PKE;
    ops_cpu->xcr0 = ops_cpu->model->xcr0;
    sys_mode_update(ops_cpu);
}

static void test_saving_needs_permission(void **state)
{
    (void)state;
    ops_long(3);
    ops_assert_fault(XSAVE(AREA, 3), SYS_UD);
    begin();
    ops_assert_fault(XSAVE(AREA + 8, 3), SYS_GP);
    ops_assert_fault(XSAVE(1ULL << 47, 3), SYS_GP);
    ops_page(1, 0);
    ops_assert_fault(XSAVE(AREA, 3), SYS_PF);
    ops_cpu->cr0 |= SYS_CR0_TS;
    ops_assert_fault(XSAVE(AREA, 3), SYS_NM);
}

static void save_and_restore(uint64_t area)
{
    begin();
    for (unsigned at = 0; at < 1024; at += 8) {
        area_put(area, at, at == 512 || at == 520 ? 0 : 0xeeeeeeeeeeeeeeee);
    }
    xmm5_set(MARK);
    ops_assert_done(XSAVE(area, 2));
    assert_int_equal(area_get(area, 160 + 5 * 16), MARK);
    assert_int_equal(area_get(area, 512) & 3, 2);
    assert_int_equal(area_get(area, 0), 0xeeeeeeeeeeeeeeee); /* x87 is left alone */
    xmm5_set(0);
    area_put(area, 528, 0);
    ops_assert_done(XRSTOR(area, 2));
    assert_int_equal(xmm5_get(), MARK);
}

static void test_what_is_saved_is_restored(void **state)
{
    (void)state;
    save_and_restore(AREA);
}

static void test_an_area_may_cross_a_page(void **state)
{
    (void)state;
    save_and_restore(SPLIT);
}

static void test_xcr0_bounds_the_mask(void **state)
{
    (void)state;
    begin();
    ops_cpu->xcr0 = 1;
    area_put(AREA, 512, 0);
    ops_assert_done(XSAVE(AREA, UINT64_MAX));
    assert_int_equal(area_get(AREA, 512) & ~1ULL, 0);
}

static void test_bad_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint64_t value;
    } bad[] = {{512, 1ULL << 40}, {512, 1ULL << 62},           {520, 1},
               {528, 1},          {520, 1ULL << 63 | 1 << 20}, {24, 0xffffffff}};
    begin();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        for (unsigned at = 0; at < 576; at += 8) {
            area_put(AREA, at, 0);
        }
        area_put(AREA, 24, 0x1f80);
        area_put(AREA, bad[i].at, bad[i].value);
        ops_assert_fault(XRSTOR(AREA, 7), SYS_GP);
    }
}

static void test_pkru_is_a_component(void **state)
{
    (void)state;
    begin();
    uint32_t at = sys_xsave_part(9).offset;
    ops_cpu->pkru = 0x55555554;
    area_put(AREA, 512, 0);
    area_put(AREA, 520, 0);
    area_put(AREA, 528, 0);
    ops_assert_done(XSAVE(AREA, PKRU));
    assert_int_equal(area_get(AREA, at), 0x55555554);
    assert_int_equal(area_get(AREA, 512), PKRU);
    ops_cpu->pkru = 0;
    ops_assert_done(XRSTOR(AREA, PKRU));
    assert_int_equal(ops_cpu->pkru, 0x55555554);
    area_put(AREA, 512, 0);
    ops_assert_done(XRSTOR(AREA, PKRU));
    assert_int_equal(ops_cpu->pkru, 0);
}

static void test_compacted_areas_have_pkru_last(void **state)
{
    (void)state;
    begin();
    if (!sys_model_has(ops_cpu->model, SYS_FEAT_XSAVEC)) {
        skip();
    }
    ops_cpu->pkru = 0x1234;
    xmm5_set(MARK);
    ops_assert_done(XSAVEC(AREA, 2 | PKRU));
    assert_int_equal(area_get(AREA, 520), 1ULL << 63 | 2 | PKRU);
    assert_int_equal(area_get(AREA, 576), 0x1234);
    ops_cpu->pkru = 0;
    xmm5_set(0);
    ops_assert_done(XRSTOR(AREA, 2 | PKRU));
    assert_int_equal(ops_cpu->pkru, 0x1234);
    assert_int_equal(xmm5_get(), MARK);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, ops_setup, ops_teardown)
    const struct CMUnitTest tests[] = {
        T(test_saving_needs_permission),        T(test_what_is_saved_is_restored),
        T(test_an_area_may_cross_a_page),       T(test_xcr0_bounds_the_mask),
        T(test_bad_headers_are_refused),        T(test_pkru_is_a_component),
        T(test_compacted_areas_have_pkru_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
