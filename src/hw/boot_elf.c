/* ELF kernels and multiboot headers (Multiboot Specification 0.6.96). Every number
 * comes from the file. */
#include "hw/boot_elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#define XEN_PHYS32_ENTRY  18
#define MULTIBOOT_MAGIC   0x1badb002u
#define MULTIBOOT_SEARCH  8192
#define MULTIBOOT_ADDRESS (1u << 16)
#define MULTIBOOT_KNOWN   0xffff0003u /* page-aligned modules, memory map, optional features */
#define SEGMENT_END_MAX   (1UL << 32)

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

bool boot_elf_is(const uint8_t *file, size_t len)
{
    return len >= EI_NIDENT && memcmp(file, ELFMAG, SELFMAG) == 0;
}

static bool inside(uint64_t offset, uint64_t size, size_t len)
{
    return offset <= len && size <= len - offset;
}

static int bad(const char *path, const char *what, struct error *err)
{
    return error_set(err, ENOEXEC, "kernel %s: %s", path, what);
}

/* A program header of either class, as the 64-bit one. */
static Elf64_Phdr program_header(const uint8_t *p, bool elf64)
{
    Elf64_Phdr h;
    Elf32_Phdr h32;
    if (elf64) {
        memcpy(&h, p, sizeof(h));
        return h;
    }
    memcpy(&h32, p, sizeof(h32));
    return (Elf64_Phdr){.p_type = h32.p_type,
                        .p_offset = h32.p_offset,
                        .p_paddr = h32.p_paddr,
                        .p_filesz = h32.p_filesz,
                        .p_memsz = h32.p_memsz,
                        .p_align = h32.p_align};
}

static size_t padded(uint32_t n, uint64_t align)
{
    size_t to = align == 8 ? 8 : 4;
    return ((size_t)n + to - 1) / to * to;
}

/* Looks for Xen's entry among the notes of a segment, which lies in the file. */
static void find_pvh(const uint8_t *notes, size_t len, uint64_t align, struct boot_elf *out)
{
    size_t at = 0;
    while (len - at >= sizeof(Elf64_Nhdr)) {
        uint32_t name = get32(notes + at);
        uint32_t desc = get32(notes + at + 4);
        uint32_t type = get32(notes + at + 8);
        size_t rest = len - at - sizeof(Elf64_Nhdr);
        size_t need = padded(name, align);
        if (need > rest || desc > rest - need) {
            return;
        }
        const uint8_t *text = notes + at + sizeof(Elf64_Nhdr);
        if (type == XEN_PHYS32_ENTRY && name == 4 && memcmp(text, "Xen", 4) == 0 && desc >= 4) {
            out->has_pvh = true;
            out->pvh_entry = get32(text + need);
        }
        size_t whole = need + padded(desc, align);
        at = whole > rest ? len : at + sizeof(Elf64_Nhdr) + whole;
    }
}

static int add_segment(const Elf64_Phdr *h, size_t len, const char *path, struct boot_elf *out,
                       struct error *err)
{
    if (h->p_memsz == 0) {
        return 0;
    }
    if (!inside(h->p_offset, h->p_filesz, len) || h->p_filesz > h->p_memsz) {
        return bad(path, "a segment is cut off", err);
    }
    if (h->p_paddr >= SEGMENT_END_MAX || h->p_memsz > SEGMENT_END_MAX - h->p_paddr) {
        return bad(path, "a segment lies above 4 GiB", err);
    }
    if (out->segment_count == BOOT_SEGMENTS_MAX) {
        return bad(path, "too many segments", err);
    }
    out->segments[out->segment_count++] = (struct boot_segment){
        .at = h->p_paddr, .size = h->p_memsz, .file_offset = h->p_offset, .file_size = h->p_filesz};
    return 0;
}

/* The parts of a file header that matter. */
struct header {
    uint64_t entry, phoff;
    unsigned machine, type, phentsize, phnum;
};

static bool file_header(const uint8_t *file, size_t len, bool elf64, struct header *h)
{
    Elf64_Ehdr e64;
    Elf32_Ehdr e32;
    if (len < (elf64 ? sizeof(e64) : sizeof(e32))) {
        return false;
    }
    if (elf64) {
        memcpy(&e64, file, sizeof(e64));
        *h = (struct header){e64.e_entry, e64.e_phoff,     e64.e_machine,
                             e64.e_type,  e64.e_phentsize, e64.e_phnum};
    } else {
        memcpy(&e32, file, sizeof(e32));
        *h = (struct header){e32.e_entry, e32.e_phoff,     e32.e_machine,
                             e32.e_type,  e32.e_phentsize, e32.e_phnum};
    }
    return true;
}

int boot_elf_parse(const uint8_t *file, size_t len, const char *path, struct boot_elf *out,
                   struct error *err)
{
    struct header h;
    bool elf64 = len > EI_CLASS && file[EI_CLASS] == ELFCLASS64;
    *out = (struct boot_elf){.elf64 = elf64};
    if (!boot_elf_is(file, len) || file[EI_DATA] != ELFDATA2LSB ||
        !file_header(file, len, elf64, &h)) {
        return bad(path, "a damaged ELF file", err);
    }
    if (h.machine != (elf64 ? EM_X86_64 : EM_386) || (h.type != ET_EXEC && h.type != ET_DYN)) {
        return bad(path, "not an x86 executable", err);
    }
    size_t entry_size = elf64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (h.phentsize != entry_size || !inside(h.phoff, (uint64_t)h.phnum * entry_size, len)) {
        return bad(path, "its program headers are cut off", err);
    }
    out->entry = h.entry;
    for (unsigned i = 0; i < h.phnum; i++) {
        Elf64_Phdr p = program_header(file + h.phoff + i * entry_size, elf64);
        if (p.p_type == PT_NOTE && inside(p.p_offset, p.p_filesz, len)) {
            find_pvh(file + p.p_offset, p.p_filesz, p.p_align, out);
        } else if (p.p_type == PT_LOAD) {
            int rc = add_segment(&p, len, path, out, err);
            if (rc) {
                return rc;
            }
        }
    }
    return out->segment_count > 0 ? 0 : bad(path, "nothing to load", err);
}

/* The addresses in a multiboot header, as one segment. */
static int take_addresses(const uint8_t *header, size_t header_at, size_t len, const char *path,
                          struct boot_multiboot *out, struct error *err)
{
    uint32_t header_addr = get32(header + 12), load = get32(header + 16);
    uint32_t load_end = get32(header + 20), bss_end = get32(header + 24);
    out->entry = get32(header + 28);
    if (load > header_addr || header_addr - load > header_at) {
        return bad(path, "its multiboot header lies before what it loads", err);
    }
    size_t offset = header_at - (header_addr - load);
    size_t size = load_end ? load_end - load : len - offset;
    if ((load_end && load_end < load) || !inside(offset, size, len)) {
        return bad(path, "its multiboot header loads more than there is", err);
    }
    uint64_t end = (uint64_t)load + size;
    if (end > SEGMENT_END_MAX) {
        return bad(path, "its multiboot header loads beyond 4 GiB", err);
    }
    out->segment = (struct boot_segment){.at = load,
                                         .size = bss_end > end ? bss_end - load : size,
                                         .file_offset = offset,
                                         .file_size = size};
    return 0;
}

int boot_multiboot_parse(const uint8_t *file, size_t len, const char *path, bool *found,
                         struct boot_multiboot *out, struct error *err)
{
    size_t end = len < MULTIBOOT_SEARCH ? len : MULTIBOOT_SEARCH;
    *found = false;
    for (size_t at = 0; at + 12 <= end; at += 4) {
        const uint8_t *h = file + at;
        if (get32(h) != MULTIBOOT_MAGIC || get32(h) + get32(h + 4) + get32(h + 8) != 0) {
            continue;
        }
        *found = true;
        *out = (struct boot_multiboot){.flags = get32(h + 4)};
        if (out->flags & 0xffff & ~MULTIBOOT_KNOWN) {
            return bad(path, "its multiboot header asks for what is not there (video)", err);
        }
        out->addresses = out->flags & MULTIBOOT_ADDRESS;
        if (!out->addresses) {
            return 0;
        }
        return at + 32 <= end ? take_addresses(h, at, len, path, out, err)
                              : bad(path, "its multiboot header is cut off", err);
    }
    return 0;
}
