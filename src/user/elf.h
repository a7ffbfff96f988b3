/* Reading an ELF file's headers. The file is hostile until elf_parse has
 * accepted it; after that every number in struct elf_image may be trusted
 * to lie in bounds. Nothing is mapped here: this is a pure function over a
 * way to read, so that it can be fuzzed. */
#ifndef MORTISE_USER_ELF_H
#define MORTISE_USER_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/annotations.h"

#define ELF_MAX_SEGMENTS  128
#define ELF_INTERP_MAX    4096
#define ELF_ADDRESS_LIMIT 0x7ffffffff000UL

struct IMMUTABLE_AFTER_INIT elf_segment {
    uint64_t vaddr, memsz;
    uint64_t offset, filesz;
    int prot; /* PROT_* */
};

struct IMMUTABLE_AFTER_INIT elf_image {
    bool position_independent;
    bool exec_stack; /* PT_GNU_STACK asks for an executable stack */
    uint64_t entry;
    uint64_t phdr_vaddr; /* where the program headers will be; 0: not loaded */
    uint16_t phnum, phentsize;
    uint64_t low, high; /* bounds of all segments, whole pages */
    uint64_t align;     /* the largest alignment a segment asks for */
    size_t segment_count;
    struct elf_segment segments[ELF_MAX_SEGMENTS];
    bool has_interp;
    char interp[ELF_INTERP_MAX];
};

/* Reads up to n bytes at the offset; returns how many, or -errno. */
typedef int64_t elf_read_fn(void *opaque, uint64_t offset, void *buf, size_t n);

/* 0, or -ENOEXEC (not for us), -EINVAL (for us, but broken), -ELIBBAD or the
 * reader's error, with a sentence that leaves out the file's name. */
NODISCARD int elf_parse(elf_read_fn *read, void *opaque, uint64_t file_size,
                        struct elf_image *image, struct error *err);

/* The reader for a file descriptor: opaque points to an int. */
int64_t elf_read_fd(void *opaque, uint64_t offset, void *buf, size_t n);

#endif
