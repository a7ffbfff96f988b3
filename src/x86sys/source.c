/* Fetching and decoding of a block: see source.h. */
#include "x86sys/source.h"

#include <errno.h>

#include "exec/memory.h"
#include "locks/mmap_lock.h"

/* From here on a store to the page is seen. */
static void protect_page(uint64_t ram) REQUIRES(mmap_lock_cap)
{
    sys_tlb_protect_ram(ram & ~(GUEST_PAGE_SIZE - 1));
}

/* Undoes it if nothing has come of it. */
static void unprotect_page(uint64_t ram) REQUIRES(mmap_lock_cap)
{
    uint64_t page = ram & ~(GUEST_PAGE_SIZE - 1);
    if (!tb_page_has_code(page)) {
        memory_ram_set_code(page, false);
    }
}

/* Bytes up to the end of the page. */
static bool fetch_first(struct sys_translation *t, struct sys_source *s) REQUIRES(mmap_lock_cap)
{
    if (s->device) {
        return s->have > 0;
    }
    s->ram_last = s->ram;
    s->publish = true;
    protect_page(s->ram);
    size_t want = GUEST_PAGE_SIZE - (t->linear & (GUEST_PAGE_SIZE - 1));
    s->have = sys_fetch(t->cpu, t->linear, s->buf, (uint32_t)want, &s->ram);
    return s->have > 0;
}

/* The first instruction crosses into the next page. From RAM into a device is not
 * supported. */
static bool fetch_second(struct sys_translation *t, struct sys_source *s) REQUIRES(mmap_lock_cap)
{
    uint64_t next = sys_source_wrap(t, (t->linear | (GUEST_PAGE_SIZE - 1)) + 1);
    if (!s->publish || !sys_fetch_ram(t->cpu, next, &s->ram_last)) {
        return sys_raise_error(t->cpu, SYS_GP, 0);
    }
    if (s->ram_last == SYS_NO_RAM) {
        s->ram_last = s->ram;
        return sys_raise_error(t->cpu, SYS_GP, 0);
    }
    protect_page(s->ram_last);
    uint32_t n = sys_fetch(t->cpu, next, s->buf + s->have, 15, &s->ram_last);
    s->have += n;
    return n > 0;
}

bool sys_source_find(struct sys_translation *t, struct sys_source *s)
{
    if (!sys_fetch_ram(t->cpu, t->linear, &s->ram)) {
        return false;
    }
    s->device = s->ram == SYS_NO_RAM;
    if (s->device) {
        s->have = sys_fetch_device(t->cpu, t->linear, s->buf, 15);
    }
    return true;
}

static bool beyond_limit(const struct sys_translation *t, const struct sys_insn *in)
{
    return !(t->mode & (SYS_MODE_CODE64 | SYS_MODE_FLAT)) &&
           in->ip + in->len - 1 > t->cpu->seg[SYS_CS].limit;
}

bool sys_source_ends_block(const struct sys_translation *t, const struct sys_insn *in)
{
    if (sys_system_is_inline(t, in) || sys_string_is_inline(t, in)) {
        return false;
    }
    return sys_insn_ends_tb(in) || in->cls == SYS_INSN_STRING ||
           (in->cls == SYS_INSN_STACK && sys_stack_is_c(in));
}

/* As sys_decode, for the vCPU's model. */
static int decode(const struct sys_translation *t, struct sys_insn *in, uint64_t ip,
                  uint64_t linear, const uint8_t *bytes, size_t len)
{
    int r = sys_decode(in, t->mode, ip, linear, bytes, len);
    if (r == 0 && !sys_insn_is_in_model(in, t->cpu->model)) {
        in->cls = SYS_INSN_ILLEGAL;
        in->fault = SYS_UD;
    }
    return r;
}

bool sys_source_decode(struct sys_translation *t, struct sys_source *s, unsigned max)
{
    unsigned max_branches = t->mode & SYS_MODE_ICOUNT ? 1 : SYS_TB_MAX_EXITS - 2;
    unsigned branches = 0;
    size_t at = 0;
    uint64_t ip = t->cpu->rip;
    if (!fetch_first(t, s)) {
        return false;
    }
    max = s->publish ? max : 1;
    while (t->insn_count < max) {
        struct sys_insn *in = &t->insns[t->insn_count];
        uint64_t linear = sys_source_wrap(t, t->linear + at);
        int r = s->have > at ? decode(t, in, ip, linear, s->buf + at, s->have - at) : -EAGAIN;
        if (r == -EAGAIN) {
            if (t->insn_count) { /* the block ends before what does not lie in this page */
                t->crosser = s->have > at ? linear : UINT64_MAX;
                break;
            }
            if (!fetch_second(t, s)) {
                return false;
            }
            if (decode(t, in, ip, linear, s->buf, s->have) == -EAGAIN) {
                return sys_raise_error(t->cpu, SYS_GP, 0);
            }
            max = 1;
        }
        if (beyond_limit(t, in)) {
            return t->insn_count || sys_raise_error(t->cpu, SYS_GP, 0);
        }
        t->insn_count++;
        at += in->len;
        branches += in->cls == SYS_INSN_JCC || in->cls == SYS_INSN_LOOP;
        uint64_t next = sys_insn_next_ip(in);
        if (sys_source_ends_block(t, in) || (t->insn_count > 1 && sys_is_inline_sti(t, in - 1)) ||
            branches >= max_branches || next != ip + in->len) {
            break;
        }
        ip = next;
    }
    return true;
}

void sys_source_give_up(const struct sys_source *s)
{
    if (s->publish) {
        unprotect_page(s->ram);
        unprotect_page(s->ram_last);
    }
}
