#include "devices/ops.h"

#include <string.h>

#include "devices/rings.h"
#include "hw/pci.h"

#define OPS_MAX      400u
#define ACCESSES_MAX 8192u

enum op {
    OP_READ,
    OP_WRITE,
    OP_REPEAT,
    OP_RAW,
    OP_CONFIG,
    OP_RAM,
    OP_VIRTIO_START,
    OP_VIRTIO_OFFER,
    OP_IDE,
    OP_FW_CFG,
    OP_ADVANCE,
    OP_ROUND,
    OP_INPUT,
    OP_USER,
    OP_CPU,
    OP_RESET,
    OPS
};

struct run {
    struct fuzz_input *in;
    const struct memory_region *mr;
    unsigned accesses;
};

struct access {
    struct address_space *as;
    uint64_t addr, value;
    unsigned size;
};

/* The range that an access goes to; false: there is none now. */
static bool choose_range(const struct run *r, struct fuzz_range *range) REQUIRES(bql)
{
    struct fuzz_range all[FUZZ_RANGES_MAX];
    unsigned n = fuzz_ranges(all), at;

    if (!r->mr) {
        at = fuzz_byte(r->in);
        *range = all[n ? at % n : 0];
        return n > 0;
    }
    for (at = 0; at < n && all[at].mr != r->mr; at++) {
    }
    *range = all[at < n ? at : 0];
    return at < n;
}

static bool choose_access(const struct run *r, struct access *a, unsigned size_log2, bool write)
    REQUIRES(bql)
{
    struct fuzz_range range;

    if (!choose_range(r, &range)) {
        return false;
    }
    uint64_t length = range.last - range.first;
    uint64_t offset = fuzz_take(r->in, length > 0xff ? 2 : 1);
    a->as = range.as;
    a->addr = range.first + (length == UINT64_MAX ? offset : offset % (length + 1));
    a->size = 1u << (size_log2 & (range.as == fuzz_machine.io_as ? 1 : 3));
    if (range.as == fuzz_machine.io_as && size_log2 == 3) {
        a->size = 4;
    }
    a->value = write ? fuzz_take(r->in, a->size) : 0;
    return true;
}

static void make_access(struct run *r, const struct access *a, bool write) REQUIRES(bql) MAY_BLOCK
{
    r->accesses++;
    if (write) {
        fuzz_store(a->as, a->addr, a->size, a->value);
    } else {
        (void)fuzz_load(a->as, a->addr, a->size);
    }
}

static void access_once(struct run *r, unsigned size_log2, bool write) REQUIRES(bql) MAY_BLOCK
{
    struct access a;

    if (choose_access(r, &a, size_log2, write)) {
        make_access(r, &a, write);
    }
}

/* As REP INS and OUTS do, or a loop. */
static void access_often(struct run *r, unsigned size_log2) REQUIRES(bql) MAY_BLOCK
{
    unsigned times = fuzz_byte(r->in) + 1u;
    bool write = times & 1;
    struct access a;

    if (choose_access(r, &a, size_log2, write)) {
        for (unsigned i = 0; i < times; i++) {
            make_access(r, &a, write);
            a.value += 0x55;
        }
    }
}

/* Any address at all; the odd ones cross from one region to the next. */
static void access_raw(struct run *r, unsigned size_log2) REQUIRES(bql) MAY_BLOCK
{
    uint8_t bits = fuzz_byte(r->in);
    struct access a = {.as = bits & 1 ? fuzz_machine.io_as : fuzz_machine.memory_as,
                       .size = 1u << size_log2};

    a.addr = fuzz_take(r->in, bits & 1 ? 2 : bits & 4 ? 8 : 4);
    if (bits & 1 && size_log2 == 3) {
        a.size = 4;
    }
    a.value = bits & 2 ? fuzz_take(r->in, a.size) : 0;
    make_access(r, &a, bits & 2);
}

/* A device that is there, or a number. */
static unsigned choose_device(struct fuzz_input *in) REQUIRES(bql)
{
    unsigned present[256], n = 0, at = fuzz_byte(in);

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (fuzz_machine.pci->device[devfn]) {
            present[n++] = devfn;
        }
    }
    return at < 2 * n ? present[at % n] : at;
}

static void access_config(const struct run *r, unsigned size_log2) REQUIRES(bql) MAY_BLOCK
{
    unsigned devfn = choose_device(r->in), reg = fuzz_byte(r->in);
    unsigned size = 1u << (size_log2 > 2 ? 2 : size_log2);

    reg &= ~(size - 1);
    (void)fuzz_config_read(devfn, reg, size);
    if (size_log2 != 3) {
        fuzz_config_write(devfn, reg, size, (uint32_t)fuzz_take(r->in, size));
    }
}

static void write_ram(const struct run *r) REQUIRES(bql)
{
    uint64_t addr = (fuzz_take(r->in, 2) << 4) % (FUZZ_RAM_SIZE - 256);
    unsigned len = fuzz_byte(r->in);

    for (unsigned i = 0; i < len && r->in->left; i++) {
        fuzz_ram()[addr + i] = fuzz_byte(r->in);
    }
}

/* From a nanosecond to a minute. */
static void advance(const struct run *r) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    uint8_t how = fuzz_byte(r->in);

    fuzz_advance((INT64_C(1) << how % 36) + how);
}

static void line_input(const struct run *r) REQUIRES(bql)
{
    uint8_t bits = fuzz_byte(r->in);
    enum fuzz_line line = (enum fuzz_line)(bits % FUZZ_LINES);
    size_t len = bits >> 3 & 15u;
    uint8_t bytes[16];

    if (bits & 0x80) {
        fuzz_line_block(line, bits & 0x40);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        bytes[i] = fuzz_byte(r->in);
    }
    fuzz_line_input(line, bytes, len);
}

static void user_acts(const struct run *r) REQUIRES(bql, main_loop_role)
{
    uint8_t bits = fuzz_byte(r->in);

    switch (bits & 3) {
    case 0:
        fuzz_key((unsigned)fuzz_take(r->in, 2), bits & 4);
        break;
    case 1: {
        int8_t dx = (int8_t)fuzz_byte(r->in), dy = (int8_t)fuzz_byte(r->in);
        fuzz_mouse(dx, dy, bits >> 2);
        break;
    }
    case 2:
        fuzz_look_at_screen();
        break;
    default:
        fuzz_power_button();
        break;
    }
}

static void cpu_acts(const struct run *r) REQUIRES(bql) MAY_BLOCK
{
    uint8_t bits = fuzz_byte(r->in);
    uint8_t reg;

    switch (bits & 7) {
    case 0:
    case 1:
        fuzz_select_cpu(bits & 1);
        break;
    case 2:
        fuzz_set_tpr(bits >> 3);
        break;
    case 3:
        fuzz_msr(0x1b, bits & 8, fuzz_take(r->in, 8));
        break;
    case 4:
        fuzz_msr(0x6e0, bits & 8, fuzz_take(r->in, 8));
        break;
    case 5:
        reg = fuzz_byte(r->in);
        fuzz_msr(0x800u + reg, bits & 8, fuzz_take(r->in, 8));
        break;
    default:
        fuzz_acknowledge();
        break;
    }
}

static void do_op(struct run *r) REQUIRES(bql, main_loop_role) MAY_BLOCK
{
    uint8_t what = fuzz_byte(r->in);
    unsigned size_log2 = what >> 6;

    switch ((enum op)(what % OPS)) {
    case OP_READ:
        access_once(r, size_log2, false);
        break;
    case OP_WRITE:
        access_once(r, size_log2, true);
        break;
    case OP_REPEAT:
        access_often(r, size_log2);
        break;
    case OP_RAW:
        access_raw(r, size_log2);
        break;
    case OP_CONFIG:
        access_config(r, size_log2);
        break;
    case OP_RAM:
        write_ram(r);
        break;
    case OP_VIRTIO_START:
        fuzz_virtio_start(r->in);
        break;
    case OP_VIRTIO_OFFER:
        fuzz_virtio_offer(r->in);
        break;
    case OP_IDE:
        fuzz_ide_command(r->in);
        break;
    case OP_FW_CFG:
        fuzz_fw_cfg_request(r->in);
        break;
    case OP_ADVANCE:
        advance(r);
        break;
    case OP_ROUND:
        fuzz_round();
        break;
    case OP_INPUT:
        line_input(r);
        break;
    case OP_USER:
        user_acts(r);
        break;
    case OP_CPU:
        cpu_acts(r);
        break;
    default:
        fuzz_reset();
        break;
    }
}

void fuzz_ops_run(struct fuzz_input *in, const struct memory_region *mr)
{
    struct run r = {.in = in, .mr = mr};

    for (unsigned n = 0; n < OPS_MAX && r.accesses < ACCESSES_MAX && in->left; n++) {
        do_op(&r);
    }
}
