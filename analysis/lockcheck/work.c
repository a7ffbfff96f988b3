/* The workers. Each is a process of ours with a packet socket to it: a task's
 * number goes there, and when the unit is in the cache an answer comes back. A
 * worker has one task at a time, so when it dies we know of what. Units come
 * back through the cache files and not through the sockets: they are written
 * in any case.
 *
 * No thread is ever started here, so that fork is safe. */
#include "work.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS    64
#define MAX_MESSAGE 1024
#define IDLE        UINT32_MAX

struct worker {
    pid_t pid; /* 0: not running */
    int fd;
    uint32_t task; /* index of a command, or IDLE */
    gint64 deadline;
};

struct pool {
    struct work *work;
    const struct compile_db *db;
    struct findings *findings;
    GArray *tasks; /* of uint32_t: commands that have to be parsed */
    bool *failed;  /* by command */
    guint next, done;
    struct worker workers[MAX_JOBS];
};

static const struct compile_command *command_of(const struct pool *pool, uint32_t task)
{
    return pool->db->commands->pdata[task];
}

static void report(struct pool *pool, uint32_t task, const char *text)
{
    const struct ir_loc loc = {g_intern_string(command_of(pool, task)->file), 0, 0};

    findings_add(pool->findings, CHECK_INPUT, SEVERITY_ERROR, loc, NULL, "%s", text);
    pool->failed[task] = true;
}

/* Parses and saves; what went wrong, to be freed, or NULL. */
static char *do_task(const struct pool *pool, uint32_t task)
{
    const struct compile_command *command = command_of(pool, task);
    struct ir_unit *unit = pool->work->parse(command);
    char *message = NULL;

    if (store_save(pool->work->store, command, unit, &message) == 0) {
        g_clear_pointer(&message, g_free);
    }
    ir_unit_free(unit);
    return message;
}

static void worker_run(const struct pool *pool, int fd) G_GNUC_NORETURN;

static void worker_run(const struct pool *pool, int fd)
{
    uint32_t task;

    while (recv(fd, &task, sizeof(task), 0) == (ssize_t)sizeof(task)) {
        char *message = do_task(pool, task);
        const char *answer = message ? message : "";

        if (send(fd, answer, strnlen(answer, MAX_MESSAGE - 1) + 1, MSG_NOSIGNAL) < 0) {
            break;
        }
        g_free(message);
    }
    _exit(0);
}

static bool worker_start(struct pool *pool, struct worker *worker)
{
    pid_t parent = getpid();
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) {
        return false;
    }
    (void)fflush(NULL);
    worker->pid = fork();
    if (worker->pid < 0) {
        worker->pid = 0;
        close(fds[0]);
        close(fds[1]);
        return false;
    }
    if (worker->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(1);
        }
        close(fds[0]);
        for (unsigned i = 0; i < MAX_JOBS; i++) {
            if (&pool->workers[i] != worker && pool->workers[i].pid) {
                close(pool->workers[i].fd);
            }
        }
        worker_run(pool, fds[1]);
    }
    close(fds[1]);
    worker->fd = fds[0];
    worker->task = IDLE;
    return true;
}

/* Its end, and what wait says of it. */
static int worker_stop(struct worker *worker)
{
    int status = 0;

    close(worker->fd);
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR) {
    }
    worker->pid = 0;
    worker->task = IDLE;
    return status;
}

static void progress(const struct pool *pool, uint32_t task)
{
    if (pool->work->progress) {
        const char *file = command_of(pool, task)->file;
        size_t length = strlen(file);

        /* The end of a long path says more than its start. */
        fprintf(stderr, "\r[%u/%u] %s\033[K", pool->done + 1, pool->tasks->len,
                length > 60 ? file + length - 60 : file);
        (void)fflush(stderr);
    }
}

/* Gives the worker something to do, if there is anything. */
static void worker_feed(struct pool *pool, struct worker *worker)
{
    uint32_t task;

    if (pool->next == pool->tasks->len) {
        return;
    }
    task = g_array_index(pool->tasks, uint32_t, pool->next);
    if (send(worker->fd, &task, sizeof(task), MSG_NOSIGNAL) == (ssize_t)sizeof(task)) {
        progress(pool, task);
        pool->next++;
        worker->task = task;
        worker->deadline = g_get_monotonic_time() + (gint64)pool->work->timeout * G_USEC_PER_SEC;
    } else {
        (void)worker_stop(worker);
    }
}

static void worker_died(struct pool *pool, struct worker *worker, bool timed_out)
{
    uint32_t task = worker->task;
    int status;
    char *text;

    if (timed_out) {
        kill(worker->pid, SIGKILL);
    }
    status = worker_stop(worker);
    if (task == IDLE) {
        return;
    }
    if (timed_out) {
        text = g_strdup_printf("parsing it took longer than %u s and was given up",
                               pool->work->timeout);
    } else if (WIFSIGNALED(status)) {
        text = g_strdup_printf("the parser crashed on it: %s", g_strsignal(WTERMSIG(status)));
    } else {
        text = g_strdup_printf("the parser ended on it with status %d", WEXITSTATUS(status));
    }
    report(pool, task, text);
    pool->done++;
    g_free(text);
}

static void worker_answered(struct pool *pool, struct worker *worker)
{
    char message[MAX_MESSAGE];
    ssize_t n = recv(worker->fd, message, sizeof(message) - 1, 0);

    if (n <= 0) {
        worker_died(pool, worker, false);
        return;
    }
    message[n] = '\0';
    if (message[0]) {
        report(pool, worker->task, message);
    }
    worker->task = IDLE;
    pool->done++;
}

/* Waits until a worker answers, dies or has had its time. */
static void wait_for_workers(struct pool *pool, unsigned jobs)
{
    struct pollfd polls[MAX_JOBS];
    struct worker *who[MAX_JOBS];
    nfds_t count = 0;
    gint64 now = g_get_monotonic_time(), first = G_MAXINT64;

    for (unsigned i = 0; i < jobs; i++) {
        struct worker *worker = &pool->workers[i];

        if (worker->pid && worker->task != IDLE) {
            polls[count] = (struct pollfd){.fd = worker->fd, .events = POLLIN};
            who[count++] = worker;
            first = MIN(first, worker->deadline);
        }
    }
    if (poll(polls, count, (int)(MAX(first - now, 0) / 1000 + 1)) < 0) {
        return;
    }
    now = g_get_monotonic_time();
    for (nfds_t i = 0; i < count; i++) {
        if (polls[i].revents) {
            worker_answered(pool, who[i]);
        } else if (now > who[i]->deadline) {
            worker_died(pool, who[i], true);
        }
    }
}

/* As many workers as there is work for; false if none can be had. */
static bool keep_busy(struct pool *pool, unsigned jobs)
{
    bool busy = false;

    for (unsigned i = 0; i < jobs; i++) {
        struct worker *worker = &pool->workers[i];

        if (!worker->pid && pool->next < pool->tasks->len && !worker_start(pool, worker)) {
            continue;
        }
        if (worker->pid && worker->task == IDLE) {
            worker_feed(pool, worker);
        }
        busy = busy || (worker->pid && worker->task != IDLE);
    }
    return busy;
}

static void run_tasks(struct pool *pool)
{
    unsigned jobs = MIN(MIN(pool->work->jobs, MAX_JOBS), pool->tasks->len);

    while (pool->done < pool->tasks->len) {
        if (keep_busy(pool, jobs)) {
            wait_for_workers(pool, jobs);
        } else if (pool->next < pool->tasks->len) {
            /* No process can be made: by ourselves, then. */
            uint32_t task = g_array_index(pool->tasks, uint32_t, pool->next++);
            char *message = do_task(pool, task);

            if (message) {
                report(pool, task, message);
            }
            g_free(message);
            pool->done++;
        }
    }
    for (unsigned i = 0; i < MAX_JOBS; i++) {
        if (pool->workers[i].pid) {
            (void)worker_stop(&pool->workers[i]);
        }
    }
    if (pool->work->progress && pool->tasks->len > 0) {
        fputs("\r\033[K", stderr);
    }
}

GPtrArray *work_units(struct work *work, const struct compile_db *db, struct findings *findings)
{
    struct pool pool = {.work = work, .db = db, .findings = findings};
    struct ir_unit **units = g_new0(struct ir_unit *, db->commands->len + 1);
    GPtrArray *out = g_ptr_array_new();

    pool.failed = g_new0(bool, db->commands->len + 1);
    pool.tasks = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    for (uint32_t i = 0; i < db->commands->len; i++) {
        const struct compile_command *command = db->commands->pdata[i];

        if (access(command->file, R_OK) != 0) {
            report(&pool, i, g_strerror(errno));
            continue;
        }
        units[i] = work->use_cache ? store_load(work->store, command) : NULL;
        if (units[i] && units[i]->errors->len > 0) {
            /* What was missing may be there now: it is no dependency. */
            g_clear_pointer(&units[i], ir_unit_free);
        }
        if (units[i]) {
            work->cached++;
        } else {
            g_array_append_val(pool.tasks, i);
        }
    }
    run_tasks(&pool);
    for (guint t = 0; t < pool.tasks->len; t++) {
        uint32_t task = g_array_index(pool.tasks, uint32_t, t);

        if (!pool.failed[task]) {
            units[task] = store_load_new(work->store, command_of(&pool, task));
            if (!units[task]) {
                report(&pool, task, "what was written to the cache could not be read back");
            }
        }
    }
    for (uint32_t i = 0; i < db->commands->len; i++) {
        if (units[i]) {
            g_ptr_array_add(out, units[i]);
        }
    }
    work->parsed = out->len - work->cached;
    g_array_unref(pool.tasks);
    g_free(pool.failed);
    g_free(units);
    return out;
}
