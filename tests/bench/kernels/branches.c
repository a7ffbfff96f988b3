/* Branches on data: Collatz lengths, binary search, and a filter that no
 * predictor can learn. */
#include <stddef.h>

#include "kernel.h"

#define ENTRIES 65536

static unsigned collatz(uint64_t n)
{
    unsigned steps = 0;
    while (n != 1) {
        if (n & 1)
            n = 3 * n + 1;
        else
            n /= 2;
        steps++;
    }
    return steps;
}

static size_t search(const uint32_t *sorted, size_t count, uint32_t key)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sorted[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int main(int argc, char **argv)
{
    static uint32_t sorted[ENTRIES];
    uint32_t random = 1, sum = 0, value = 0;
    for (size_t i = 0; i < ENTRIES; i++)
        sorted[i] = value += kernel_random(&random) & 255;
    long rounds = kernel_work(argc, argv, 3600000);
    for (long i = 0; i < rounds; i++) {
        uint32_t r = kernel_random(&random);
        sum = kernel_mix(sum, (uint32_t)search(sorted, ENTRIES, r % value));
        if (r & 1)
            sum += r & 2 ? 3 : 5;
        else if (r & 4)
            sum ^= r;
        if (i % 8 == 0)
            sum += collatz((uint64_t)r + 1);
    }
    return kernel_done(sum);
}
