/* Gathers and scatters, element by element, on the saved vector state. An element that
 * faults ends the instruction with those before it done and their mask bits cleared,
 * so that it goes on there when it is run again. */
#include <string.h>

#include <Zydis/Zydis.h>

#include "x86/insn.h"
#include "x86sys/emulate.h"
#include "x86sys/model.h"
#include "x86sys/ops.h"
#include "x86sys/rename.h"
#include "x86sys/vector.h"

enum { PART_YMM = 2, PART_OPMASK = 5, PART_ZMM = 6, PART_HI16 = 7 };
#define XSTATE_BV  512
#define XMM_OFFSET 160
#define LANE       4

struct gather {
    uint8_t data, index, mask; /* register numbers */
    unsigned elements;
    unsigned elem, index_size;
    unsigned bytes;  /* of the data register that are written */
    unsigned length; /* the instruction's vector length, in bytes */
    bool evex, scatter;
};

static uint8_t *area(struct sys_cpu *cpu)
{
    return cpu->xsave;
}

static void mark_used(struct sys_cpu *cpu, uint64_t parts)
{
    uint64_t used;
    memcpy(&used, area(cpu) + XSTATE_BV, sizeof(used));
    used |= parts;
    memcpy(area(cpu) + XSTATE_BV, &used, sizeof(used));
}

/* Where byte `at` of a vector register is kept. */
static uint8_t *vector_byte(struct sys_cpu *cpu, uint8_t reg, unsigned at)
{
    if (reg >= 16) {
        return area(cpu) + sys_xsave_part(PART_HI16).offset + 64UL * (reg - 16U) + at;
    }
    if (at < 16) {
        return area(cpu) + XMM_OFFSET + 16UL * reg + at;
    }
    if (at < 32) {
        return area(cpu) + sys_xsave_part(PART_YMM).offset + 16UL * reg + at - 16;
    }
    return area(cpu) + sys_xsave_part(PART_ZMM).offset + 32UL * reg + at - 32;
}

/* Elements never straddle the pieces. */
static uint64_t vector_get(struct sys_cpu *cpu, uint8_t reg, unsigned at, unsigned size)
{
    uint64_t v = 0;
    memcpy(&v, vector_byte(cpu, reg, at), size);
    return v;
}

static void vector_put(struct sys_cpu *cpu, uint8_t reg, unsigned at, unsigned size, uint64_t v)
{
    memcpy(vector_byte(cpu, reg, at), &v, size);
}

static unsigned vector_size(const struct sys_cpu *cpu)
{
    return cpu->xsave_mask >> PART_ZMM & 1 ? 64 : 32;
}

static void clear_from(struct sys_cpu *cpu, uint8_t reg, unsigned from)
{
    for (unsigned at = from; at < vector_size(cpu); at += LANE) {
        vector_put(cpu, reg, at, LANE, 0);
    }
}

static uint8_t *opmask(struct sys_cpu *cpu, uint8_t reg)
{
    return area(cpu) + sys_xsave_part(PART_OPMASK).offset + 8UL * reg;
}

static bool is_selected(struct sys_cpu *cpu, const struct gather *g, unsigned n)
{
    if (g->evex) {
        return opmask(cpu, g->mask)[n / 8] >> n % 8 & 1;
    }
    return vector_get(cpu, g->mask, n * g->elem, g->elem) >> (8 * g->elem - 1) & 1;
}

static void deselect(struct sys_cpu *cpu, const struct gather *g, unsigned n)
{
    if (g->evex) {
        opmask(cpu, g->mask)[n / 8] &= (uint8_t)~(1u << n % 8);
    } else {
        vector_put(cpu, g->mask, n * g->elem, g->elem, 0);
    }
}

/* VSIB's base, and the displacement that the decoder has scaled. */
static bool element_address(struct sys_cpu *cpu, const struct sys_insn *in, const struct gather *g,
                            unsigned n, uint64_t *linear)
{
    uint64_t index = vector_get(cpu, g->index, n * g->index_size, g->index_size);
    if (g->index_size == 4) {
        index = (uint64_t)(int32_t)(uint32_t)index;
    }
    uint64_t offset = (uint64_t)in->disp + (index << in->scale);
    if (in->base < X86_GPRS) {
        offset += cpu->gpr[in->base];
    }
    if (in->addr_size == 4) {
        offset = (uint32_t)offset;
    }
    return sys_linear(cpu, (enum sys_seg_reg)in->seg, offset, g->elem,
                      (g->scatter ? SYS_WRITE : SYS_READ) | (uint32_t)SYS_UNALIGNED, linear);
}

static bool move_element(struct sys_cpu *cpu, const struct sys_insn *in, const struct gather *g,
                         unsigned n)
{
    uint64_t linear;
    uint64_t value = 0;
    if (!element_address(cpu, in, g, n, &linear)) {
        return false;
    }
    if (g->scatter) {
        value = vector_get(cpu, g->data, n * g->elem, g->elem);
        return sys_mem_write(cpu, linear, &value, g->elem, SYS_WRITE);
    }
    if (!sys_mem_read(cpu, linear, &value, g->elem, SYS_READ)) {
        return false;
    }
    vector_put(cpu, g->data, n * g->elem, g->elem, value);
    return true;
}

static bool has_qword_index(uint16_t mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_VGATHERQPD:
    case ZYDIS_MNEMONIC_VGATHERQPS:
    case ZYDIS_MNEMONIC_VPGATHERQD:
    case ZYDIS_MNEMONIC_VPGATHERQQ:
    case ZYDIS_MNEMONIC_VSCATTERQPD:
    case ZYDIS_MNEMONIC_VSCATTERQPS:
    case ZYDIS_MNEMONIC_VPSCATTERQD:
    case ZYDIS_MNEMONIC_VPSCATTERQQ:
        return true;
    default:
        return false;
    }
}

static struct gather decode(const struct sys_insn *in)
{
    const uint8_t *p = in->bytes + in->opcode_off;
    struct gather g = {.evex = in->encoding == X86_ENC_EVEX,
                       .scatter = (in->mem_access & SYS_WRITE) != 0,
                       .index = in->index,
                       .elem = in->elem_size,
                       .index_size = has_qword_index(in->mnemonic) ? 8 : 4};
    g.data = sys_guest_reg(in, SYS_PLACE_REG);
    if (g.evex) {
        g.data = (uint8_t)(g.data | (in->code_size == 8 && !(p[1] & 0x10) ? 16 : 0));
        g.mask = p[3] & 7;
        g.length = 16u << (p[3] >> 5 & 3);
    } else {
        g.mask = sys_guest_reg(in, SYS_PLACE_VVVV);
        g.length = p[2] & 4 ? 32 : 16;
    }
    unsigned widest = g.elem > g.index_size ? g.elem : g.index_size;
    g.elements = g.length / widest;
    g.bytes = g.elements * g.elem;
    return g;
}

bool sys_op_gather(struct sys_cpu *cpu, const struct sys_insn *in)
{
    struct gather g = decode(in);
    bool moved = false;
    sys_vec_save(cpu);
    mark_used(cpu, (1u << PART_YMM | 2u | (g.evex ? 7u << PART_OPMASK : 0)) & cpu->xsave_mask);
    for (unsigned n = 0; n < g.elements; n++) {
        if (is_selected(cpu, &g, n)) {
            if (!move_element(cpu, in, &g, n)) {
                if (moved && g.evex && !g.scatter) { /* as CPUs do */
                    clear_from(cpu, g.data, g.length);
                }
                return false;
            }
            moved = true;
        }
        deselect(cpu, &g, n);
    }
    if (g.evex) {
        memset(opmask(cpu, g.mask), 0, 8);
    } else {
        clear_from(cpu, g.mask, 0);
    }
    if (!g.scatter) {
        clear_from(cpu, g.data, g.bytes);
    }
    return true;
}
