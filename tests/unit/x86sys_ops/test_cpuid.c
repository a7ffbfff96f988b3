/* CPU models and CPUID. */
#include "kit.h"

#include "x86sys/model.h"

static struct x86_cpuid cpuid(uint32_t leaf, uint32_t subleaf)
{
    return sys_cpuid(ops_cpu, leaf, subleaf);
}

static void test_a_model_has_its_features(void **state)
{
    (void)state;
    ops_model("x86-64-v1");
    assert_false(cpuid(1, 0).ecx & 1 << 20); /* SSE4.2 */
    assert_true(cpuid(0x80000001, 0).edx & 1u << 29);
    ops_model("x86-64-v2");
    assert_true(cpuid(1, 0).ecx & 1 << 20);
    assert_false(cpuid(1, 0).ecx & 1 << 28); /* AVX */
}

static void test_features_are_added_and_taken(void **state)
{
    (void)state;
    ops_model("x86-64-v1,+smep,-nx,smap=yes,hypervisor=off");
    assert_true(cpuid(7, 0).ebx & 1 << 7);
    assert_true(cpuid(7, 0).ebx & 1 << 20);
    assert_false(cpuid(0x80000001, 0).edx & 1 << 20);
    assert_false(cpuid(1, 0).ecx & 1u << 31);
    assert_int_equal(cpuid(0x40000000, 0).eax, 0);
}

static void refuse(const char *text, const char *hint)
{
    struct error err = {""};
    assert_true(sys_cpu_model_check(text, &err) < 0);
    if (!strstr(err.text, hint)) {
        fail_msg("\"%s\" lacks \"%s\"", err.text, hint);
    }
}

static void test_mistakes_are_told_with_a_suggestion(void **state)
{
    (void)state;
    refuse("x86-64-v22", "did you mean \"x86-64-v2\"");
    refuse("max,+smpe", "did you mean \"smep\"");
    refuse("max,smep=maybe", "on or off");
    refuse("max,+vmx,enforce", "can't be had here: vmx");
    refuse("max,enforce,hle=on,+la57", "can't be had here: hle la57");
    refuse("max,vendor=me", "12 characters");
    refuse("max,phys-bits=99", "from 36 to 52");
    refuse("zzzzzzzz", "-cpu help");
    char longer[200];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    refuse(longer, "too long");
}

static void test_what_cannot_be_had_is_left_out(void **state)
{
    (void)state;
    ops_model("qemu64,+vmx,+la57,mpx=on,hv_time,hv-spinlocks=0x1fff,check=off");
    assert_false(cpuid(1, 0).ecx & 1 << 5);
    assert_false(cpuid(7, 0).ecx & 1 << 16);
    assert_false(cpuid(7, 0).ebx & 1 << 14);
    ops_model("x86-64-v1,kvm=off,migratable=off,pmu=off,svm=no,flushbyasid=off,enforce,+smep");
    assert_true(cpuid(7, 0).ebx & 1 << 7);
}

static void test_a_name_is_a_set_of_features(void **state)
{
    (void)state;
    ops_model("Penryn");
    assert_true(cpuid(1, 0).ecx & 1 << 19);
    assert_false(cpuid(1, 0).ecx & 1 << 20);
    ops_model("SandyBridge-v2,-avx");
    assert_int_equal(cpuid(1, 0).eax, 0x000206a1);
    assert_false(cpuid(7, 0).ebx & 1 << 5);
    assert_true(cpuid(1, 0).ecx & 1 << 25);
    assert_false(cpuid(7, 0).ebx & 1 << 7);
    ops_model("IvyBridge-IBRS");
    assert_true(cpuid(7, 0).ebx & 1 << 7);
    assert_false(cpuid(7, 0).ebx & 1 << 20);
    ops_model("Broadwell-noTSX-IBRS");
    assert_int_equal(cpuid(1, 0).eax, 0x000306d2);
    assert_true(cpuid(7, 0).ebx & 1 << 20);
    ops_model("EPYC-Milan-v1");
    assert_int_equal(cpuid(1, 0).eax, 0x00a00f11);
    assert_true(cpuid(7, 0).ecx & 1 << 22);
    refuse("Haswell-v5", "no model \"Haswell-v5\"");
    refuse("EPYC-Rome-IBRS", "no model");
    refuse("qemu64-v2", "no model");
}

static void test_numbers_and_names_are_set(void **state)
{
    (void)state;
    ops_model("qemu64,family=6,model=158,stepping=9,phys-bits=46,model-id=My CPU");
    assert_int_equal(cpuid(1, 0).eax, 0x000906e9);
    assert_int_equal(cpuid(0x80000008, 0).eax & 0xff, 46);
    assert_int_equal(cpuid(0x80000002, 0).eax, 0x4320794d); /* "My C" */
    ops_model("qemu64,vendor=GenuineIntel");
    assert_int_equal(cpuid(0, 0).ebx, 0x756e6547);
    assert_int_equal(ops_cpu->model->vendor, SYS_VENDOR_INTEL);
    assert_true(cpuid(7, 0).edx & 1 << 26); /* SPEC_CTRL is Intel's */
    ops_model("qemu64,vendor=CentaurHauls");
    assert_int_equal(cpuid(0, 0).ebx, 0x746e6543);
    assert_int_equal(ops_cpu->model->vendor, SYS_VENDOR_AMD);
}

static void test_osxsave_follows_cr4(void **state)
{
    (void)state;
    assert_false(cpuid(1, 0).ecx & 1 << 27);
    ops_cpu->cr4 |= SYS_CR4_OSXSAVE;
    assert_true(cpuid(1, 0).ecx & 1 << 27);
    assert_false(cpuid(7, 0).ecx & 1 << 4);
    ops_cpu->cr4 |= SYS_CR4_PKE;
    assert_true(cpuid(7, 0).ecx & 1 << 4);
}

static uint64_t apic_base;

static uint64_t get_base(void *apic)
{
    (void)apic;
    return apic_base;
}

static void test_there_is_no_apic_while_it_is_off(void **state)
{
    (void)state;
    static const struct sys_apic_ops ops = {.get_base = get_base};
    static const char *const models[] = {"kvm64", "qemu64"}; /* Intel, AMD */
    for (size_t i = 0; i < 2; i++) {
        ops_model(models[i]);
        ops_cpu->apic_ops = &ops;
        apic_base = 0xfee00900;
        assert_true(cpuid(1, 0).edx & 1 << 9);
        assert_int_equal(cpuid(0x80000001, 0).edx >> 9 & 1, i);
        apic_base &= ~0x800ULL;
        assert_false(cpuid(1, 0).edx & 1 << 9);
        assert_false(cpuid(0x80000001, 0).edx & 1 << 9);
    }
}

static void test_what_is_not_translated_is_not_promised(void **state)
{
    (void)state;
    assert_false(cpuid(1, 0).ecx & (1 << 5 | 1 << 3));            /* VMX, MONITOR */
    assert_false(cpuid(7, 0).ebx & (1 << 4 | 1 << 11 | 1 << 14)); /* HLE, RTM, MPX */
    assert_false(cpuid(7, 0).ecx & 1 << 7);                       /* CET */
    assert_false(cpuid(7, 0).edx & (1 << 20 | 1 << 24));          /* IBT, AMX */
    assert_false(cpuid(0xd, 1).eax & 1 << 3);                     /* XSAVES */
    assert_false(cpuid(0x80000001, 0).ecx & 1 << 2);              /* SVM */
}

static void test_topology_counts_threads_and_cores(void **state)
{
    (void)state;
    struct x86_cpuid smt = cpuid(0xb, 0), core = cpuid(0xb, 1), end = cpuid(0xb, 2);
    assert_int_equal(smt.eax, 1);
    assert_int_equal(smt.ebx, 2);
    assert_int_equal(smt.ecx, 1 << 8);
    assert_int_equal(core.eax, 2);
    assert_int_equal(core.ebx, 4);
    assert_int_equal(core.ecx, 2 << 8 | 1);
    assert_int_equal(end.ebx, 0);
    assert_int_equal(cpuid(1, 0).ebx >> 16 & 0xff, 4);
}

static void test_xsave_sizes_follow_xcr0(void **state)
{
    (void)state;
    struct x86_cpuid all = cpuid(0xd, 0);
    assert_int_equal(all.ebx, 576);
    assert_int_equal(all.eax & 3, 3);
    ops_cpu->xcr0 = ops_cpu->model->xcr0;
    assert_int_equal(cpuid(0xd, 0).ebx, all.ecx);
    if (all.eax & 1 << 9) {
        struct x86_cpuid pkru = cpuid(0xd, 9);
        assert_int_equal(pkru.eax, 8);
        assert_int_equal(pkru.ebx + 8, all.ecx);
    }
}

static void test_every_model_can_be_made(void **state)
{
    (void)state;
    static const char *const names[] = {"max",
                                        "host",
                                        "qemu64",
                                        "kvm64",
                                        "x86-64-v1",
                                        "x86-64-v2",
                                        "x86-64-v3",
                                        "x86-64-v4",
                                        "Nehalem",
                                        "Haswell",
                                        "Skylake-Server",
                                        "EPYC",
                                        "Conroe",
                                        "core2duo",
                                        "Penryn",
                                        "Westmere",
                                        "SandyBridge",
                                        "IvyBridge",
                                        "Broadwell",
                                        "Skylake-Client",
                                        "Cascadelake-Server",
                                        "Icelake-Server",
                                        "EPYC-Rome",
                                        "EPYC-Milan"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct error err = {""};
        assert_int_equal(sys_cpu_model_check(names[i], &err), 0);
    }
}

static void set_feature(struct sys_cpu_model *m, const char *name, bool on)
{
    int f = sys_feature_by_name(name);
    assert_true(f > 0);
    uint32_t bit = 1u << f % 32;
    m->features[f / 32] = (m->features[f / 32] & ~bit) | (on ? bit : 0);
}

static void test_what_is_promised_is_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *feature, *bytes;
    } samples[] = {
        {"sse4.2", "\xf2\x0f\x38\xf1\xc1"},
        {"popcnt", "\xf3\x0f\xb8\xc1"},
        {"movbe", "\x0f\x38\xf0\x01"},
        {"aes", "\x66\x0f\x38\xdc\xc1"},
        {"adx", "\x66\x0f\x38\xf6\xc1"},
        {"rdrand", "\x0f\xc7\xf0"},
        {"clflushopt", "\x66\x0f\xae\x39"},
        {"clwb", "\x66\x0f\xae\x31"},
        {"abm", "\xf3\x0f\xbd\xc1"},
        {"sha-ni", "\x0f\x38\xc8\xc1"},
        {"3dnowprefetch", "\x0f\x0d\x09"},
        {"gfni", "\x66\x0f\x38\xcf\xc1"},
        {"clzero", "\x0f\x01\xfc"},
        {"cldemote", "\x0f\x1c\x01"},
        {"movdiri", "\x0f\x38\xf9\x01"},
        {"serialize", "\x0f\x01\xe8"},
        {"movdir64b", "\x66\x0f\x38\xf8\x01"},
        {"wbnoinvd", "\xf3\x0f\x09"},
        {"sse4a", "\xf2\x0f\x79\xc1"},
        {"rdpid", "\xf3\x0f\xc7\xf8"},
        {"bmi1", "\xf3\x0f\xbc\xc1"},
        {"pku", "\x0f\x01\xee"},
    };
    ops_long(0);
    ops_cpu->cr4 |= SYS_CR4_OSFXSR;
    sys_mode_update(ops_cpu);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        int f = sys_feature_by_name(samples[i].feature);
        assert_true(f >= 0);
        uint8_t code[15] = {0};
        struct sys_insn in;
        memcpy(code, samples[i].bytes, strlen(samples[i].bytes));
        assert_int_equal(sys_decode(&in, ops_cpu->mode, 0, 0, code, sizeof code), 0);
        if (sys_model_has(ops_cpu->model, (unsigned)f) && in.cls == SYS_INSN_ILLEGAL) {
            fail_msg("%s is promised and is #UD", samples[i].feature);
        }
    }
}

/* The feature, and another that it takes besides. */
static void test_what_is_taken_away_is_in_no_model(void **state)
{
    (void)state;
    static const struct {
        const char *feature, *other, *bytes;
    } samples[] = {
        {"cmov", NULL, "\x0f\x44\xc1"},
        {"clflush", NULL, "\x0f\xae\x39"},
        {"mmx", NULL, "\x0f\xfe\xc1"},
        {"fxsr", NULL, "\x0f\xae\x01"},
        {"sse", NULL, "\x0f\x58\xc1"},
        {"sse2", NULL, "\x66\x0f\x58\xc1"},
        {"pni", NULL, "\xf2\x0f\xd0\xc1"},
        {"pclmulqdq", NULL, "\x66\x0f\x3a\x44\xc1\x01"},
        {"pclmulqdq", "avx", "\xc4\xe3\x79\x44\xc1\x01"},
        {"vpclmulqdq", "avx", "\xc4\xe3\x7d\x44\xc1\x01"},
        {"ssse3", NULL, "\x66\x0f\x38\x01\xc1"},
        {"fma", NULL, "\xc4\xe2\x79\x98\xc1"},
        {"cx16", NULL, "\x48\x0f\xc7\x09"},
        {"sse4.1", NULL, "\x66\x0f\x38\x40\xc1"},
        {"sse4.2", NULL, "\xf2\x0f\x38\xf1\xc1"},
        {"movbe", NULL, "\x0f\x38\xf0\x01"},
        {"movdiri", NULL, "\x0f\x38\xf9\x01"},
        {"popcnt", NULL, "\xf3\x0f\xb8\xc1"},
        {"aes", NULL, "\x66\x0f\x38\xdc\xc1"},
        {"aes", "avx", "\xc4\xe2\x79\xdc\xc1"},
        {"vaes", "avx", "\xc4\xe2\x7d\xdc\xc1"},
        {"avx", NULL, "\xc5\xf8\x58\xc1"},
        {"f16c", NULL, "\xc4\xe2\x79\x13\xc1"},
        {"rdrand", NULL, "\x0f\xc7\xf0"},
        {"rdseed", NULL, "\x0f\xc7\xf8"},
        {"bmi1", NULL, "\xc4\xe2\x78\xf2\xc1"},
        {"avx2", NULL, "\xc5\xfd\xfe\xc1"},
        {"avx2", NULL, "\xc4\xe2\x71\x90\x04\x10"}, /* a gather */
        {"bmi2", NULL, "\xc4\xe2\x7b\xf5\xc1"},
        {"adx", NULL, "\x66\x0f\x38\xf6\xc1"},
        {"clflushopt", NULL, "\x66\x0f\xae\x39"},
        {"clwb", NULL, "\x66\x0f\xae\x31"},
        {"sha-ni", NULL, "\x0f\x38\xc8\xc1"},
        {"gfni", NULL, "\x66\x0f\x38\xcf\xc1"},
        {"gfni", "avx", "\xc4\xe2\x7d\xcf\xc1"},
        {"gfni", "avx512f", "\x62\xf2\x7d\x48\xcf\xc1"},
        {"vaes", "avx512f", "\x62\xf2\x7d\x48\xdc\xc1"},
        {"avx512f", NULL, "\x62\xf1\x7c\x48\x58\xc1"},
        {"avx512f", "avx512vl", "\x62\xf1\x7c\x28\x58\xc1"},
        {"avx512bw", "avx512f", "\x62\xf1\x7d\x48\xfd\xc1"},
        {"avx512bw", "avx512vl", "\x62\xf1\x7d\x08\xfd\xc1"},
        {"avx512vnni", "avx512f", "\x62\xf2\x7d\x48\x50\xc1"},
        {"avx-vnni", "avx", "\xc4\xe2\x79\x50\xc1"},
        {"lahf-lm", NULL, "\x9f"},
        {"sse4a", NULL, "\xf2\x0f\x79\xc1"},
    };
    ops_long(0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t code[15] = {0};
        struct sys_insn in;
        memcpy(code, samples[i].bytes, strlen(samples[i].bytes));
        assert_int_equal(sys_decode(&in, ops_cpu->mode, 0, 0, code, sizeof code), 0);
        for (unsigned had = 0; had < 4; had++) {
            struct sys_cpu_model m = {.name = "made"};
            bool one = had & 1, other = had & 2 || !samples[i].other;
            set_feature(&m, samples[i].feature, one);
            if (samples[i].other) {
                set_feature(&m, samples[i].other, other);
            }
            if (sys_insn_is_in_model(&in, &m) != (one && other)) {
                fail_msg("sample %zu with %s %d and %s %d", i, samples[i].feature, one,
                         samples[i].other ? samples[i].other : "nothing", other);
            }
        }
    }
}

/* It is another instruction then. */
static void test_what_is_no_undefined_opcode_without_its_feature(void **state)
{
    (void)state;
    static const char *const samples[] = {
        "\xf3\x0f\xbc\xc1", /* tzcnt */
        "\xf3\x0f\xbd\xc1", /* lzcnt */
        "\x0f\x0d\x09",     /* prefetchw */
        "\xf3\x90",         /* pause */
        "\xd8\xc1",         /* fadd */
        "\x0f\x1f\x01",     /* nop */
    };
    const struct sys_cpu_model none = {.name = "none"};
    ops_long(0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        uint8_t code[15] = {0};
        struct sys_insn in;
        memcpy(code, samples[i], strlen(samples[i]));
        assert_int_equal(sys_decode(&in, ops_cpu->mode, 0, 0, code, sizeof code), 0);
        assert_true(sys_insn_is_in_model(&in, &none));
    }
    ops_flat32(); /* LAHF has always been there */
    struct sys_insn in;
    assert_int_equal(sys_decode(&in, ops_cpu->mode, 0, 0, (const uint8_t *)"\x9f", 1), 0);
    assert_true(sys_insn_is_in_model(&in, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_model_has_its_features, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_features_are_added_and_taken, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_mistakes_are_told_with_a_suggestion, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_had_is_left_out, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_a_name_is_a_set_of_features, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_numbers_and_names_are_set, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_osxsave_follows_cr4, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_there_is_no_apic_while_it_is_off, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_not_translated_is_not_promised, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_topology_counts_threads_and_cores, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_xsave_sizes_follow_xcr0, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_promised_is_decoded, ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_taken_away_is_in_no_model, ops_setup,
                                        ops_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_undefined_opcode_without_its_feature,
                                        ops_setup, ops_teardown),
        cmocka_unit_test_setup_teardown(test_every_model_can_be_made, ops_setup, ops_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
