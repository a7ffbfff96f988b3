#include "stream.h"

#include <stdbool.h>
#include <string.h>

#include "x86sys/insn.h"

static uint64_t seed = 11;

uint32_t stream_random(uint32_t n)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(seed >> 33) % n;
}

static bool percent(uint32_t n)
{
    return stream_random(100) < n;
}

static unsigned put_prefixes(uint8_t *p)
{
    static const uint8_t legacy[] = {0x66, 0x66, 0x66, 0xf3, 0xf2, 0xf0, 0x67, 0x64, 0x65};
    unsigned n = 0;
    if (percent(25)) {
        p[n++] = legacy[stream_random(sizeof(legacy))];
    }
    if (percent(50)) {
        p[n++] = (uint8_t)(0x40 | stream_random(16));
    }
    return n;
}

static unsigned put_opcode(uint8_t *p)
{
    static const uint8_t common[] = {
        0x01, 0x03, 0x2b, 0x39, 0x50, 0x53, 0x5b, 0x5d, 0x63, 0x68, 0x6a, 0x69, 0x74, 0x7f, 0x81,
        0x83, 0x85, 0x88, 0x89, 0x8b, 0x8d, 0x8d, 0x8f, 0x9c, 0xa4, 0xab, 0xb8, 0xc1, 0xc3, 0xc7,
        0xc9, 0xd3, 0xdd, 0xe2, 0xe3, 0xe8, 0xe9, 0xeb, 0xf7, 0xfa, 0xfb, 0xff, 0xff, 0xcc};
    unsigned n = 0;
    if (percent(70)) {
        p[n++] = common[stream_random(sizeof(common))];
    } else if (percent(60)) {
        p[n++] = 0x0f;
        p[n++] = percent(20) ? (uint8_t)(0x80 | stream_random(16)) : (uint8_t)stream_random(256);
    } else if (percent(30)) {
        p[n++] = 0xc5;
        p[n++] = (uint8_t)stream_random(256);
        p[n++] = (uint8_t)stream_random(256);
    } else {
        p[n++] = (uint8_t)stream_random(256);
    }
    return n;
}

/* Something that may be an instruction, in 15 bytes: relative to RIP often, and then
 * not far away. */
static void put_bytes(uint8_t *p)
{
    for (unsigned i = 0; i < 15; i++) {
        p[i] = (uint8_t)stream_random(256);
    }
    unsigned n = put_prefixes(p);
    n += put_opcode(p + n);
    int32_t near = (int32_t)stream_random(percent(50) ? 512 : 8192) - 200;
    if (percent(30)) {
        p[n] = (uint8_t)((p[n] & 0x38) | 5);
        memcpy(p + n + 1, &near, sizeof(near));
    } else if (percent(30)) {
        memcpy(p + n, &near, sizeof(near));
    }
}

/* Blocks should not be short: what ends them comes rarely. */
static unsigned put_insn(uint8_t *p, uint32_t mode)
{
    for (;;) {
        struct sys_insn in;
        put_bytes(p);
        bool known = sys_decode(&in, mode, 0, 0, p, 15) == 0;
        bool ends = sys_insn_ends_tb(&in) || in.fault != SYS_NO_EXCEPTION ||
                    in.cls == SYS_INSN_ILLEGAL || in.cls == SYS_INSN_TOO_LONG;
        if (known && (!ends || percent(7))) {
            return in.len;
        }
    }
}

void stream_put(uint8_t *at, uint32_t mode)
{
    for (unsigned n = 0; n < STREAM_SIZE;) {
        n += put_insn(at + n, mode);
    }
}
