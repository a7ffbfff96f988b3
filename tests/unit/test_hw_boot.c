/* Kernels of direct boot: what their headers say, and what of it is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hw/acpi_tables.h"
#include "hw/boot_elf.h"
#include "hw/boot_internal.h"
#include "hw/boot_linux.h"

#define SETUP_SECTORS 4
#define BZIMAGE_SIZE  (512 * (SETUP_SECTORS + 1) + 4096)

static uint8_t file[16384];

static void put16(size_t at, uint16_t v)
{
    file[at] = (uint8_t)v;
    file[at + 1] = (uint8_t)(v >> 8);
}

static void put32(size_t at, uint32_t v)
{
    put16(at, (uint16_t)v);
    put16(at + 2, (uint16_t)(v >> 16));
}

/* A bzImage of protocol 2.15 with a 64-bit entry, and nothing in it. */
static void make_bzimage(void)
{
    memset(file, 0, sizeof(file));
    file[0x1f1] = SETUP_SECTORS;
    put32(0x1f4, 4096 / 16);
    put16(0x1fe, 0xaa55);
    file[0x201] = 0x66;
    memcpy(file + 0x202, "HdrS", 4);
    put16(0x206, 0x20f);
    file[0x211] = 1;
    put32(0x22c, 0x7fffffff);
    put16(0x236, 1);
    put32(0x238, 2047);
    put32(0x258, 0x1000000);
    put32(0x260, 0x200000);
}

static int parse_bzimage(size_t len, struct boot_linux_image *image, struct error *err)
{
    *err = (struct error){.text = ""};
    return boot_linux_parse(file, len, "k", image, err);
}

static void test_a_bzimage_says_where_it_wants_to_lie(void **state)
{
    struct boot_linux_image image;
    struct error err;
    (void)state;
    make_bzimage();
    assert_int_equal(parse_bzimage(BZIMAGE_SIZE, &image, &err), 0);
    assert_int_equal(image.setup_size, 512 * (SETUP_SECTORS + 1));
    assert_int_equal(image.kernel_size, 4096);
    assert_int_equal(image.load_at, 0x1000000);
    assert_int_equal(image.init_size, 0x200000);
    assert_int_equal(image.initrd_max, 0x7fffffff);
    assert_int_equal(image.cmdline_max, 2047);
    assert_true(image.long_mode);
}

static void test_a_cut_off_bzimage_is_refused(void **state)
{
    struct boot_linux_image image;
    struct error err;
    (void)state;
    make_bzimage();
    for (size_t len = 0; len < BZIMAGE_SIZE - 15; len += 7) {
        assert_int_equal(parse_bzimage(len, &image, &err), -ENOEXEC);
        assert_non_null(strstr(err.text, "kernel k: "));
    }
}

static void test_impossible_places_are_refused(void **state)
{
    static const uint64_t bad[] = {0, 0x1000, 0x1000001, 0x100000000, UINT64_MAX & ~0xfffUL};
    struct boot_linux_image image;
    struct error err;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_bzimage();
        put32(0x258, (uint32_t)bad[i]);
        put32(0x25c, (uint32_t)(bad[i] >> 32));
        assert_int_equal(parse_bzimage(BZIMAGE_SIZE, &image, &err), -ENOEXEC);
    }
    make_bzimage();
    put32(0x260, 0xffffffff);
    assert_int_equal(parse_bzimage(BZIMAGE_SIZE, &image, &err), -ENOEXEC);
}

static void test_an_old_protocol_is_refused(void **state)
{
    struct boot_linux_image image;
    struct error err;
    (void)state;
    make_bzimage();
    put16(0x206, 0x203);
    assert_int_equal(parse_bzimage(BZIMAGE_SIZE, &image, &err), -ENOEXEC);
    assert_string_equal(err.text, "kernel k: boot protocol 2.03 is too old");
}

/* One segment, and a note with Xen's 32-bit entry. */
static void make_elf(uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
    Elf64_Ehdr h = {.e_type = ET_EXEC,
                    .e_machine = EM_X86_64,
                    .e_entry = 0x1000000,
                    .e_phoff = sizeof(h),
                    .e_phentsize = sizeof(Elf64_Phdr),
                    .e_phnum = 2};
    Elf64_Phdr p[2] = {
        {.p_type = PT_LOAD,
         .p_offset = 512,
         .p_paddr = paddr,
         .p_filesz = filesz,
         .p_memsz = memsz},
        {.p_type = PT_NOTE, .p_offset = 1024, .p_filesz = 20, .p_memsz = 20, .p_align = 4}};
    memset(file, 0, sizeof(file));
    memcpy(h.e_ident, ELFMAG, SELFMAG);
    h.e_ident[EI_CLASS] = ELFCLASS64;
    h.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(file, &h, sizeof(h));
    memcpy(file + sizeof(h), p, sizeof(p));
    put32(1024, 4);
    put32(1028, 4);
    put32(1032, 18);
    memcpy(file + 1036, "Xen", 4);
    put32(1040, 0x1000100);
}

static void test_an_elf_kernel_tells_its_pvh_entry(void **state)
{
    struct boot_elf elf;
    struct error err = {.text = ""};
    (void)state;
    make_elf(0x1000000, 256, 4096);
    assert_int_equal(boot_elf_parse(file, 2048, "k", &elf, &err), 0);
    assert_true(elf.has_pvh);
    assert_int_equal(elf.pvh_entry, 0x1000100);
    assert_int_equal(elf.segment_count, 1);
    assert_int_equal(elf.segments[0].file_offset, 512);
    assert_int_equal(elf.segments[0].size, 4096);
}

static void test_segments_beyond_the_file_or_4_gib_are_refused(void **state)
{
    static const uint64_t bad[][3] = {
        {0x1000000, 4096, 8192},         /* more than the file has */
        {0x1000000, 512, 256},           /* more in the file than in memory */
        {0xfffff000, 256, 8192},         /* across 4 GiB */
        {UINT64_MAX - 100, 256, 8192},   /* wraps */
        {0x1000000, 256, UINT64_MAX},    /* wraps */
        {0x1000000, UINT64_MAX, 0x1000}, /* wraps in the file */
    };
    struct boot_elf elf;
    struct error err = {.text = ""};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        make_elf(bad[i][0], bad[i][1], bad[i][2]);
        assert_int_equal(boot_elf_parse(file, 2048, "k", &elf, &err), -ENOEXEC);
    }
}

static void make_multiboot(uint32_t flags)
{
    memset(file, 0, sizeof(file));
    put32(64, 0x1badb002);
    put32(68, flags);
    put32(72, 0u - 0x1badb002u - flags);
    put32(76, 0x100040); /* header, load, load end, bss end, entry */
    put32(80, 0x100000);
    put32(84, 0x101000);
    put32(88, 0x102000);
    put32(92, 0x100800);
}

static void test_a_multiboot_header_with_addresses_is_a_segment(void **state)
{
    struct boot_multiboot m;
    struct error err = {.text = ""};
    bool found;
    (void)state;
    make_multiboot(0x10003);
    assert_int_equal(boot_multiboot_parse(file, 8192, "k", &found, &m, &err), 0);
    assert_true(found && m.addresses);
    assert_int_equal(m.segment.at, 0x100000);
    assert_int_equal(m.segment.file_offset, 0);
    assert_int_equal(m.segment.file_size, 0x1000);
    assert_int_equal(m.segment.size, 0x2000);
    assert_int_equal(m.entry, 0x100800);
}

static void test_a_multiboot_header_that_asks_for_more_is_refused(void **state)
{
    struct boot_multiboot m;
    struct error err = {.text = ""};
    bool found;
    (void)state;
    make_multiboot(0x10004); /* a video mode */
    assert_int_equal(boot_multiboot_parse(file, 8192, "k", &found, &m, &err), -ENOEXEC);
    make_multiboot(0x10000);
    put32(84, 0x200000); /* more than there is */
    assert_int_equal(boot_multiboot_parse(file, 8192, "k", &found, &m, &err), -ENOEXEC);
    make_multiboot(0x10000);
    put32(76, 0x200000); /* header far behind load */
    assert_int_equal(boot_multiboot_parse(file, 8192, "k", &found, &m, &err), -ENOEXEC);
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static char directory[] = "/tmp/mortise-boot-XXXXXX";

static const char *write_file(const char *name, const void *bytes, size_t len)
{
    static char path[4][64];
    static unsigned n;
    char *p = path[n++ % 4];
    (void)snprintf(p, sizeof(path[0]), "%s/%s", directory, name);
    FILE *f = fopen(p, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    return p;
}

static struct boot_direct *load_multiboot(struct machine *m)
{
    struct boot_direct *b = NULL;
    struct error err = {.text = ""};
    m->low_ram = 64 << 20;
    make_multiboot(0x10003);
    m->config.kernel = write_file("kernel.flat", file, 8192);
    bql_lock();
    if (boot_direct_new(m, &b, &err)) {
        fail_msg("%s", err.text);
    }
    bql_unlock();
    return b;
}

static void test_a_multiboot_kernel_is_told_its_name_before_its_arguments(void **state)
{
    struct machine m = {.config = {.append = "one two"}};
    (void)state;
    struct boot_direct *b = load_multiboot(&m);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "%s/kernel.flat one two", directory);
    assert_string_equal(b->cmdline, expected);
    assert_int_equal(b->module_count, 0);
    boot_direct_free(b);
    m.config.append = NULL;
    b = load_multiboot(&m);
    (void)snprintf(expected, sizeof(expected), "%s/kernel.flat ", directory);
    assert_string_equal(b->cmdline, expected);
    boot_direct_free(b);
}

static void test_multiboot_modules_have_strings_and_pages_of_their_own(void **state)
{
    struct machine m = {.config = {.kernel = NULL}};
    struct sys_boot_state cpu = {.rip = 0};
    uint8_t *ram = calloc(1, 1 << 20);
    char spec[256], first[128], second[128];
    (void)state;
    assert_non_null(ram);
    const char *path_a = write_file("a", "AAAAA", 5), *path_b = write_file("b,c", "BBB", 3);
    (void)snprintf(first, sizeof(first), "%s x=1 y", path_a);
    (void)snprintf(second, sizeof(second), "%s", path_b);
    (void)snprintf(spec, sizeof(spec), "%s,%s/b,,c", first, directory);
    m.config.initrd = spec;
    struct boot_direct *b = load_multiboot(&m);
    boot_place_multiboot(b, &m, ram, &cpu);
    const uint8_t *info = ram + cpu.rbx;
    assert_true(get32(info) & 1 << 3);
    assert_int_equal(get32(info + 20), 2);
    const uint8_t *module = ram + get32(info + 24);
    for (unsigned i = 0; i < 2; i++, module += 16) {
        const char *bytes = i ? "BBB" : "AAAAA";
        assert_int_equal(get32(module) % 4096, 0);
        assert_int_equal(get32(module + 4) - get32(module), strlen(bytes));
        assert_memory_equal(b->initrd + (get32(module) - b->initrd_at), bytes, strlen(bytes));
        assert_string_equal((const char *)ram + get32(module + 8), i ? second : first);
        assert_int_equal(get32(module + 12), 0);
    }
    boot_direct_free(b);
    free(ram);
}

static void test_a_module_that_is_not_there_is_named(void **state)
{
    struct machine m = {.low_ram = 64 << 20};
    struct boot_direct *b = NULL;
    struct error err = {.text = ""};
    char spec[256];
    (void)state;
    make_multiboot(0x10003);
    m.config.kernel = write_file("kernel.flat", file, 8192);
    (void)snprintf(spec, sizeof(spec), "%s with,/no/such/module arguments",
                   write_file("a", "AAAAA", 5));
    m.config.initrd = spec;
    bql_lock();
    assert_int_equal(boot_direct_new(&m, &b, &err), -ENOENT);
    bql_unlock();
    assert_string_equal(err.text, "initrd /no/such/module: No such file or directory");
}

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
    static const char *const names[] = {"kernel.flat", "a", "b,c"};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static uint8_t sum(const uint8_t *p, size_t len)
{
    uint8_t s = 0;
    for (size_t i = 0; i < len; i++) {
        s = (uint8_t)(s + p[i]);
    }
    return s;
}

/* Walks from the RSDP through the RSDT, as an operating system does. */
static void test_acpi_tables_link_up_and_add_up(void **state)
{
    static struct acpi_image image;
    static const struct machine m = {.config = {.cpus = 4, .hpet = true}};
    const struct acpi_platform platform = {.pm_base = 0x600};
    struct error err = {.text = ""};
    (void)state;
    assert_int_equal(acpi_build(&image, &m, &platform, &err), 0);
    acpi_relocate(&image, ACPI_ROM_AT);
    assert_memory_equal(image.data, "RSD PTR ", 8);
    assert_int_equal(sum(image.data, 20), 0);
    assert_int_equal(sum(image.data, 36), 0);
    const uint8_t *rsdt = image.data + (get32(image.data + 16) - ACPI_ROM_AT);
    assert_memory_equal(rsdt, "RSDT", 4);
    assert_int_equal(sum(rsdt, get32(rsdt + 4)), 0);
    const char *names[] = {"FACP", "APIC", "HPET"};
    assert_int_equal(get32(rsdt + 4), 36 + 4 * 3);
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t *t = image.data + (get32(rsdt + 36 + 4UL * i) - ACPI_ROM_AT);
        assert_memory_equal(t, names[i], 4);
        assert_int_equal(sum(t, get32(t + 4)), 0);
    }
    const uint8_t *fadt = image.data + (get32(rsdt + 36) - ACPI_ROM_AT);
    const uint8_t *dsdt = image.data + (get32(fadt + 40) - ACPI_ROM_AT);
    assert_int_equal(get32(fadt + 4), 244);
    assert_memory_equal(dsdt, "DSDT", 4);
    assert_int_equal(sum(dsdt, get32(dsdt + 4)), 0);
}

static const uint8_t *find_table(const struct acpi_image *image, const char *name)
{
    const uint8_t *rsdt = image->data + (get32(image->data + 16) - ACPI_ROM_AT);
    for (uint32_t at = 36; at < get32(rsdt + 4); at += 4) {
        const uint8_t *t = image->data + (get32(rsdt + at) - ACPI_ROM_AT);
        if (memcmp(t, name, 4) == 0) {
            return t;
        }
    }
    return NULL;
}

static void test_q35_tables_tell_where_configuration_space_lies(void **state)
{
    static struct acpi_image image;
    static const struct machine m = {.config = {.type = MACHINE_Q35, .cpus = 1},
                                     .low_ram = 0x12340000};
    struct acpi_platform platform = {
        .pm_base = 0x600, .gpe_bytes = 16, .ecam_at = 0xe0000000, .ecam_size = 64 << 20};
    struct error err = {.text = ""};
    (void)state;
    assert_int_equal(acpi_build(&image, &m, &platform, &err), 0);
    acpi_relocate(&image, ACPI_ROM_AT);
    const uint8_t *mcfg = find_table(&image, "MCFG");
    assert_non_null(mcfg);
    assert_int_equal(sum(mcfg, get32(mcfg + 4)), 0);
    assert_int_equal(get32(mcfg + 44), 0xe0000000);
    assert_int_equal(mcfg[54], 0);
    assert_int_equal(mcfg[55], 63);
    const uint8_t *fadt = find_table(&image, "FACP");
    assert_int_equal(fadt[92], 16);
    const uint8_t *dsdt = image.data + (get32(fadt + 40) - ACPI_ROM_AT);
    assert_int_equal(sum(dsdt, get32(dsdt + 4)), 0);
    /* Names of the DSDT in their order, each with a number of four bytes. */
    assert_memory_equal(dsdt + 36, "\x08TOLM\x0c\x00\x00\x34\x12", 10);
    assert_memory_equal(dsdt + 46,
                        "\x08"
                        "ECMB\x0c\x00\x00\x00\xe0",
                        10);
    assert_memory_equal(dsdt + 56,
                        "\x08"
                        "ECML\x0c\x00\x00\x00\x04",
                        10);

    platform.ecam_size = 0;
    assert_int_equal(acpi_build(&image, &m, &platform, &err), 0);
    acpi_relocate(&image, ACPI_ROM_AT);
    assert_null(find_table(&image, "MCFG"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_bzimage_says_where_it_wants_to_lie),
        cmocka_unit_test(test_a_cut_off_bzimage_is_refused),
        cmocka_unit_test(test_impossible_places_are_refused),
        cmocka_unit_test(test_an_old_protocol_is_refused),
        cmocka_unit_test(test_an_elf_kernel_tells_its_pvh_entry),
        cmocka_unit_test(test_segments_beyond_the_file_or_4_gib_are_refused),
        cmocka_unit_test(test_a_multiboot_header_with_addresses_is_a_segment),
        cmocka_unit_test(test_a_multiboot_header_that_asks_for_more_is_refused),
        cmocka_unit_test(test_a_multiboot_kernel_is_told_its_name_before_its_arguments),
        cmocka_unit_test(test_multiboot_modules_have_strings_and_pages_of_their_own),
        cmocka_unit_test(test_a_module_that_is_not_there_is_named),
        cmocka_unit_test(test_acpi_tables_link_up_and_add_up),
        cmocka_unit_test(test_q35_tables_tell_where_configuration_space_lies),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
