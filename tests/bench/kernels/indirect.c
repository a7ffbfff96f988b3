/* Indirect calls and jumps: an interpreter that dispatches through a table
 * of functions, another through a switch, and virtual calls on mixed
 * objects. */
#include <stddef.h>

#include "kernel.h"

#define PROGRAM 1024
#define OPS     8

struct machine {
    uint32_t a, b, c;
};

typedef void operation(struct machine *m);

static void op_add(struct machine *m)
{
    m->a += m->b;
}
static void op_xor(struct machine *m)
{
    m->b ^= m->c;
}
static void op_rotate(struct machine *m)
{
    m->c = m->c << 7 | m->c >> 25;
}
static void op_multiply(struct machine *m)
{
    m->a *= m->c | 1;
}
static void op_swap(struct machine *m)
{
    uint32_t t = m->a;
    m->a = m->b;
    m->b = t;
}
static void op_subtract(struct machine *m)
{
    m->c -= m->a;
}
static void op_shift(struct machine *m)
{
    m->b += m->a >> 3;
}
static void op_not(struct machine *m)
{
    m->c = ~m->c;
}

static operation *const operations[OPS] = {
    op_add, op_xor, op_rotate, op_multiply, op_swap, op_subtract, op_shift, op_not,
};

static void run_switch(struct machine *m, const uint8_t *program)
{
    for (size_t i = 0; i < PROGRAM; i++) {
        switch (program[i]) {
        case 0:
            m->a += m->b;
            break;
        case 1:
            m->b ^= m->c;
            break;
        case 2:
            m->c = m->c << 9 | m->c >> 23;
            break;
        case 3:
            m->a *= m->c | 1;
            break;
        case 4:
            m->c += m->a;
            break;
        case 5:
            m->c -= m->b;
            break;
        case 6:
            m->b += m->a >> 5;
            break;
        default:
            m->a = ~m->a;
            break;
        }
    }
}

int main(int argc, char **argv)
{
    static uint8_t program[PROGRAM];
    struct machine m = {1, 2, 3};
    uint32_t random = 1;
    for (size_t i = 0; i < PROGRAM; i++)
        program[i] = (uint8_t)(kernel_random(&random) % OPS);
    long rounds = kernel_work(argc, argv, 60000);
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < PROGRAM; i++)
            operations[program[i]](&m);
        run_switch(&m, program);
        if (round % 16 == 0)
            program[m.a % PROGRAM] = (uint8_t)(m.b % OPS);
    }
    return kernel_done(m.a ^ m.b ^ m.c);
}
