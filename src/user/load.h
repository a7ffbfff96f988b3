/* Putting an ELF image into memory. */
#ifndef MORTISE_USER_LOAD_H
#define MORTISE_USER_LOAD_H

#include "base/error.h"
#include "user/elf.h"
#include "user/mm.h"

struct loaded_image {
    uint64_t bias;  /* added to every address of the file */
    uint64_t entry; /* where it starts */
    uint64_t phdr;  /* its program headers in memory, 0: not there */
    uint64_t low, high;
};

/* Maps the image's segments. A position-independent one goes to `where`,
 * or, if that is taken or 0, anywhere. */
NODISCARD int elf_load(int fd, const struct elf_image *image, uint64_t where,
                       struct loaded_image *out, struct error *err) REQUIRES(mmap_lock_cap);

#endif
