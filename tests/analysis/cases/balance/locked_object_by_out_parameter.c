/* On success the object comes back by pointer, locked. */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "contracts.h"

struct cart {
    pthread_mutex_t lock;
    int id;
    int items GUARDED_BY(lock);
};

struct shop {
    struct cart carts[8];
};

int shop_buy(struct shop *shop, int id, int count);

static int cart_get(struct shop *shop, int id, struct cart **out)
{
    if (id < 0 || id >= 8) {
        return -ENOENT;
    }
    pthread_mutex_lock(&shop->carts[id].lock);
    *out = &shop->carts[id];
    return 0;
}

static void cart_put(struct cart *cart)
{
    pthread_mutex_unlock(&cart->lock);
}

int shop_buy(struct shop *shop, int id, int count)
{
    struct cart *cart;
    int result = cart_get(shop, id, &cart); /* expect-note: balance */

    if (result < 0) {
        return result;
    }
    if (count <= 0) {
#ifndef FAULTY
        cart_put(cart);
#endif
        return -EINVAL; /* expect: balance */
    }
    cart->items += count;
    cart_put(cart);
    return 0;
}
