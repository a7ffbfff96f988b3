/* Runs of instructions whose operands lie near each other off one base register: what
 * an engine may treat together. */
#include <string.h>

#include "gen.h"

static struct form plain = {.level = COMPARE_ALL, .encoding = FORM_LEGACY};

/* Bytes up to ModRM; {0x50} and {0x58} take a register in the opcode. */
static const struct {
    uint8_t len, bytes[4];
    int8_t digit; /* ModRM.reg, or -1: a register */
    uint8_t imm;  /* bytes of immediate */
} patterns[] = {
    {2, {0x48, 0x8b}, -1, 0},             /* mov r, m */
    {2, {0x4c, 0x8b}, -1, 0},             /* mov r8.., m */
    {2, {0x48, 0x89}, -1, 0},             /* mov m, r */
    {2, {0x4c, 0x89}, -1, 0},             /* mov m, r8.. */
    {1, {0x8b}, -1, 0},                   /* mov r32, m */
    {1, {0x88}, -1, 0},                   /* mov m8, r8 */
    {2, {0x66, 0x89}, -1, 0},             /* mov m16, r16 */
    {1, {0x01}, -1, 0},                   /* add m, r */
    {1, {0x13}, -1, 0},                   /* adc r, m */
    {1, {0x39}, -1, 0},                   /* cmp m, r */
    {1, {0x80}, 4, 1},                    /* and m8, imm */
    {2, {0x48, 0xff}, 0, 0},              /* inc m */
    {2, {0xf7}, 3, 0},                    /* neg m */
    {1, {0xc7}, 0, 4},                    /* mov m, imm */
    {3, {0x48, 0x0f, 0xb6}, -1, 0},       /* movzx r, m8 */
    {2, {0x48, 0x87}, -1, 0},             /* xchg m, r */
    {4, {0xf0, 0x48, 0x0f, 0xc1}, -1, 0}, /* lock xadd m, r */
    {3, {0xf3, 0x0f, 0x6f}, -1, 0},       /* movdqu x, m */
    {3, {0xf3, 0x0f, 0x7f}, -1, 0},       /* movdqu m, x */
    {3, {0xf2, 0x0f, 0x58}, -1, 0},       /* addsd x, m */
    {2, {0x48, 0x8d}, -1, 0},             /* lea */
};
#define PATTERNS (sizeof(patterns) / sizeof(patterns[0]))

static unsigned put_memory(struct rng *r, uint8_t base, uint8_t *b)
{
    unsigned p = rng_below(r, PATTERNS);
    unsigned n = patterns[p].len;
    memcpy(b, patterns[p].bytes, n);
    unsigned reg = patterns[p].digit < 0 ? rng_below(r, 8) : (unsigned)patterns[p].digit;
    b[n++] = (uint8_t)(0x40 | reg << 3 | (base & 7));
    if ((base & 7) == 4) {
        b[n++] = 0x24;
    }
    b[n++] = (uint8_t)(rng_below(r, 80) - 40);
    n += patterns[p].imm;
    return n;
}

static unsigned put_other(struct rng *r, uint8_t *b)
{
    switch (rng_below(r, 5)) {
    case 0:
        b[0] = (uint8_t)(0x50 + rng_below(r, 8));
        return 1;
    case 1:
        b[0] = (uint8_t)(0x58 + rng_below(r, 8));
        return 1;
    case 2: /* push, pop of r8 to r15 */
        b[0] = 0x41;
        b[1] = (uint8_t)(0x50 + rng_below(r, 16));
        return 2;
    case 3: /* add or sub rsp, imm */
        b[0] = 0x48;
        b[1] = 0x83;
        b[2] = rng_percent(r, 50) ? 0xc4 : 0xec;
        b[3] = (uint8_t)(8 * rng_below(r, 8));
        return 4;
    default: /* xor, setc, cmc and the like between registers */
        b[0] = rng_percent(r, 70) ? 0x31 : 0x19;
        b[1] = (uint8_t)(0xc0 | rng_below(r, 64));
        return 2;
    }
}

static bool gen_one(struct rng *r, uint8_t base, struct insn *in)
{
    uint8_t b[15];
    for (unsigned i = 0; i < sizeof(b); i++) {
        b[i] = (uint8_t)rng_next(r);
    }
    if (rng_percent(r, base == 4 ? 50 : 80)) {
        (void)put_memory(r, base, b);
    } else {
        (void)put_other(r, b);
    }
    memcpy(in->bytes, b, sizeof(b));
    if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(forms_decoder(), b, sizeof(b), &in->zi, in->ops))) {
        return false;
    }
    in->len = in->zi.length;
    in->form = &plain;
    return true;
}

unsigned gen_neighbours(struct rng *r, struct insn *insns)
{
    static const uint8_t bases[] = {3, 4, 4, 5, 6, 7};
    uint8_t base = bases[rng_below(r, sizeof(bases))];
    unsigned wanted = 2 + rng_below(r, INSNS_MAX - 1);
    unsigned n = 0;
    while (n < wanted) {
        n += gen_one(r, base, &insns[n]) ? 1 : 0;
    }
    return n;
}
