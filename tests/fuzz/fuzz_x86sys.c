/* Decoding, translating and running arbitrary bytes in every mode of the CPU. The
 * first twelve bytes of the input say how the CPU is set up (x86sys/guest.h), the others
 * are code. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/code_cache.h"
#include "x86sys/guest.h"
#include "x86sys/translate.h"

#define HEADER 12u

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void check_decode(uint32_t mode, const uint8_t *code, size_t size)
{
    for (size_t at = 0; at < size && at < 64; at++) {
        struct sys_insn in;
        size_t left = size - at;
        int r = sys_decode(&in, mode, at, at, code + at, left);

        if (r < 0) {
            REQUIRE(r == -EAGAIN && left < 15);
            continue;
        }
        REQUIRE(in.len >= 1 && in.len <= 15 && in.len <= left);
        REQUIRE(in.code_size == 2 || in.code_size == 4 || in.code_size == 8);
        REQUIRE(memcmp(in.bytes, code + at, in.len) == 0);
    }
}

static bool inside(const struct tb *tb, uintptr_t rx)
{
    return rx >= tb->code_start && rx < tb->code_start + tb->host_size;
}

static void check_tables(const struct tb *tb)
{
    REQUIRE(tb->insns > 0 && tb->insns <= SYS_TB_MAX_INSNS);
    REQUIRE(tb->size > 0 && tb->size <= 15u * SYS_TB_MAX_INSNS);
    REQUIRE(inside(tb, tb->host) && inside(tb, tb->checked));
    REQUIRE(tb->code_start >= code_cache_rx_start() && tb->exit_count <= SYS_TB_MAX_EXITS);
    for (unsigned i = 0; i < tb->restart_count; i++) {
        const struct tb_restart *r = &tb->restarts[i];

        REQUIRE(i == 0 || tb->restarts[i - 1].host_off <= r->host_off);
        REQUIRE(r->host_off < tb->host_size && r->guest_off <= tb->size);
    }
    for (unsigned i = 0; i < tb->exit_count; i++) {
        REQUIRE(tb->exits[i].from == tb && inside(tb, tb->exits[i].field));
    }
}

static void check_translation(struct sys_cpu *cpu)
{
    int why = 0;
    const struct tb *tb = sys_translate(cpu, &why);

    if (tb) {
        REQUIRE(tb->pc == sys_code_linear(cpu) && tb->flags == cpu->mode);
        check_tables(tb);
    } else {
        REQUIRE(why == -ENOSPC || why == -EFAULT || why == -EAGAIN);
        cpu->exception.vector = SYS_NO_EXCEPTION; /* it comes again when the code runs */
    }
}

/* What is distilled from the state is right. */
static void check_state(struct sys_cpu *cpu)
{
    uint32_t mode = cpu->mode;

    sys_mode_update(cpu);
    REQUIRE(cpu->mode == mode);
    REQUIRE(!atomic_load(&cpu->cpu.inside));
    REQUIRE(cpu->rflags & SYS_RF_ONE);
}

static uint64_t take(const uint8_t *data, unsigned bytes)
{
    uint64_t value = 0;

    memcpy(&value, data, bytes);
    return value;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest_cpu) {
        guest_make();
    }
    if (size <= HEADER) {
        return 0;
    }
    struct guest_start s = {.mode = (enum guest_mode)((data[0] & 7) % GUEST_MODES),
                            .user = data[0] & 8,
                            .offset = data[1] & 0x80 ? 0x1000u - (data[1] & 0x1f) : data[1] & 15,
                            .control = (uint16_t)take(data + 2, 2),
                            .registers = take(data + 4, 8)};

    guest_start(&s, data + HEADER, size - HEADER);
    check_decode(guest_cpu->mode, data + HEADER, size - HEADER);
    check_translation(guest_cpu);
    guest_run();
    check_state(guest_cpu);
    return 0;
}
