/* The table behind docs/opcodes.md: by instruction set, which mnemonics the
 * tester compares, and why not the others. */
#include "opcodes.h"

#include <stdio.h>
#include <string.h>

#include "forms.h"

/* First form of each mnemonic in the set, in the order of enumeration. */
static bool first_of_mnemonic(unsigned i)
{
    for (unsigned k = 0; k < i; k++) {
        if (forms[k].set == forms[i].set && forms[k].mnemonic == forms[i].mnemonic &&
            forms[k].level == forms[i].level) {
            return false;
        }
    }
    return true;
}

static void write_names(FILE *f, ZydisISASet set, bool all)
{
    unsigned n = 0;
    for (unsigned i = 0; i < form_count; i++) {
        if (forms[i].set == set && (all || forms[i].level == COMPARE_ALL) && first_of_mnemonic(i)) {
            fprintf(f, "%s%s", n++ ? " " : "", ZydisMnemonicGetString(forms[i].mnemonic));
        }
    }
}

static void write_exceptions(FILE *f, enum compare_level level)
{
    for (unsigned i = 0; i < form_count; i++) {
        if (forms[i].level == level && isa_status(forms[i].set) == ISA_OK && first_of_mnemonic(i)) {
            fprintf(f, "| %s | %s | %s |\n", ZydisMnemonicGetString(forms[i].mnemonic),
                    ZydisISASetGetString(forms[i].set), forms[i].why);
        }
    }
}

static unsigned forms_of(ZydisISASet set)
{
    unsigned n = 0;
    for (unsigned i = 0; i < form_count; i++) {
        n += forms[i].set == set;
    }
    return n;
}

static void write_markdown(FILE *f)
{
    static const char head[] =
        "# Instructions compared with the host CPU\n\n"
        "Written by `diff_test --opcodes-md docs/opcodes.md`. A form is one instruction in one\n"
        "encoding: opcode, mandatory prefix, W, vector length, register or memory operand. The\n"
        "tester draws random instances of every form of the sets below that the host has, alone\n"
        "and in short sequences with branches, and compares general registers, RIP, RFLAGS, the\n"
        "XSAVE image, memory, and the identity of faults (signal, code, address, RIP).\n\n"
        "Never compared:\n\n"
        "- FIP, FDP and FOP after x87 and MMX instructions (the engine leaves host addresses in\n"
        "  FIP); the trap flag and NT, nor the #GP that IRET raises while NT is set.\n"
        "- Where an instruction leaves a stack pointer that is not canonical, faults of what\n"
        "  follows: any interrupt is a #GP then (AMD).\n"
        "- Which of several faults of RETF and IRET comes first, and at which byte of its area\n"
        "  an FXSAVE, XSAVE or their like faults.\n"
        "- VERW and the like at an offset that only the segment's base makes canonical.\n"
        "- A branch to a non-canonical address faults at the branch on the host, at the target\n"
        "  in the engine. A sequence ends after LSL.\n\n"
        "Not generated: operand-size prefixes on near branches, where vendors differ; far JMP\n"
        "and CALL through memory, which the engine refuses; with 32-bit addresses, bit strings,\n"
        "gathers and MOVDIR64B that have an FS or GS override or are rip-relative, whose sums\n"
        "the engine does not wrap at 4 GiB.\n\n"
        "## Compared\n\n| set | forms | mnemonics |\n|---|---|---|\n";
    fputs(head, f);
    for (unsigned s = 1; s <= ZYDIS_ISA_SET_MAX_VALUE; s++) {
        if (isa_status((ZydisISASet)s) == ISA_OK && forms_of((ZydisISASet)s)) {
            fprintf(f, "| %s | %u | ", ZydisISASetGetString((ZydisISASet)s),
                    forms_of((ZydisISASet)s));
            write_names(f, (ZydisISASet)s, false);
            fprintf(f, " |\n");
        }
    }
    fputs("\n## Compared in part\n\nOnly how and where they end, not the values:\n\n"
          "| mnemonic | set | why |\n|---|---|---|\n",
          f);
    write_exceptions(f, COMPARE_END);
    fputs("\nAll but memory and vector state:\n\n| mnemonic | set | why |\n|---|---|---|\n", f);
    write_exceptions(f, COMPARE_NO_MEMORY);
    fputs("\n## Not compared\n\nOf the sets above:\n\n| mnemonic | set | why |\n|---|---|---|\n",
          f);
    write_exceptions(f, COMPARE_NEVER);
    fputs("\nWhole sets:\n\n| set | why | mnemonics |\n|---|---|---|\n", f);
    for (unsigned s = 1; s <= ZYDIS_ISA_SET_MAX_VALUE; s++) {
        enum isa_status st = isa_status((ZydisISASet)s);
        if (st != ISA_OK && forms_of((ZydisISASet)s)) {
            fprintf(f, "| %s | %s | ", ZydisISASetGetString((ZydisISASet)s), isa_status_text(st));
            write_names(f, (ZydisISASet)s, true);
            fprintf(f, " |\n");
        }
    }
}

static void write_list(void)
{
    static const char *const levels[] = {"all", "not memory", "end only", "never"};
    static const char *const encodings[] = {"legacy", "VEX", "EVEX"};
    for (unsigned i = 0; i < form_count; i++) {
        const struct form *f = &forms[i];
        if (isa_status(f->set) == ISA_OK) {
            printf("%-18s %-18s %-6s map %u opcode %02x prefix %02x W%u L%u %s compared: %s\n",
                   ZydisMnemonicGetString(f->mnemonic), ZydisISASetGetString(f->set),
                   encodings[f->encoding], f->map, f->opcode, f->pp, f->w, f->l,
                   f->mem ? "memory  " : "register", levels[f->level]);
        }
    }
}

int opcodes_write(const char *file, bool list)
{
    if (list) {
        write_list();
        return 0;
    }
    FILE *f = fopen(file, "w");
    if (!f) {
        perror(file);
        return 2;
    }
    write_markdown(f);
    if (ferror(f) | fclose(f)) {
        perror(file);
        return 2;
    }
    return 0;
}
