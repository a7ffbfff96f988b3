/* What the host CPU can do. */
#ifndef MORTISE_DIFF_HOST_H
#define MORTISE_DIFF_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include <Zydis/Zydis.h>

uint64_t host_xcr0(void); /* host_asm.c; 0 if the OS has not enabled XSAVE */
bool host_has_umip(void);
bool host_is_amd(void);

enum isa_status {
    ISA_OK,
    ISA_NOT_ON_HOST, /* CPUID says no */
    ISA_NOT_USER,    /* needs privileges or another mode altogether */
    ISA_UNKNOWN,     /* not a set that Mortise supports */
};
enum isa_status isa_status(ZydisISASet set);
const char *isa_status_text(enum isa_status s);

/* How far an instruction is compared. */
enum compare_level {
    COMPARE_ALL,
    COMPARE_NO_MEMORY, /* but for memory and vector state */
    COMPARE_END,       /* only how it ends, and where */
    COMPARE_NEVER,     /* not run */
};
enum compare_level insn_compare_level(const ZydisDecodedInstruction *zi, const char **why);

#endif
