/* The worker's end of the native side: forks the child, hands it batches,
 * gives up runs that don't end, and replaces the child when guest code has
 * destroyed it. */
#include "native.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "native_child.h"

#define PATIENCE_MS 20  /* a run that makes no progress for so long is given up */
#define KILL_AFTER  100 /* such periods after which the child is beyond help */

static uint8_t *code_alias;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "diff_test: %s: %s\n", what, strerror(errno));
    exit(2);
}

uint8_t *native_code(int region)
{
    return code_alias + (size_t)region * CODE_SIZE;
}

void native_init(struct native *n, struct batch *batch)
{
    signal(SIGALRM, SIG_IGN); /* in the child too, until it has its handler */
    *n = (struct native){.batch = batch, .to_child = -1, .from_child = -1};
    signal(SIGPIPE, SIG_IGN); /* a child that died between batches is replaced */
    n->code_fd = memfd_create("diff-code", MFD_CLOEXEC);
    if (n->code_fd < 0 || ftruncate(n->code_fd, (off_t)REGIONS * CODE_SIZE)) {
        die("creating guest code memory");
    }
    code_alias =
        mmap(NULL, (size_t)REGIONS * CODE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, n->code_fd, 0);
    if (code_alias == MAP_FAILED) {
        die("mapping guest code memory");
    }
    memset(code_alias, 0xcc, (size_t)REGIONS * CODE_SIZE);
}

static void start_child(struct native *n)
{
    int req[2], ans[2];
    if (pipe(req) || pipe(ans)) {
        die("creating a pipe");
    }
    fflush(NULL);
    n->pid = fork();
    if (n->pid < 0) {
        die("forking the native child");
    }
    if (n->pid == 0) {
        close(req[1]);
        close(ans[0]);
        native_child(n->batch, n->code_fd, req[0], ans[1]);
    }
    close(req[0]);
    close(ans[1]);
    n->to_child = req[1];
    n->from_child = ans[0];
}

void native_stop(struct native *n)
{
    if (n->pid > 0) {
        kill(n->pid, SIGKILL);
        waitpid(n->pid, NULL, 0);
        close(n->to_child);
        close(n->from_child);
        n->pid = 0;
    }
}

/* Waits for the child's answer. False: the child is gone. */
static bool await(struct native *n)
{
    struct batch *b = n->batch;
    uint64_t seen = atomic_load(&b->run);
    unsigned stuck = 0;
    for (;;) {
        struct pollfd p = {.fd = n->from_child, .events = POLLIN};
        int ready = poll(&p, 1, PATIENCE_MS);
        if (ready > 0) {
            uint32_t answer;
            return read(n->from_child, &answer, sizeof(answer)) == sizeof(answer);
        }
        if (ready < 0) {
            continue; /* EINTR */
        }
        uint64_t now = atomic_load(&b->run);
        if (now != seen) {
            seen = now;
            stuck = 0;
        } else if (++stuck >= KILL_AFTER) {
            return false;
        } else {
            atomic_store(&b->cancel, now);
            kill(n->pid, SIGALRM);
            n->timeouts += stuck == 1;
        }
    }
}

void native_run(struct native *n)
{
    struct batch *b = n->batch;
    uint32_t first = 0;
    while (first < b->case_count) {
        if (!n->pid) {
            start_child(n);
        }
        atomic_store(&b->at_case, first);
        if (write(n->to_child, &first, sizeof(first)) == sizeof(first) && await(n)) {
            return;
        }
        native_stop(n);
        n->crashes++;
        first = atomic_load(&b->at_case);
        b->cases[first++].dropped = true;
    }
}
