/* The x87 unit through long double: series, a continued fraction and
 * transcendental functions. */
#include <math.h>

#include "kernel.h"

int main(int argc, char **argv)
{
    long rounds = kernel_work(argc, argv, 2000000);
    uint32_t sum = 0;
    long double total = 0;
    for (long i = 1; i <= rounds; i++) {
        long double x = (long double)(i % 1000) / 1000, term = 1, e = 1, fraction = x;
        for (int n = 1; n < 24; n++) {
            term *= x / n;
            e += term;
        }
        for (int n = 40; n > 0; n--)
            fraction = n + x / fraction;
        total += e / fraction + sqrtl(x) + fabsl(x - e);
        if (i % 8 == 0)
            total += sinl(x) + atan2l(x, e) + expl(-x) + logl(1 + x);
        if (i % 100 == 0)
            sum = kernel_mix(sum, (uint32_t)(int64_t)(total * 64));
    }
    return kernel_done(sum);
}
