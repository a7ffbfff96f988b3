#include "loop.h"

struct request {
    int status OWNED_BY("loop");
    int answer IMMUTABLE;
};

void request_reply(struct request *request)
{
    request->status = 200;
}

static void reply_later(void *opaque)
{
    request_reply(opaque);
}

static void compute(void *opaque)
{
#ifdef FAULTY
    request_reply(opaque); /* expect: thread-role */
#else
    loop_post(reply_later, opaque);
#endif
}

void request_start(struct request *request)
{
    pool_submit(compute, request); /* expect-note: thread-role */
    loop_post(reply_later, request);
}
