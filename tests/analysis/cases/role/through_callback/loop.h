/* Work posted to the loop runs on the loop's thread, work given to the pool
 * on a worker. */
#ifndef LOOP_H
#define LOOP_H

#include "contracts.h"

typedef void work_function(void *opaque);

void loop_post(work_function *work THREAD_ENTRY("loop"), void *opaque);
void pool_submit(work_function *work THREAD_ENTRY("worker"), void *opaque);

struct request;
void request_reply(struct request *request) ROLE("loop");
void request_start(struct request *request);

#endif
