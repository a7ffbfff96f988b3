/* Guest memory of the tester: data arenas with random content. Most runs
 * change a line or two of it, so that finding and undoing the changes is
 * cheaper than filling anew. */
#include "diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

const struct region regions[REGIONS] = {
    [REGION_NEAR] = {0x551000000000u, 0x551000200000u},
    [REGION_FAR] = {0x562000000000u, 0x562000200000u},
    [REGION_LOW] = {0x20000000u, 0x20200000u},
};

static _Alignas(64) uint8_t pristine[REGIONS][ARENA_SIZE];

static uint8_t *arena(int region)
{
    return (uint8_t *)(uintptr_t)regions[region].arena; /* guest addresses are host addresses */
}

void memory_map_arenas(void)
{
    for (int i = 0; i < REGIONS; i++) {
        void *p = mmap(arena(i), ARENA_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        if (p != arena(i)) {
            perror("diff_test: mapping a data arena");
            exit(2);
        }
        struct rng r = {(uint64_t)i};
        values_fill(&r, pristine[i], ARENA_SIZE);
        memcpy(arena(i), pristine[i], ARENA_SIZE);
        if (mprotect(arena(i) + ARENA_RW, PAGE, PROT_READ)) {
            perror("diff_test: protecting a page of a data arena");
            exit(2);
        }
    }
}

const uint8_t *memory_pristine(int region)
{
    return pristine[region];
}

void memory_fill(const struct diff_case *c)
{
    for (int i = 0; i < REGIONS; i++) {
        if (c->arenas & (1u << i)) {
            struct rng r = rng_for(c->memory_seed, (uint64_t)i);
            values_fill(&r, pristine[i], ARENA_RW);
            memcpy(arena(i), pristine[i], ARENA_RW);
        }
    }
}

void memory_apply(const struct diff_state *st)
{
    for (unsigned i = 0; i < st->patch_count; i++) {
        const struct patch *p = &st->patches[i];
        memcpy(arena(p->region) + p->offset, p->bytes, p->size);
    }
}

static uint64_t hash_line(uint64_t h, const struct line *l)
{
    h = (h ^ ((uint64_t)l->region << 32) ^ l->offset) * 0x9e3779b97f4a7c15u;
    for (unsigned i = 0; i < LINE; i += 8) {
        uint64_t v;
        memcpy(&v, l->bytes + i, 8);
        h = (h ^ v) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

void memory_collect(const struct diff_case *c, struct diff_result *res)
{
    res->line_count = 0;
    res->line_hash = 0;
    for (int i = 0; i < REGIONS; i++) {
        if (!(c->arenas & (1u << i))) {
            continue;
        }
        for (unsigned off = 0; off < ARENA_RW; off += LINE) {
            /* A patched line differs although the run left it alone; it is
             * listed on both sides alike. */
            if (memcmp(arena(i) + off, pristine[i] + off, LINE) == 0) {
                continue;
            }
            struct line l = {.region = (uint8_t)i, .offset = (uint16_t)off};
            memcpy(l.bytes, arena(i) + off, LINE);
            res->line_hash = hash_line(res->line_hash, &l);
            if (res->line_count < LINES_KEPT) {
                res->lines[res->line_count] = l;
            }
            res->line_count++;
            memcpy(arena(i) + off, pristine[i] + off, LINE);
        }
    }
}
