/* Which TB belongs to the CPU's state: the linear address of CS:RIP, CS, mode,
 * and the RAM that the code lies in now. */
#include "x86sys/system_insns.h"
#include "x86sys/translate.h"

uint64_t sys_code_linear(const struct sys_cpu *cpu)
{
    uint64_t linear = cpu->seg[SYS_CS].base + cpu->rip;
    return cpu->mode & SYS_MODE_CODE64 ? cpu->rip : (uint32_t)linear;
}

bool sys_tb_is_here(const struct sys_cpu *cpu, const struct tb *tb)
{
    return tb->pc == sys_code_linear(cpu) && tb->cs == sys_code_segment(cpu) &&
           tb->flags == cpu->mode;
}

/* What the jump that led here should have found out. */
static bool rip_is_good(struct sys_cpu *cpu)
{
    bool good = cpu->mode & SYS_MODE_CODE64 ? sys_canonical(cpu, cpu->rip)
                                            : cpu->rip <= cpu->seg[SYS_CS].limit;
    return good || sys_raise_error(cpu, SYS_GP, 0);
}

static bool same_page(uint64_t a, uint64_t b)
{
    return a >> GUEST_PAGE_BITS == b >> GUEST_PAGE_BITS;
}

struct tb *sys_tb_find(struct sys_cpu *cpu, bool *fault)
{
    struct tb_key key = {
        .pc = sys_code_linear(cpu), .cs = sys_code_segment(cpu), .flags = cpu->mode};
    *fault = !rip_is_good(cpu) || !sys_fetch_ram(cpu, key.pc, &key.ram);
    if (*fault || key.ram == SYS_NO_RAM) {
        return NULL;
    }
    struct tb *tb = tb_lookup_key(&key);
    uint64_t last = tb ? tb->pc + tb->size - 1 : key.pc;
    if (tb && !same_page(last, tb->pc)) {
        uint64_t ram = 0;
        *fault = !sys_fetch_ram(cpu, cpu->mode & SYS_MODE_CODE64 ? last : (uint32_t)last, &ram);
        return !*fault && same_page(ram, tb->ram_last) ? tb : NULL;
    }
    return tb;
}
