/* The page walk of system mode: every paging mode, what faults and with which error
 * code, and what is written to the tables. */
#include "sys_fake.h"

/* Walks; returns the error code, or -1 if it is allowed. */
static int walk(uint64_t linear, uint32_t access, enum sys_mmu mmu, struct sys_page *page)
{
    uint32_t error = 0;

    rcu_read_lock();
    bool ok = sys_walk(fx->cpu, linear, access, mmu, page, &error);
    rcu_read_unlock();
    return ok ? -1 : (int)error;
}

static int try_access(uint64_t linear, uint32_t access, enum sys_mmu mmu)
{
    struct sys_page page;

    return walk(linear, access, mmu, &page);
}

static void test_without_paging_linear_is_physical(void **state)
{
    struct sys_page page;

    (void)state;
    assert_int_equal(walk(0x123456, SYS_WRITE, SYS_MMU_USER, &page), -1);
    assert_int_equal(page.phys, 0x123000);
    assert_int_equal(walk(UINT64_C(0xffffffff12345678), SYS_READ, SYS_MMU_KERNEL, &page), -1);
    assert_int_equal(page.phys, 0x12345000);
}

static void test_every_mode_finds_the_page(void **state)
{
    (void)state;
    for (enum paging p = LEGACY; p <= LONG5; p++) {
        struct sys_page page;
        uint64_t linear = linear_of[p], phys;

        set_paging(p);
        map(linear, PAGE | ALL | G);
        assert_int_equal(walk(linear, SYS_READ, SYS_MMU_USER, &page), -1);
        assert_int_equal(page.phys, PAGE);
        assert_true(page.rights & SYS_PAGE_GLOBAL);
        assert_false(page.rights & (SYS_PAGE_LARGE | SYS_PAGE_DIRTY));
        assert_int_equal(walk(linear + 0x1000, SYS_READ, SYS_MMU_USER, &page), SYS_PF_USER);
        assert_true(sys_walk_peek(fx->cpu, linear, &phys));
        assert_int_equal(phys, PAGE + 0x123);
        assert_false(sys_walk_peek(fx->cpu, linear + 0x1000, &phys));
    }
}

static void test_each_level_can_be_absent(void **state)
{
    (void)state;
    for (enum paging p = LEGACY; p <= LONG5; p++) {
        uint64_t linear = linear_of[p];

        for (unsigned n = 0; n < (p == LEGACY ? 2U : p + 2U); n++) {
            set_paging(p);
            map(linear, PAGE | ALL);
            entry_put(entry_at(linear, n), entry_get(entry_at(linear, n)) & ~P);
            if (p == PAE) {
                assert_true(sys_pdpte_load(fx->cpu, fx->cpu->cr3));
            }
            assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER),
                             SYS_PF_USER | SYS_PF_WRITE);
            assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_KERNEL), 0);
        }
    }
}

/* What the manual says, written once more: 4.6.1 of volume 3. */
static bool may(bool user_page, bool writable, bool nx, uint32_t access, bool user, bool ac)
{
    uint64_t cr0 = fx->cpu->cr0, cr4 = fx->cpu->cr4;

    if (user) {
        if (!user_page) {
            return false;
        }
        return access == SYS_FETCH ? !nx : access == SYS_WRITE ? writable : true;
    }
    if (access == SYS_FETCH) {
        return !nx && !(user_page && cr4 & SYS_CR4_SMEP);
    }
    if (user_page && cr4 & SYS_CR4_SMAP && !ac) {
        return false;
    }
    return access != SYS_WRITE || writable || !(cr0 & SYS_CR0_WP);
}

/* All combinations, as bits of a number. */
static void check_rights(enum paging p, unsigned mix)
{
    bool user_page = mix & 1, writable = mix & 2, nx = mix & 4, wp = mix & 8, smep = mix & 16,
         smap = mix & 32, level = mix & 64; /* the right is missing above the leaf */
    uint64_t linear = linear_of[p], lacks = (user_page ? 0 : U) | (writable ? 0 : W);

    set_paging(p);
    if (nx && p == LEGACY) {
        return;
    }
    fx->cpu->cr0 &= wp ? UINT64_MAX : ~(uint64_t)SYS_CR0_WP;
    fx->cpu->cr4 |= (smep ? SYS_CR4_SMEP : 0) | (smap ? SYS_CR4_SMAP : 0);
    map(linear, PAGE | ALL);
    uint64_t at = entry_at(linear, levels() - (level ? 2 : 1));
    entry_put(at, (entry_get(at) & ~lacks) | (nx ? NX : 0));
    for (unsigned how = 0; how < 9; how++) {
        static const uint32_t accesses[] = {SYS_READ, SYS_WRITE, SYS_FETCH};
        uint32_t access = accesses[how % 3];
        enum sys_mmu mmu = (enum sys_mmu)(how / 3);
        bool ac = mmu == SYS_MMU_KERNEL_USER;
        int expected = -1;

        if (mmu == SYS_MMU_KERNEL && !smap) {
            continue; /* without SMAP supervisors are KERNEL_USER */
        }
        if (!may(user_page, writable, nx, access, mmu == SYS_MMU_USER, ac)) {
            bool tells_fetch = smep || p != LEGACY;

            expected = SYS_PF_PRESENT | (access == SYS_WRITE ? SYS_PF_WRITE : 0) |
                       (mmu == SYS_MMU_USER ? SYS_PF_USER : 0) |
                       (access == SYS_FETCH && tells_fetch ? SYS_PF_FETCH : 0);
        }
        int got = try_access(linear, access, mmu);
        if (got != expected) {
            fail_msg("paging %d, mix %#x, access %u, mmu %d: %d instead of %d", (int)p, mix, access,
                     (int)mmu, got, expected);
        }
    }
}

static void test_rights_are_as_the_manual_says(void **state)
{
    (void)state;
    for (enum paging p = LEGACY; p <= LONG5; p++) {
        for (unsigned mix = 0; mix < 128; mix++) {
            check_rights(p, mix);
        }
    }
}

static void test_protection_keys_forbid_data_accesses_to_user_pages(void **state)
{
    struct sys_cpu *cpu = fx->cpu;
    uint64_t linear = linear_of[LONG4];
    const int key_read = SYS_PF_PRESENT | SYS_PF_USER | SYS_PF_KEY;

    (void)state;
    set_paging(LONG4);
    map(linear, PAGE | ALL | UINT64_C(5) << 59);
    cpu->cr4 |= SYS_CR4_PKE;
    cpu->pkru = 1U << 10; /* key 5: no access */
    assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_USER), key_read);
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER), key_read | SYS_PF_WRITE);
    assert_int_equal(try_access(linear, SYS_FETCH, SYS_MMU_USER), -1);
    assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_KERNEL_USER),
                     SYS_PF_PRESENT | SYS_PF_KEY);
    cpu->pkru = 2U << 10; /* no writes */
    assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_USER), -1);
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER), key_read | SYS_PF_WRITE);
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_KERNEL_USER),
                     SYS_PF_PRESENT | SYS_PF_KEY | SYS_PF_WRITE);
    cpu->cr0 &= ~(uint64_t)SYS_CR0_WP;
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_KERNEL_USER), -1);
    cpu->pkru = 3U << 8; /* of key 4 */
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER), -1);
    cpu->pkru = UINT32_MAX;
    map(linear, PAGE | P | W); /* supervisor pages have none */
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_KERNEL), -1);
    map(linear, PAGE | ALL);
    cpu->cr4 &= ~(uint64_t)SYS_CR4_PKE;
    assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER), -1);
}

struct reserved_case {
    enum paging paging;
    unsigned level; /* 0: topmost */
    uint64_t bits;
    bool reserved;
    bool no_nxe;
};

static void test_reserved_bits_fault(void **state)
{
    static const struct reserved_case cases[] = {
        {LEGACY, 0, UINT64_C(0xe00), false, false},
        {LEGACY, 1, PS, false, false}, /* PAT */
        {PAE, 1, UINT64_C(1) << 40, true, false},
        {PAE, 2, UINT64_C(1) << 39, false, false},
        {PAE, 2, UINT64_C(1) << 51, true, false},
        {PAE, 2, UINT64_C(1) << 52, true, false},
        {PAE, 1, UINT64_C(1) << 62, true, false},
        {PAE, 2, NX, false, false},
        {PAE, 2, NX, true, true},
        {PAE, 1, NX, true, true},
        {PAE, 2, PS, false, false},
        {LONG4, 0, PS, true, false},
        {LONG4, 0, UINT64_C(1) << 40, true, false},
        {LONG4, 0, UINT64_C(1) << 52, false, false},
        {LONG4, 1, UINT64_C(1) << 51, true, false},
        {LONG4, 2, UINT64_C(1) << 40, true, false},
        {LONG4, 2, NX, true, true},
        {LONG4, 3, UINT64_C(1) << 40, true, false},
        {LONG4, 3, UINT64_C(1) << 62, false, false},
        {LONG4, 3, NX, false, false},
        {LONG4, 3, NX, true, true},
        {LONG4, 3, PS, false, false},
        {LONG5, 0, PS, true, false},
        {LONG5, 1, PS, true, false},
        {LONG5, 4, UINT64_C(1) << 45, true, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct reserved_case *c = &cases[i];
        uint64_t linear = linear_of[c->paging];

        set_paging(c->paging);
        if (c->no_nxe) {
            fx->cpu->efer &= ~(uint64_t)SYS_EFER_NXE;
        }
        map(linear, PAGE | ALL);
        uint64_t at = entry_at(linear, c->level), before = entry_get(at) | c->bits;
        entry_put(at, before);
        int got = try_access(linear, SYS_READ, SYS_MMU_USER);
        if (c->reserved) {
            if (got != (SYS_PF_PRESENT | SYS_PF_USER | SYS_PF_RESERVED)) {
                fail_msg("case %zu: %d", i, got);
            }
            assert_true(entry_get(at) == before);
        } else if (got == (SYS_PF_PRESENT | SYS_PF_USER | SYS_PF_RESERVED)) {
            fail_msg("case %zu: reserved", i);
        }
    }
}

struct large_case {
    enum paging paging;
    unsigned level;
    uint64_t entry, linear, phys; /* phys 0: reserved; 1: the second GiB's */
};

static void test_large_pages(void **state)
{
    static const struct large_case cases[] = {
        {LEGACY, 0, 0x00400000 | PS, 0x8067b000, 0x0067b000},
        {LEGACY, 0, 0x00400000 | PS | 0xff << 13, 0x8067b000, UINT64_C(0xff0067b000)},
        {LEGACY, 0, 0x00400000 | PS | 1 << 21, 0x8067b000, 0},
        {LEGACY, 0, 0x00400000 | PS | 1 << 12, 0x8067b000, 0x0067b000}, /* PAT */
        {PAE, 1, 0x00200000 | PS, 0xc07ff000, 0x003ff000},
        {PAE, 1, 0x00200000 | PS | 1 << 12, 0xc07ff000, 0x003ff000},
        {PAE, 1, 0x00200000 | PS | 1 << 13, 0xc07ff000, 0},
        {PAE, 1, 0x00200000 | PS | 1 << 20, 0xc07ff000, 0},
        {LONG4, 2, UINT64_C(0x3f00200000) | PS, 0xffff8123456f9000, UINT64_C(0x3f002f9000)},
        {LONG4, 2, 0x00200000 | PS | 1 << 20, 0xffff8123456f9000, 0},
        {LONG4, 1, GIB | PS, 0xffff8123456f9000, 1},
        {LONG4, 1, GIB | PS | 1 << 12, 0xffff8123456f9000, 1},
        {LONG4, 1, GIB | PS | 1 << 29, 0xffff8123456f9000, 0},
        {LONG4, 1, GIB | PS | 1 << 13, 0xffff8123456f9000, 0},
        {LONG5, 3, 0x00200000 | PS, 0xff123456783f9000, 0x003f9000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct large_case *c = &cases[i];
        struct sys_page page;
        uint64_t expected = c->phys;

        set_paging(c->paging);
        map(c->linear, PAGE | ALL);
        entry_put(entry_at(c->linear, c->level), c->entry | ALL);
        if (expected == 1) {
            expected = GIB | (c->linear & (GIB - 1));
        }
        int got = walk(c->linear, SYS_WRITE, SYS_MMU_USER, &page);
        if (expected ? got != -1 || page.phys != expected
                     : got != (SYS_PF_PRESENT | SYS_PF_USER | SYS_PF_WRITE | SYS_PF_RESERVED)) {
            fail_msg("case %zu: %d, %#llx", i, got, (unsigned long long)page.phys);
        }
        if (expected) {
            assert_true(page.rights & SYS_PAGE_LARGE);
            assert_true((entry_get(entry_at(c->linear, c->level)) & (A | D)) == (A | D));
        }
    }
}

static void test_without_pse_there_are_no_4_mib_pages(void **state)
{
    struct sys_page page;
    uint64_t linear = linear_of[LEGACY];

    (void)state;
    set_paging(LEGACY);
    map(linear, PAGE | ALL);
    entry_put(entry_at(linear, 0), entry_get(entry_at(linear, 0)) | PS);
    fx->cpu->cr4 &= ~(uint64_t)SYS_CR4_PSE;
    assert_int_equal(walk(linear, SYS_READ, SYS_MMU_USER, &page), -1);
    assert_int_equal(page.phys, PAGE);
}

static void test_accessed_and_dirty_are_set_by_what_is_allowed_only(void **state)
{
    (void)state;
    for (enum paging p = LEGACY; p <= LONG5; p++) {
        uint64_t linear = linear_of[p];
        unsigned first = p == PAE ? 1 : 0; /* PDPTEs have no flags */

        set_paging(p);
        map(linear, PAGE | P | U);
        unsigned last = levels() - 1;
        assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER),
                         SYS_PF_PRESENT | SYS_PF_WRITE | SYS_PF_USER);
        for (unsigned n = first; n <= last; n++) {
            assert_false(entry_get(entry_at(linear, n)) & (A | D));
        }
        assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_USER), -1);
        for (unsigned n = first; n <= last; n++) {
            assert_true((entry_get(entry_at(linear, n)) & (A | D)) == A);
        }
        entry_put(entry_at(linear, last), PAGE | ALL);
        assert_int_equal(try_access(linear, SYS_WRITE, SYS_MMU_USER), -1);
        assert_true((entry_get(entry_at(linear, last)) & (A | D)) == (A | D));
        assert_false(entry_get(entry_at(linear, last - 1)) & D);
    }
}

static void test_pdptes_are_checked_when_loaded(void **state)
{
    static const uint64_t reserved[] = {2, 4, 0x20, 0x40, 0x80, 0x100, UINT64_C(1) << 40, NX};

    (void)state;
    set_paging(PAE);
    map(linear_of[PAE], PAGE | ALL);
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        entry_put(TABLE(0), P | reserved[i] | TABLE(1));
        assert_false(sys_pdpte_load(fx->cpu, TABLE(0)));
        entry_put(TABLE(0), reserved[i] | TABLE(1)); /* absent: nothing is looked at */
        assert_true(sys_pdpte_load(fx->cpu, TABLE(0)));
    }
    /* Changes in memory count from the next load on. */
    entry_put(entry_at(linear_of[PAE], 0), 0);
    assert_int_equal(try_access(linear_of[PAE], SYS_READ, SYS_MMU_USER), -1);
    assert_true(sys_pdpte_load(fx->cpu, TABLE(0)));
    assert_int_equal(try_access(linear_of[PAE], SYS_READ, SYS_MMU_USER), SYS_PF_USER);
}

static void test_tables_outside_of_ram_fault_and_rom_ones_are_left_alone(void **state)
{
    struct sys_page page;
    uint64_t linear = linear_of[LONG4], value = PAGE | ALL;

    (void)state;
    set_paging(LONG4);
    map(linear, PAGE | ALL);
    entry_put(entry_at(linear, 2), UINT64_C(0x3000000000) | ALL);
    assert_int_equal(try_access(linear, SYS_READ, SYS_MMU_KERNEL_USER),
                     SYS_PF_PRESENT | SYS_PF_RESERVED);
    entry_put(entry_at(linear, 2), 64 * MIB | ALL);
    memcpy(memory_region_host(&fx->rom) + (linear >> 12 & 511) * 8, &value, 8);
    assert_int_equal(walk(linear, SYS_WRITE, SYS_MMU_KERNEL_USER, &page), -1);
    assert_int_equal(page.phys, PAGE);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_without_paging_linear_is_physical),
        TEST(test_every_mode_finds_the_page),
        TEST(test_each_level_can_be_absent),
        TEST(test_rights_are_as_the_manual_says),
        TEST(test_protection_keys_forbid_data_accesses_to_user_pages),
        TEST(test_reserved_bits_fault),
        TEST(test_large_pages),
        TEST(test_without_pse_there_are_no_4_mib_pages),
        TEST(test_accessed_and_dirty_are_set_by_what_is_allowed_only),
        TEST(test_pdptes_are_checked_when_loaded),
        TEST(test_tables_outside_of_ram_fault_and_rom_ones_are_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
