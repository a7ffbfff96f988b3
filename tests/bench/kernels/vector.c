/* AVX2 and FMA by hand: a single-precision matrix multiplication, and a
 * population count by table look-up in registers. */
#include <immintrin.h>
#include <stddef.h>

#include "kernel.h"

#define SIDE  256
#define BYTES 65536

static float a[SIDE][SIDE], b[SIDE][SIDE], c[SIDE][SIDE];
static uint8_t bytes[BYTES];

static void multiply(void)
{
    for (size_t i = 0; i < SIDE; i += 2) {
        for (size_t j = 0; j < SIDE; j += 16) {
            __m256 sum[2][2] = {{_mm256_setzero_ps(), _mm256_setzero_ps()},
                                {_mm256_setzero_ps(), _mm256_setzero_ps()}};
            for (size_t k = 0; k < SIDE; k++) {
                __m256 left = _mm256_loadu_ps(&b[k][j]), right = _mm256_loadu_ps(&b[k][j + 8]);
                for (size_t r = 0; r < 2; r++) {
                    __m256 factor = _mm256_broadcast_ss(&a[i + r][k]);
                    sum[r][0] = _mm256_fmadd_ps(factor, left, sum[r][0]);
                    sum[r][1] = _mm256_fmadd_ps(factor, right, sum[r][1]);
                }
            }
            for (size_t r = 0; r < 2; r++) {
                _mm256_storeu_ps(&c[i + r][j], sum[r][0]);
                _mm256_storeu_ps(&c[i + r][j + 8], sum[r][1]);
            }
        }
    }
}

static uint64_t count_bits(void)
{
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                           2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low = _mm256_set1_epi8(15);
    __m256i total = _mm256_setzero_si256();
    for (size_t i = 0; i < BYTES; i += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i_u *)&bytes[i]);
        __m256i n = _mm256_add_epi8(
            _mm256_shuffle_epi8(table, _mm256_and_si256(v, low)),
            _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), low)));
        total = _mm256_add_epi64(total, _mm256_sad_epu8(n, _mm256_setzero_si256()));
    }
    uint64_t part[4];
    _mm256_storeu_si256((__m256i_u *)part, total);
    return part[0] + part[1] + part[2] + part[3];
}

int main(int argc, char **argv)
{
    uint32_t random = 1, sum = 0;
    for (size_t i = 0; i < SIDE; i++) {
        for (size_t j = 0; j < SIDE; j++) {
            a[i][j] = (float)((i * 7 + j) % 13) / 16;
            b[i][j] = (float)((i + j * 3) % 11) / 8;
        }
    }
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)kernel_random(&random);
    long rounds = kernel_work(argc, argv, 1000);
    for (long i = 0; i < rounds; i++) {
        multiply();
        a[i % SIDE][0] += 0.25f;
        bytes[i % BYTES]++;
        sum = kernel_mix(sum, (uint32_t)(c[i % SIDE][17] * 128) + (uint32_t)count_bits());
    }
    return kernel_done(sum);
}
