/* Requests to an IDE controller (ATA/ATAPI-6; bus master) and to fw_cfg. */
#include <string.h>

#include "devices/rings.h"
#include "hw/pci.h"

#define TABLE    0x40000u
#define DATA     0x50000u
#define FW_CFG   0x48000u
#define PACKET   0xa0
#define DRQ      8
#define BUSY     0x80
#define PORTS(n) ((n) ? 0x170u : 0x1f0u)

static void put(uint64_t addr, uint64_t value, unsigned size)
{
    memcpy(fuzz_ram() + addr, &value, size);
}

static void out(uint64_t port, unsigned size, uint64_t value) REQUIRES(bql) MAY_BLOCK
{
    fuzz_store(fuzz_machine.io_as, port, size, value);
}

static uint64_t get(uint64_t port, unsigned size) REQUIRES(bql) MAY_BLOCK
{
    return fuzz_load(fuzz_machine.io_as, port, size);
}

/* The bus master's ports; 0: there are none. */
static uint64_t bus_master(void) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (fuzz_machine.pci->device[devfn] && fuzz_config_read(devfn, 0xa, 2) == 0x101) {
            return fuzz_config_read(devfn, 0x20, 4) & ~3u;
        }
    }
    return 0;
}

static void put_table(struct fuzz_input *in, unsigned areas)
{
    for (unsigned i = 0; i < areas; i++) {
        uint8_t what = fuzz_byte(in);
        uint64_t addr = what & 0x80 ? fuzz_take(in, 4) : DATA + 0x1000 * (uint64_t)(what & 7);
        uint64_t size = what & 0x40 ? fuzz_take(in, 4) : 512u * ((what >> 3 & 7u) + 1);

        put(TABLE + 8 * (uint64_t)i, addr, 4);
        put(TABLE + 8 * (uint64_t)i + 4, size | (i + 1 == areas ? 0x80000000u : 0), 4);
    }
}

/* Moves what the drive wants to have moved, for a while. */
static void move_data(uint64_t base, bool write, unsigned words) REQUIRES(bql) MAY_BLOCK
{
    while (words-- && (get(base + 7, 1) & (DRQ | BUSY)) == DRQ) {
        if (write) {
            out(base, 4, words);
        } else {
            (void)get(base, 4);
        }
    }
}

static void put_packet(struct fuzz_input *in, uint64_t base) REQUIRES(bql) MAY_BLOCK
{
    for (unsigned i = 0; i < 6; i++) {
        out(base, 2, fuzz_take(in, 2));
    }
}

void fuzz_ide_command(struct fuzz_input *in)
{
    uint8_t bits = fuzz_byte(in), command = fuzz_byte(in);
    uint64_t base = PORTS(bits & 1), bm = bus_master() + (bits & 1 ? 8 : 0);

    out(base + 6, 1, (bits & 2 ? 0x10u : 0) | (bits & 4 ? 0x40u : 0));
    for (unsigned again = 0; again <= (bits >> 3 & 1u); again++) { /* 48 bits: each twice */
        for (unsigned reg = 1; reg <= 5; reg++) {
            out(base + reg, 1, fuzz_byte(in));
        }
    }
    if (bits & 0x10) {
        put_table(in, (fuzz_byte(in) & 7u) + 1);
        out(bm, 1, 0);
        out(bm + 4, 4, TABLE);
        out(bm + 2, 1, 6);
    }
    out(base + 7, 1, command);
    if (command == PACKET) {
        put_packet(in, base);
    }
    if (bits & 0x10) {
        out(bm, 1, 1 | (bits >> 2 & 8u));
        (void)get(bm + 2, 1);
    } else {
        move_data(base, bits & 0x20, 128u << (bits >> 6));
    }
}

static uint64_t big_endian(uint64_t value, unsigned size)
{
    uint64_t swapped = 0;

    for (unsigned i = 0; i < size; i++) {
        swapped = swapped << 8 | (value >> 8 * i & 0xff);
    }
    return swapped;
}

void fuzz_fw_cfg_request(struct fuzz_input *in)
{
    uint8_t bits = fuzz_byte(in);
    uint64_t key = fuzz_take(in, 2), len = fuzz_take(in, bits & 0x80 ? 4 : 1);
    uint64_t addr = bits & 0x40 ? fuzz_take(in, 8) : DATA;
    uint64_t at = bits & 0x20 ? fuzz_take(in, 8) : FW_CFG;

    put(FW_CFG, big_endian(key << 16 | (bits & 0x1f), 4), 4);
    put(FW_CFG + 4, big_endian(len, 4), 4);
    put(FW_CFG + 8, big_endian(addr, 8), 8);
    out(0x514, 4, big_endian(at >> 32, 4));
    out(0x518, 4, big_endian(at & UINT32_MAX, 4));
}
