/* The C library's qsort with a comparison callback, on integers and on
 * strings. */
#include <stddef.h>
#include <string.h>

#include "kernel.h"

#define NUMBERS 400000
#define WORDS   60000

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(a, b);
}

int main(int argc, char **argv)
{
    static uint32_t numbers[NUMBERS];
    static char words[WORDS][12];
    uint32_t random = 1, sum = 0;
    long rounds = kernel_work(argc, argv, 8);
    for (long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < NUMBERS; i++)
            numbers[i] = kernel_random(&random);
        for (size_t i = 0; i < WORDS; i++)
            for (size_t j = 0; j < 8; j++)
                words[i][j] = (char)('a' + kernel_random(&random) % 5);
        qsort(numbers, NUMBERS, sizeof numbers[0], compare_numbers);
        qsort(words, WORDS, sizeof words[0], compare_words);
        for (size_t i = 0; i < NUMBERS; i += 1000)
            sum = kernel_mix(sum, numbers[i]);
        for (size_t i = 0; i < WORDS; i += 100)
            sum = kernel_mix(sum, (uint32_t)words[i][7]);
    }
    return kernel_done(sum);
}
