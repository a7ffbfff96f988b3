/* The engine's side. */
#include <string.h>

#include "legacy.h"
#include "sys/machine.h"

static uint8_t *code, *data;

void legacy_engine_init(void)
{
    machine_init(8u << 20, false);
    code = machine_map(LEGACY_CODE, PAGE, MACHINE_USER);
    data = machine_map(LEGACY_DATA, LEGACY_SIZE, MACHINE_USER | MACHINE_WRITABLE | MACHINE_NX);
    memset(code, 0xcc, PAGE);
}

void legacy_engine_put(const struct legacy_case *c)
{
    memset(code + LEGACY_START, 0xcc, sizeof(c->insn.bytes));
    memcpy(code + LEGACY_START, c->insn.bytes, c->insn.len);
    machine_written(code + LEGACY_START, sizeof(c->insn.bytes));
}

static struct sys_seg segment16(uint32_t base, unsigned attr)
{
    return (struct sys_seg){.base = base,
                            .limit = LEGACY_SIZE - 1,
                            .selector = attr & SYS_SEG_CODE ? 0x07 : 0x0f,
                            .attr = (uint16_t)(attr | SYS_SEG_P | SYS_SEG_S | SYS_SEG_RW |
                                               SYS_SEG_ACCESSED | SYS_SEG_DPL)};
}

void legacy_engine_run(const struct legacy_case *c, const struct diff_state *st,
                       struct legacy_result *res)
{
    struct sys_cpu *cpu = machine_cpu;
    struct machine_end end;
    memcpy(data, legacy_memory, LEGACY_SIZE);
    machine_reset(false);
    cpu->rip = LEGACY_CODE + LEGACY_START;
    if (c->is_16) {
        cpu->rip = LEGACY_START;
        cpu->seg[SYS_CS] = segment16(LEGACY_CODE, SYS_SEG_CODE);
        cpu->seg[SYS_DS] = cpu->seg[SYS_ES] = cpu->seg[SYS_SS] = segment16(LEGACY_DATA, 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        cpu->gpr[i] = (uint32_t)st->gpr[i];
    }
    cpu->rflags = (uint32_t)st->rflags;
    memcpy(cpu->xsave, st->xsave, xsave_size());
    cpu->vec_live = false;
    sys_mode_update(cpu);
    machine_run(&end);
    res->vector = end.vector;
    res->cr2 = (uint32_t)end.cr2;
    res->at_insn = end.rip == c->insn.ip;
    res->flags = (uint32_t)end.rflags;
    for (unsigned i = 0; i < 8; i++) {
        res->gpr[i] = (uint32_t)cpu->gpr[i];
    }
    res->gpr[X86_RSP] = (uint32_t)end.rsp;
    memcpy(res->xsave, cpu->xsave, xsave_size());
    memcpy(res->data, data, LEGACY_SIZE);
}
