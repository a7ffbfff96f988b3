/* Forms: what there is to test. A form is one instruction in one encoding:
 * mnemonic, opcode map and opcode, mandatory prefix, W, vector length,
 * register or memory operand. */
#ifndef MORTISE_DIFF_FORMS_H
#define MORTISE_DIFF_FORMS_H

#include "host.h"
#include "rng.h"

enum form_encoding { FORM_LEGACY, FORM_VEX, FORM_EVEX };
enum form_class { CLASS_BASE, CLASS_BRANCH, CLASS_X87, CLASS_SSE, CLASS_AVX, CLASS_EVEX, CLASSES };

struct form {
    uint16_t mnemonic; /* ZydisMnemonic */
    uint16_t set;      /* ZydisISASet */
    uint8_t encoding;  /* enum form_encoding */
    uint8_t map;       /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
    uint8_t opcode;
    uint8_t pp; /* mandatory or operand-size or repeat prefix: 0, 66, F3, F2 */
    uint8_t w, l;
    bool modrm, mem;
    uint8_t reg_mask; /* values of ModRM.reg that make this form */
    uint8_t rm_mask;  /* values of ModRM.rm, if register */
    uint8_t cls;      /* enum form_class */
    uint8_t level;    /* enum compare_level */
    const char *why;  /* if it is not compared fully */
    uint64_t cases;   /* how often it was generated, by this process */
};

extern struct form *forms;
extern unsigned form_count;

const ZydisDecoder *forms_decoder(void);

/* Enumerates all encodings that Zydis knows. Once. */
void forms_init(void);

/* Restricts choices to one mnemonic; false if nothing of that name can be
 * compared. */
bool forms_only(const char *mnemonic);

/* One of the class that can be run and compared. */
struct form *forms_pick(struct rng *r, enum form_class cls);

/* A class, by its share. */
enum form_class forms_pick_class(struct rng *r, bool sequence);

#endif
