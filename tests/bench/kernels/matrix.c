/* Multiplication of double-precision matrices, as -O2 makes it. */
#include <stddef.h>
#include <string.h>

#include "kernel.h"

#define SIDE 256

static double a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];

static void multiply(void)
{
    memset(c, 0, sizeof c);
    for (size_t i = 0; i < SIDE; i++)
        for (size_t k = 0; k < SIDE; k++)
            for (size_t j = 0; j < SIDE; j++)
                c[i][j] += a[i][k] * b[k][j];
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t j = 0; j < SIDE; j++) {
            a[i][j] = (double)((i * 7 + j) % 13) / 16;
            b[i][j] = (double)((i + j * 3) % 11) / 8 - 0.5;
        }
    }
    uint32_t sum = 0;
    long rounds = kernel_work(argc, argv, 120);
    for (long i = 0; i < rounds; i++) {
        multiply();
        a[i % SIDE][0] += 0.25;
        sum = kernel_mix(sum, (uint32_t)(int64_t)(c[i % SIDE][17] * 128));
    }
    return kernel_done(sum);
}
