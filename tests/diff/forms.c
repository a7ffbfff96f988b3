#include "forms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct form *forms;
unsigned form_count;
static unsigned form_room;

/* Indices of what can be run, per class. */
static unsigned *choices[CLASSES];
static unsigned choice_count[CLASSES];

const ZydisDecoder *forms_decoder(void)
{
    static ZydisDecoder d;
    static bool ready;
    if (!ready) {
        ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
        ready = true;
    }
    return &d;
}

static enum form_class class_of(const ZydisDecodedInstruction *zi)
{
    if (zi->meta.branch_type != ZYDIS_BRANCH_TYPE_NONE || zi->meta.category == ZYDIS_CATEGORY_RET) {
        return CLASS_BRANCH;
    }
    switch (zi->encoding) {
    case ZYDIS_INSTRUCTION_ENCODING_EVEX:
        return CLASS_EVEX;
    case ZYDIS_INSTRUCTION_ENCODING_VEX:
        return CLASS_AVX;
    default:
        break;
    }
    switch (zi->meta.isa_set) {
    case ZYDIS_ISA_SET_X87:
    case ZYDIS_ISA_SET_FCMOV:
    case ZYDIS_ISA_SET_SSE3X87:
        return CLASS_X87;
    case ZYDIS_ISA_SET_PENTIUMMMX:
    case ZYDIS_ISA_SET_SSE:
    case ZYDIS_ISA_SET_SSE2:
    case ZYDIS_ISA_SET_SSE2MMX:
    case ZYDIS_ISA_SET_SSEMXCSR:
    case ZYDIS_ISA_SET_SSE3:
    case ZYDIS_ISA_SET_SSSE3:
    case ZYDIS_ISA_SET_SSSE3MMX:
    case ZYDIS_ISA_SET_SSE4:
    case ZYDIS_ISA_SET_SSE42:
    case ZYDIS_ISA_SET_SSE4A:
    case ZYDIS_ISA_SET_AES:
    case ZYDIS_ISA_SET_PCLMULQDQ:
    case ZYDIS_ISA_SET_SHA:
    case ZYDIS_ISA_SET_GFNI:
        return CLASS_SSE;
    default:
        return CLASS_BASE;
    }
}

static void add_form(const struct form *f)
{
    if (form_count == form_room) {
        form_room = form_room ? form_room * 2 : 4096;
        forms = realloc(forms, form_room * sizeof(*forms));
        if (!forms) {
            fprintf(stderr, "diff_test: out of memory\n");
            exit(2);
        }
    }
    forms[form_count++] = *f;
}

/* Bytes of a form with the given ModRM fields; vvvv: as in the prefix. */
static unsigned encode(const struct form *f, uint8_t reg, uint8_t rm, uint8_t vvvv, uint8_t aaa,
                       uint8_t *out)
{
    static const uint8_t pp_bits[4] = {0, 0x66, 0xf3, 0xf2};
    unsigned n = 0;
    uint8_t pp = 0;
    for (uint8_t i = 0; i < 4; i++) {
        if (pp_bits[i] == f->pp) {
            pp = i;
        }
    }
    switch (f->encoding) {
    case FORM_LEGACY:
        if (f->pp) {
            out[n++] = f->pp;
        }
        if (f->w) {
            out[n++] = 0x48;
        }
        if (f->map) {
            out[n++] = 0x0f;
        }
        if (f->map > 1) {
            out[n++] = f->map == 2 ? 0x38 : 0x3a;
        }
        break;
    case FORM_VEX:
        out[n++] = 0xc4;
        out[n++] = (uint8_t)(0xe0 | f->map);
        out[n++] = (uint8_t)((f->w << 7) | (vvvv << 3) | (f->l << 2) | pp);
        break;
    default:
        out[n++] = 0x62;
        out[n++] = (uint8_t)(0xf0 | f->map);
        out[n++] = (uint8_t)((f->w << 7) | (vvvv << 3) | 4 | pp);
        out[n++] = (uint8_t)((f->l << 5) | 8 | aaa);
        break;
    }
    out[n++] = f->opcode;
    out[n++] = (uint8_t)((f->mem ? 0 : 0xc0) | (reg << 3) | rm);
    if (f->mem) {
        out[n++] = 0x08; /* [rax + rcx], or an index in vector register 1 */
    }
    memset(out + n, 0, 10);
    return n + 10;
}

static bool prefix_is_ignored(const ZydisDecodedInstruction *zi, uint8_t pp)
{
    for (unsigned i = 0; i < zi->raw.prefix_count; i++) {
        if (zi->raw.prefixes[i].value == pp &&
            zi->raw.prefixes[i].type == ZYDIS_PREFIX_TYPE_IGNORED) {
            return true;
        }
    }
    return false;
}

/* VEX and EVEX instructions differ in whether they use vvvv and need a mask. */
static bool decode_some(const struct form *f, uint8_t reg, uint8_t rm, ZydisDecodedInstruction *zi)
{
    for (unsigned attempt = 0; attempt < (f->encoding == FORM_LEGACY ? 1u : 4u); attempt++) {
        uint8_t code[24];
        unsigned len = encode(f, reg, rm, attempt & 1 ? 13 : 15, (uint8_t)(attempt >> 1), code);
        if (ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(forms_decoder(), NULL, code, len, zi))) {
            return true;
        }
    }
    return false;
}

/* All forms that share everything but ModRM.reg and ModRM.rm. */
static void enumerate_modrm(struct form f)
{
    struct form found[72];
    unsigned count = 0;
    for (uint8_t reg = 0; reg < 8; reg++) {
        for (uint8_t rm = f.mem ? 4 : 0; rm < (f.mem ? 5 : 8); rm++) {
            ZydisDecodedInstruction zi;
            if (!decode_some(&f, reg, rm, &zi)) {
                continue;
            }
            bool modrm = (zi.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
            if ((!modrm && (f.mem || reg || rm)) || (f.pp && prefix_is_ignored(&zi, f.pp))) {
                return;
            }
            if (f.encoding == FORM_LEGACY && (zi.encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY ||
                                              (f.map == 0 && zi.opcode != f.opcode))) {
                return; /* the opcode was a prefix or an escape */
            }
            if (zi.encoding == ZYDIS_INSTRUCTION_ENCODING_3DNOW) {
                return;
            }
            const char *why;
            enum compare_level level = insn_compare_level(&zi, &why);
            unsigned i = 0;
            while (i < count && (found[i].mnemonic != zi.mnemonic || found[i].level != level)) {
                i++;
            }
            if (i == count) {
                found[count] = f;
                found[count].mnemonic = (uint16_t)zi.mnemonic;
                found[count].set = (uint16_t)zi.meta.isa_set;
                found[count].modrm = modrm;
                found[count].cls = (uint8_t)class_of(&zi);
                found[count].level = (uint8_t)level;
                found[count].why = why;
                count++;
            }
            found[i].reg_mask |= (uint8_t)(1u << reg);
            found[i].rm_mask |= (uint8_t)(1u << rm);
            if (!modrm) {
                reg = 8;
                break;
            }
        }
    }
    for (unsigned i = 0; i < count; i++) {
        add_form(&found[i]);
    }
}

static void enumerate_encoding(enum form_encoding encoding, uint8_t first_map, uint8_t last_map,
                               uint8_t lengths)
{
    static const uint8_t prefixes[4] = {0, 0x66, 0xf3, 0xf2};
    for (uint8_t map = first_map; map <= last_map; map++) {
        for (unsigned rest = 0; rest < 256u * 4 * 2 * lengths * 2; rest++) {
            unsigned v = rest;
            struct form f = {.encoding = (uint8_t)encoding, .map = map};
            f.mem = v & 1;
            v /= 2;
            f.w = v & 1;
            v /= 2;
            f.pp = prefixes[v & 3];
            v /= 4;
            f.l = (uint8_t)(v % lengths);
            v /= lengths;
            f.opcode = (uint8_t)v;
            enumerate_modrm(f);
        }
    }
}

static bool can_run(const struct form *f)
{
    return f->level != COMPARE_NEVER && isa_status(f->set) == ISA_OK;
}

static void choose(const char *only)
{
    for (unsigned c = 0; c < CLASSES; c++) {
        free(choices[c]);
        choices[c] = calloc(form_count, sizeof(unsigned));
        choice_count[c] = 0;
        if (!choices[c]) {
            fprintf(stderr, "diff_test: out of memory\n");
            exit(2);
        }
    }
    for (unsigned i = 0; i < form_count; i++) {
        const char *name = ZydisMnemonicGetString(forms[i].mnemonic);
        if (can_run(&forms[i]) && (!only || strcmp(only, name) == 0)) {
            choices[forms[i].cls][choice_count[forms[i].cls]++] = i;
        }
    }
}

void forms_init(void)
{
    enumerate_encoding(FORM_LEGACY, 0, 3, 1);
    enumerate_encoding(FORM_VEX, 1, 3, 2);
    enumerate_encoding(FORM_EVEX, 1, 3, 3);
    choose(NULL);
}

bool forms_only(const char *mnemonic)
{
    choose(mnemonic);
    unsigned n = 0;
    for (unsigned c = 0; c < CLASSES; c++) {
        n += choice_count[c];
    }
    return n > 0;
}

struct form *forms_pick(struct rng *r, enum form_class cls)
{
    return &forms[choices[cls][rng_below(r, choice_count[cls])]];
}

enum form_class forms_pick_class(struct rng *r, bool sequence)
{
    static const uint8_t single_share[CLASSES] = {36, 8, 12, 14, 14, 16};
    static const uint8_t sequence_share[CLASSES] = {48, 30, 6, 6, 6, 4};
    const uint8_t *share = sequence ? sequence_share : single_share;
    for (;;) {
        uint32_t p = rng_below(r, 100);
        unsigned c = 0;
        while (p >= share[c]) {
            p -= share[c++];
        }
        if (choice_count[c]) {
            return (enum form_class)c;
        }
    }
}
