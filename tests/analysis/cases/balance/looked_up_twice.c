/* One function finds a page and leaves with its lock, another finds the same
 * page by its number and drops it. */
#include <pthread.h>
#include <stddef.h>

struct page {
    pthread_mutex_t lock;
    size_t used;
    unsigned id;
};

struct store {
    struct page *pages;
    struct page **open;
};

struct request {
    unsigned page;
    size_t length;
};

int store_reserve(struct store *store, unsigned bucket, struct request *request);
void store_commit(struct store *store, struct request *request);
int store_write(struct store *store, struct request *request);

/* 0 with the page locked, or -1. */
int store_reserve(struct store *store, unsigned bucket, struct request *request)
{
    struct page *page = store->open[bucket];

    if (!page) {
        return -1;
    }
    pthread_mutex_lock(&page->lock); /* expect-note: balance */
    if (page->used + request->length > 4096) {
        pthread_mutex_unlock(&page->lock);
        return -1;
    }
    request->page = page->id;
    return 0;
}

void store_commit(struct store *store, struct request *request)
{
    struct page *page = &store->pages[request->page];

    page->used += request->length;
    pthread_mutex_unlock(&page->lock);
}

int store_write(struct store *store, struct request *request)
{
    if (store_reserve(store, 0, request) != 0) {
        return -1;
    }
#ifdef FAULTY
    if (request->length == 0) {
        return -1; /* expect: balance */
    }
#endif
    store_commit(store, request);
    return 0;
}
