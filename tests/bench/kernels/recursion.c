/* Calls and returns: Fibonacci, Ackermann and a tree walk. */
#include <stddef.h>

#include "kernel.h"

struct tree {
    struct tree *left, *right;
    uint32_t value;
};

static __attribute__((noinline)) uint32_t fibonacci(uint32_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static __attribute__((noinline)) uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

static struct tree *grow(struct tree **pool, int depth)
{
    if (depth == 0)
        return NULL;
    struct tree *t = (*pool)++;
    t->value = (uint32_t)depth;
    t->left = grow(pool, depth - 1);
    t->right = grow(pool, depth - 1);
    return t;
}

static uint32_t walk(const struct tree *t)
{
    return t ? t->value + walk(t->left) * 3 + walk(t->right) : 1;
}

int main(int argc, char **argv)
{
    static struct tree trees[1 << 12];
    struct tree *pool = trees, *root = grow(&pool, 12);
    uint32_t sum = 0;
    long rounds = kernel_work(argc, argv, 80);
    for (long i = 0; i < rounds; i++) {
        sum = kernel_mix(sum, fibonacci(30));
        sum = kernel_mix(sum, ackermann(2, 700 + (uint32_t)i));
        for (int j = 0; j < 500; j++)
            sum = kernel_mix(sum, walk(root));
    }
    return kernel_done(sum);
}
