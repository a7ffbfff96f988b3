/* ELF headers, checked field by field in the order the kernel checks them,
 * and more strictly where the kernel would map a broken file and let it
 * crash. */
#include "user/elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE_SIZE     4096UL
#define PAGE_MASK     (~(PAGE_SIZE - 1))
#define MAX_ALIGN     (1UL << 30)
#define PHDRS_AT_ONCE 16
#define PHDRS_BYTES   65536 /* what the kernel reads at most */

/* What the machine numbers that users meet are called. */
static const struct {
    uint16_t machine;
    const char *name;
} machines[] = {
    {EM_386, "i386"},
    {EM_ARM, "32-bit ARM"},
    {EM_AARCH64, "AArch64"},
    {EM_RISCV, "RISC-V"},
    {EM_PPC64, "64-bit PowerPC"},
    {EM_PPC, "PowerPC"},
    {EM_S390, "s390"},
    {EM_MIPS, "MIPS"},
    {EM_SPARCV9, "SPARC"},
    {EM_LOONGARCH, "LoongArch"},
    {EM_IA_64, "Itanium"},
};

static int read_all(elf_read_fn *read, void *opaque, uint64_t offset, void *buf, size_t n,
                    const char *what, struct error *err)
{
    int64_t got = read(opaque, offset, buf, n);
    if (got < 0) {
        return error_set(err, (int)-got, "%s can't be read: %s", what, error_text((int)-got));
    }
    if ((uint64_t)got < n) {
        return error_set(err, ENOEXEC, "truncated ELF file: it ends within %s", what);
    }
    return 0;
}

static int wrong_machine(uint16_t machine, struct error *err)
{
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        if (machines[i].machine == machine) {
            return error_set(err, ENOEXEC, "an ELF file for %s, not for x86-64", machines[i].name);
        }
    }
    return error_set(err, ENOEXEC, "an ELF file for machine %u, not for x86-64", machine);
}

static int parse_header(const Elf64_Ehdr *h, struct elf_image *image, struct error *err)
{
    if (h->e_ident[EI_CLASS] == ELFCLASS32 && h->e_machine == EM_X86_64) {
        return error_set(err, ENOEXEC, "an x32 ELF file, which is not supported");
    }
    if (h->e_ident[EI_CLASS] != ELFCLASS64 && h->e_ident[EI_DATA] == ELFDATA2LSB &&
        h->e_machine != EM_386) {
        return error_set(err, ENOEXEC, "an ELF file of class %u, not a 64-bit one",
                         h->e_ident[EI_CLASS]);
    }
    if (h->e_ident[EI_DATA] != ELFDATA2LSB) {
        return error_set(err, ENOEXEC, "not a little-endian ELF file, so not for x86-64");
    }
    if (h->e_machine != EM_X86_64) {
        return wrong_machine(h->e_machine, err);
    }
    if (h->e_type == ET_REL || h->e_type == ET_CORE) {
        return error_set(err, ENOEXEC, "%s, not a program",
                         h->e_type == ET_REL ? "an object file" : "a core dump");
    }
    if (h->e_type != ET_EXEC && h->e_type != ET_DYN) {
        return error_set(err, ENOEXEC, "an ELF file of type %u, not a program", h->e_type);
    }
    image->position_independent = h->e_type == ET_DYN;
    image->entry = h->e_entry;
    if (h->e_phnum == 0) {
        return error_set(err, ENOEXEC, "an ELF file without program headers");
    }
    if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum > PHDRS_BYTES / sizeof(Elf64_Phdr)) {
        return error_set(err, ENOEXEC, "broken ELF file: %u program headers of %u bytes",
                         h->e_phnum, h->e_phentsize);
    }
    image->phnum = h->e_phnum;
    image->phentsize = h->e_phentsize;
    return 0;
}

static int prot_of(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

static int add_segment(const Elf64_Phdr *ph, unsigned index, uint64_t file_size,
                       struct elf_image *image, struct error *err)
{
    if (ph->p_filesz > ph->p_memsz) {
        return error_set(err, EINVAL,
                         "broken ELF file: segment %u is larger in the file than "
                         "in memory",
                         index);
    }
    if (ph->p_vaddr >= ELF_ADDRESS_LIMIT || ph->p_memsz > ELF_ADDRESS_LIMIT - ph->p_vaddr) {
        return error_set(err, EINVAL, "broken ELF file: segment %u lies beyond the address space",
                         index);
    }
    if (ph->p_memsz == 0) {
        return 0;
    }
    if (ph->p_filesz > 0) {
        if (ph->p_offset > file_size || ph->p_filesz > file_size - ph->p_offset) {
            return error_set(err, ENOEXEC,
                             "truncated ELF file: segment %u ends at byte 0x%llx, "
                             "the file at 0x%llx",
                             index, (unsigned long long)ph->p_offset + ph->p_filesz,
                             (unsigned long long)file_size);
        }
        if (((ph->p_vaddr ^ ph->p_offset) & (PAGE_SIZE - 1)) != 0) {
            return error_set(err, EINVAL,
                             "broken ELF file: address and offset of segment %u "
                             "differ within the page",
                             index);
        }
    }
    if (image->segment_count > 0) {
        const struct elf_segment *last = &image->segments[image->segment_count - 1];
        if (ph->p_vaddr < last->vaddr + last->memsz) {
            return error_set(err, EINVAL,
                             "broken ELF file: segments overlap or are out of order "
                             "at address 0x%llx",
                             (unsigned long long)ph->p_vaddr);
        }
    }
    if (image->segment_count == ELF_MAX_SEGMENTS) {
        return error_set(err, EINVAL, "ELF file with more than %d segments", ELF_MAX_SEGMENTS);
    }
    if (ph->p_align > MAX_ALIGN) {
        return error_set(err, EINVAL,
                         "broken ELF file: segment %u asks for an alignment of "
                         "0x%llx bytes",
                         index, (unsigned long long)ph->p_align);
    }
    if (ph->p_align > image->align && (ph->p_align & (ph->p_align - 1)) == 0) {
        image->align = ph->p_align;
    }
    image->segments[image->segment_count++] = (struct elf_segment){.vaddr = ph->p_vaddr,
                                                                   .memsz = ph->p_memsz,
                                                                   .offset = ph->p_offset,
                                                                   .filesz = ph->p_filesz,
                                                                   .prot = prot_of(ph->p_flags)};
    return 0;
}

static int read_interp(elf_read_fn *read, void *opaque, const Elf64_Phdr *ph,
                       struct elf_image *image, struct error *err)
{
    if (ph->p_filesz < 2 || ph->p_filesz > ELF_INTERP_MAX) {
        return error_set(err, ENOEXEC, "broken ELF file: the interpreter's name is %llu bytes long",
                         (unsigned long long)ph->p_filesz);
    }
    int rc = read_all(read, opaque, ph->p_offset, image->interp, ph->p_filesz,
                      "the interpreter's name", err);
    if (rc < 0) {
        return rc;
    }
    if (image->interp[ph->p_filesz - 1] != '\0') {
        return error_set(err, ENOEXEC, "broken ELF file: the interpreter's name does not end");
    }
    image->has_interp = true;
    return 0;
}

/* Where the headers will be in memory: in the segment that holds them. */
static void find_phdrs(const Elf64_Ehdr *h, struct elf_image *image)
{
    for (size_t i = 0; i < image->segment_count; i++) {
        const struct elf_segment *s = &image->segments[i];
        if (h->e_phoff >= s->offset && h->e_phoff - s->offset < s->filesz) {
            image->phdr_vaddr = s->vaddr + (h->e_phoff - s->offset);
            return;
        }
    }
}

static int take_header(elf_read_fn *read, void *opaque, const Elf64_Phdr *ph, unsigned index,
                       uint64_t file_size, struct elf_image *image, struct error *err)
{
    switch (ph->p_type) {
    case PT_LOAD:
        return add_segment(ph, index, file_size, image, err);
    case PT_INTERP:
        return image->has_interp ? 0 : read_interp(read, opaque, ph, image, err);
    case PT_GNU_STACK:
        image->exec_stack = (ph->p_flags & PF_X) != 0;
        return 0;
    default:
        return 0;
    }
}

int elf_parse(elf_read_fn *read, void *opaque, uint64_t file_size, struct elf_image *image,
              struct error *err)
{
    Elf64_Ehdr h;
    *image = (struct elf_image){.align = PAGE_SIZE};

    int64_t got = read(opaque, 0, &h, sizeof(h));
    if (got < 0) {
        return error_set(err, (int)-got, "can't be read: %s", error_text((int)-got));
    }
    if (got < SELFMAG || memcmp(h.e_ident, ELFMAG, SELFMAG) != 0) {
        return error_set(err, ENOEXEC,
                         got == 0 ? "an empty file, not an ELF file" : "not an ELF file");
    }
    if ((size_t)got < sizeof(h)) {
        return error_set(err, ENOEXEC, "truncated ELF file: it ends within the ELF header");
    }
    int rc = parse_header(&h, image, err);
    if (rc == 0 && h.e_phoff > file_size) {
        rc = error_set(err, ENOEXEC, "truncated ELF file: it ends before the program headers");
    }
    for (unsigned i = 0; rc == 0 && i < h.e_phnum;) {
        Elf64_Phdr ph[PHDRS_AT_ONCE];
        unsigned n = h.e_phnum - i < PHDRS_AT_ONCE ? h.e_phnum - i : PHDRS_AT_ONCE;
        rc = read_all(read, opaque, h.e_phoff + i * sizeof(ph[0]), ph, n * sizeof(ph[0]),
                      "the program headers", err);
        for (unsigned k = 0; rc == 0 && k < n; k++) {
            rc = take_header(read, opaque, &ph[k], i + k, file_size, image, err);
        }
        i += n;
    }
    if (rc < 0) {
        return rc;
    }
    if (image->segment_count == 0) {
        return error_set(err, ENOEXEC, "an ELF file with nothing to load");
    }
    const struct elf_segment *last = &image->segments[image->segment_count - 1];
    image->low = image->segments[0].vaddr & PAGE_MASK;
    image->high = (last->vaddr + last->memsz + PAGE_SIZE - 1) & PAGE_MASK;
    find_phdrs(&h, image);
    return 0;
}

int64_t elf_read_fd(void *opaque, uint64_t offset, void *buf, size_t n)
{
    const int *fd = opaque;
    size_t done = 0;
    if (offset > INT64_MAX) {
        return 0;
    }
    while (done < n) {
        ssize_t got = pread(*fd, (char *)buf + done, n - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0) {
            break;
        }
        done += (size_t)got;
    }
    return (int64_t)done;
}
