/* Integer code of the kind embedded benchmarks are made of: a linked list
 * that is searched, reversed and merge-sorted; a small integer matrix; a
 * state machine that reads numbers; a CRC over all of it. */
#include <stddef.h>
#include <string.h>

#include "kernel.h"

struct node {
    struct node *next;
    int16_t key, value;
};

#define NODES 200
#define SIDE  12

static uint16_t crc16(uint16_t crc, uint32_t data)
{
    for (int i = 0; i < 16; i++) {
        unsigned carry = (crc ^ data) & 1u;
        crc = (uint16_t)(crc >> 1);
        data >>= 1;
        if (carry)
            crc ^= 0xa001;
    }
    return crc;
}

static struct node *list_reverse(struct node *list)
{
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

static const struct node *list_find(const struct node *list, int key)
{
    while (list && list->key != key)
        list = list->next;
    return list;
}

static struct node *list_merge(struct node *a, struct node *b)
{
    struct node head, *tail = &head;
    while (a && b) {
        struct node **lower = a->key <= b->key ? &a : &b;
        tail->next = *lower;
        tail = *lower;
        *lower = (*lower)->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

static struct node *list_sort(struct node *list, int count)
{
    if (count < 2)
        return list;
    struct node *last = list;
    for (int i = 1; i < count / 2; i++)
        last = last->next;
    struct node *second = last->next;
    last->next = NULL;
    return list_merge(list_sort(list, count / 2), list_sort(second, count - count / 2));
}

static int32_t matrix_work(int16_t a[SIDE][SIDE], int16_t b[SIDE][SIDE], int16_t seed)
{
    int32_t sum = 0;
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            int32_t cell = seed;
            for (int k = 0; k < SIDE; k++)
                cell += a[i][k] * b[k][j];
            sum += (cell >> 2 & 15) * (cell >> 5 & 127);
            a[i][j] = (int16_t)(a[i][j] + (cell & 3) - 1);
        }
    }
    return sum;
}

enum state { START, SIGN, DIGITS, POINT, FRACTION, EXPONENT, BAD, STATES };

static enum state next_state(enum state state, char c)
{
    int digit = c >= '0' && c <= '9';
    switch (state) {
    case START:
        return digit ? DIGITS : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : BAD;
    case SIGN:
        return digit ? DIGITS : c == '.' ? POINT : BAD;
    case DIGITS:
        return digit ? DIGITS : c == '.' ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case POINT:
    case FRACTION:
        return digit ? FRACTION : c == 'e' ? EXPONENT : BAD;
    case EXPONENT:
        return digit || c == '-' ? EXPONENT : BAD;
    default:
        return BAD;
    }
}

static void scan(const char *text, unsigned counts[STATES])
{
    enum state state = START;
    for (; *text; text++) {
        if (*text == ',') {
            counts[state]++;
            state = START;
        } else if (state != BAD) {
            state = next_state(state, *text);
        }
    }
}

int main(int argc, char **argv)
{
    static struct node nodes[NODES];
    static int16_t a[SIDE][SIDE], b[SIDE][SIDE];
    static const char text[] = "12,-3.5,+77e3,abc,.5,1.25e-3,-,99x,3141592,2.71828,-0.001,5e,";
    uint32_t random = 1, sum = 0;
    uint16_t crc = 0;

    for (int i = 0; i < NODES; i++) {
        nodes[i].key = (int16_t)(kernel_random(&random) & 1023);
        nodes[i].value = (int16_t)i;
        nodes[i].next = i + 1 < NODES ? &nodes[i + 1] : NULL;
    }
    for (int i = 0; i < SIDE; i++) {
        for (int j = 0; j < SIDE; j++) {
            a[i][j] = (int16_t)(kernel_random(&random) & 31);
            b[i][j] = (int16_t)(kernel_random(&random) & 31);
        }
    }

    struct node *list = nodes;
    long rounds = kernel_work(argc, argv, 28000);
    for (long round = 0; round < rounds; round++) {
        unsigned counts[STATES] = {0};
        for (int key = 0; key < 24; key++) {
            const struct node *found = list_find(list, (int)(kernel_random(&random) & 1023));
            list = list_reverse(list);
            crc = crc16(crc, found ? (uint32_t)found->value : 0xffffu);
        }
        for (struct node *n = list; n; n = n->next)
            n->key = (int16_t)((n->key * 5 + n->value + (int)round) & 1023);
        list = list_sort(list, NODES);
        crc = crc16(crc, (uint32_t)matrix_work(a, b, (int16_t)round));
        scan(text, counts);
        for (int i = 0; i < STATES; i++)
            crc = crc16(crc, counts[i]);
        sum = kernel_mix(sum, crc);
    }
    return kernel_done(sum);
}
