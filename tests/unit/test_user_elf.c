/* ELF headers: what is accepted, and the sentence for what isn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "user/elf.h"

#define FILE_SIZE 0x3000
#define PHDRS     4

/* A file that a test spoils in one place. */
static struct {
    Elf64_Ehdr header;
    Elf64_Phdr ph[PHDRS];
    char interp[64];
    char rest[FILE_SIZE];
} file;
static uint64_t file_size;

static int64_t read_file(void *opaque, uint64_t offset, void *buf, size_t n)
{
    (void)opaque;
    if (offset >= file_size) {
        return 0;
    }
    n = n < file_size - offset ? n : file_size - offset;
    memcpy(buf, (const char *)&file + offset, n);
    return (int64_t)n;
}

static int good_file(void **unused)
{
    (void)unused;
    memset(&file, 0, sizeof(file));
    file_size = FILE_SIZE;
    memcpy(file.header.e_ident, ELFMAG, SELFMAG);
    file.header.e_ident[EI_CLASS] = ELFCLASS64;
    file.header.e_ident[EI_DATA] = ELFDATA2LSB;
    file.header.e_type = ET_DYN;
    file.header.e_machine = EM_X86_64;
    file.header.e_entry = 0x1010;
    file.header.e_phoff = sizeof(file.header);
    file.header.e_phentsize = sizeof(Elf64_Phdr);
    file.header.e_phnum = PHDRS;
    strcpy(file.interp, "/lib/ld.so");
    file.ph[0] = (Elf64_Phdr){.p_type = PT_INTERP,
                              .p_offset = offsetof(__typeof__(file), interp),
                              .p_filesz = sizeof("/lib/ld.so")};
    file.ph[1] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R | PF_X,
                              .p_offset = 0,
                              .p_vaddr = 0,
                              .p_filesz = 0x1800,
                              .p_memsz = 0x1800,
                              .p_align = 0x1000};
    file.ph[2] = (Elf64_Phdr){.p_type = PT_LOAD,
                              .p_flags = PF_R | PF_W,
                              .p_offset = 0x2000,
                              .p_vaddr = 0x4000,
                              .p_filesz = 0x800,
                              .p_memsz = 0x2001,
                              .p_align = 0x200000};
    file.ph[3] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X};
    return 0;
}

static void expect(int rc, const char *sentence)
{
    static struct elf_image image;
    struct error err = {.text = ""};
    assert_int_equal(elf_parse(read_file, NULL, file_size, &image, &err), rc);
    if (!strstr(err.text, sentence)) {
        fail_msg("expected '%s', got '%s'", sentence, err.text);
    }
    assert_null(strchr(err.text, '\n'));
}

static void test_a_good_file_is_understood(void **unused)
{
    static struct elf_image image;
    struct error err = {.text = ""};
    (void)unused;
    assert_int_equal(elf_parse(read_file, NULL, file_size, &image, &err), 0);
    assert_true(image.position_independent);
    assert_true(image.exec_stack);
    assert_int_equal(image.entry, 0x1010);
    assert_int_equal(image.phdr_vaddr, sizeof(file.header));
    assert_int_equal(image.low, 0);
    assert_int_equal(image.high, 0x7000);
    assert_int_equal(image.align, 0x200000);
    assert_int_equal(image.segment_count, 2);
    assert_int_equal(image.segments[0].prot, PROT_READ | PROT_EXEC);
    assert_string_equal(image.interp, "/lib/ld.so");
}

static void test_what_is_not_for_us_is_refused(void **unused)
{
    (void)unused;
    file.header.e_ident[0] = 'x';
    expect(-ENOEXEC, "not an ELF file");
    good_file(NULL);
    file_size = 0;
    expect(-ENOEXEC, "empty file");
    good_file(NULL);
    file.header.e_machine = EM_AARCH64;
    expect(-ENOEXEC, "for AArch64, not for x86-64");
    good_file(NULL);
    file.header.e_machine = EM_386;
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    expect(-ENOEXEC, "i386");
    good_file(NULL);
    file.header.e_ident[EI_CLASS] = ELFCLASS32;
    expect(-ENOEXEC, "x32");
    good_file(NULL);
    file.header.e_ident[EI_DATA] = ELFDATA2MSB;
    expect(-ENOEXEC, "little-endian");
    good_file(NULL);
    file.header.e_type = ET_REL;
    expect(-ENOEXEC, "object file");
    file.header.e_type = ET_CORE;
    expect(-ENOEXEC, "core dump");
    file.header.e_type = 77;
    expect(-ENOEXEC, "type 77");
}

static void test_truncation_is_found_everywhere(void **unused)
{
    (void)unused;
    for (file_size = 1; file_size < 0x2800; file_size++) {
        static struct elf_image image;
        struct error err = {.text = ""};
        assert_int_equal(elf_parse(read_file, NULL, file_size, &image, &err), -ENOEXEC);
        assert_true(err.text[0] != '\0');
    }
    file_size = 0x2800;
    static struct elf_image image;
    assert_int_equal(elf_parse(read_file, NULL, file_size, &image, NULL), 0);
}

static void test_broken_headers_are_refused(void **unused)
{
    (void)unused;
    file.header.e_phnum = 0;
    expect(-ENOEXEC, "without program headers");
    good_file(NULL);
    file.header.e_phnum = 0xffff;
    expect(-ENOEXEC, "65535 program headers");
    good_file(NULL);
    file.header.e_phentsize = 32;
    expect(-ENOEXEC, "of 32 bytes");
    good_file(NULL);
    file.header.e_phoff = UINT64_MAX - 8;
    expect(-ENOEXEC, "truncated");
    good_file(NULL);
    file.ph[1].p_type = file.ph[2].p_type = PT_NULL;
    expect(-ENOEXEC, "nothing to load");
}

static void test_broken_segments_are_refused(void **unused)
{
    (void)unused;
    file.ph[2].p_vaddr = 0x1000;
    expect(-EINVAL, "overlap or are out of order");
    good_file(NULL);
    file.ph[2].p_vaddr = 0x4001;
    expect(-EINVAL, "differ within the page");
    good_file(NULL);
    file.ph[2].p_memsz = 1;
    expect(-EINVAL, "larger in the file");
    good_file(NULL);
    file.ph[2].p_memsz = UINT64_MAX;
    expect(-EINVAL, "beyond the address space");
    good_file(NULL);
    file.ph[2].p_vaddr = 0xffffffff80000000;
    expect(-EINVAL, "beyond the address space");
    good_file(NULL);
    file.ph[2].p_offset = UINT64_MAX - 0xfff;
    expect(-ENOEXEC, "truncated");
    good_file(NULL);
    file.ph[2].p_align = 1UL << 40;
    expect(-EINVAL, "alignment");
}

static void test_the_interpreter_is_a_string(void **unused)
{
    (void)unused;
    file.ph[0].p_filesz = 5;
    expect(-ENOEXEC, "does not end");
    good_file(NULL);
    file.ph[0].p_filesz = 1;
    expect(-ENOEXEC, "1 bytes long");
    good_file(NULL);
    file.ph[0].p_filesz = 1 << 20;
    expect(-ENOEXEC, "bytes long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_good_file_is_understood, good_file),
        cmocka_unit_test_setup(test_what_is_not_for_us_is_refused, good_file),
        cmocka_unit_test_setup(test_truncation_is_found_everywhere, good_file),
        cmocka_unit_test_setup(test_broken_headers_are_refused, good_file),
        cmocka_unit_test_setup(test_broken_segments_are_refused, good_file),
        cmocka_unit_test_setup(test_the_interpreter_is_a_string, good_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
