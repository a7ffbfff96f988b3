/* The C library's string functions on short and on long strings, number
 * formatting and parsing. Built with -fno-builtin, so that the calls are
 * made. */
#include <stddef.h>
#include <string.h>

#include "kernel.h"

#define TEXT 4096

int main(int argc, char **argv)
{
    static char text[TEXT + 1], copy[TEXT + 1];
    uint32_t random = 1, sum = 0;
    for (size_t i = 0; i < TEXT; i++)
        text[i] = kernel_random(&random) % 6 ? (char)('a' + kernel_random(&random) % 26) : ' ';
    long rounds = kernel_work(argc, argv, 40000);
    for (long round = 0; round < rounds; round++) {
        memcpy(copy, text, sizeof copy);
        copy[round % TEXT] = '#';
        sum += (uint32_t)strlen(copy) + (uint32_t)memcmp(text, copy, TEXT);
        sum = kernel_mix(sum, (uint32_t)(strchr(copy, '#') - copy));
        sum += strstr(copy, "zq#") != NULL;
        char *state = NULL;
        for (char *word = strtok_r(copy, " #", &state); word; word = strtok_r(NULL, " #", &state)) {
            size_t length = strlen(word);
            if (length > 3 && strncmp(word, "ab", 2) != 0)
                sum = kernel_mix(sum, (uint32_t)(unsigned char)word[length - 1]);
        }
        for (int i = 0; i < 20; i++) {
            char number[64];
            snprintf(number, sizeof number, "%d:%08x:%s", (int)(random >> 4), (unsigned)random,
                     "tail");
            sum = kernel_mix(sum, (uint32_t)strtol(number, NULL, 10));
            kernel_random(&random);
        }
        memset(copy, (int)(sum & 127), TEXT / 2);
        memmove(copy + 3, copy, TEXT / 2);
        sum += (uint32_t)(unsigned char)copy[100];
    }
    return kernel_done(sum);
}
