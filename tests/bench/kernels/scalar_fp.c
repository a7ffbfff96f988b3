/* Scalar double precision: planets under gravity, and Mandelbrot points.
 * Built without vectorisation. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernel.h"

#define BODIES 5

struct body {
    double x[3], v[3], mass;
};

static struct body bodies[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, 39.47},
    {{4.84, -1.16, -0.10}, {0.606, 2.81, -0.02}, 0.0377},
    {{8.34, 4.12, -0.4}, {-1.01, 1.82, 0.008}, 0.0113},
    {{12.89, -15.11, -0.22}, {1.08, 0.868, -0.01}, 0.0017},
    {{15.37, -25.9, 0.179}, {0.979, 0.594, -0.034}, 0.002},
};

static void advance(double dt)
{
    for (size_t i = 0; i < BODIES; i++) {
        for (size_t j = i + 1; j < BODIES; j++) {
            double d[3], square = 0;
            for (size_t k = 0; k < 3; k++) {
                d[k] = bodies[i].x[k] - bodies[j].x[k];
                square += d[k] * d[k];
            }
            double pull = dt / (square * sqrt(square));
            for (size_t k = 0; k < 3; k++) {
                bodies[i].v[k] -= d[k] * bodies[j].mass * pull;
                bodies[j].v[k] += d[k] * bodies[i].mass * pull;
            }
        }
    }
    for (size_t i = 0; i < BODIES; i++)
        for (size_t k = 0; k < 3; k++)
            bodies[i].x[k] += dt * bodies[i].v[k];
}

static unsigned mandelbrot(double cx, double cy)
{
    double x = 0, y = 0;
    unsigned n = 0;
    while (n < 200 && x * x + y * y < 4) {
        double t = x * x - y * y + cx;
        y = 2 * x * y + cy;
        x = t;
        n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    uint32_t sum = 0;
    long rounds = kernel_work(argc, argv, 8000000);
    for (long i = 0; i < rounds; i++) {
        advance(0.001);
        if (i % 8 == 0)
            sum += mandelbrot(-2 + (double)(i % 700) * 0.004, -1 + (double)(i / 700 % 500) * 0.004);
    }
    for (size_t i = 0; i < BODIES; i++) {
        uint64_t bits;
        memcpy(&bits, &bodies[i].x[0], sizeof bits);
        sum = kernel_mix(sum, (uint32_t)(bits ^ bits >> 32));
    }
    return kernel_done(sum);
}
