/* diff_test: compares the engine with the host CPU, instruction by
 * instruction. Coordinates worker processes; a worker that dies has found a
 * bug that broke the engine itself. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "compare.h"
#include "gen.h"
#include "opcodes.h"
#include "worker.h"

#define JOBS_MAX          64
#define WORKER_DEATHS_MAX 20
#define HANG_SECONDS      60
#define UNSTEADY_ONE_IN   50000 /* states; more contradictions than that fail */

static const char usage[] =
    "Usage: diff_test [OPTION]...\n"
    "Runs random instructions in the engine and on the host CPU and compares.\n\n"
    "  --seed N           what to generate (default 1)\n"
    "  --count N          cases to run (default 20000)\n"
    "  --states N         initial states per case, at most 32 (default 16)\n"
    "  --jobs N           worker processes (default: number of CPUs)\n"
    "  --seconds N        stop after that time (default: none)\n"
    "  --only MNEMONIC    only cases of this instruction, such as vpaddb\n"
    "  --case N           only case N of the seed; prints its code\n"
    "  --one-insn-per-tb  the engine translates instructions one by one\n"
    "  --native-only      run the host's side only, to test the tester\n"
    "  --list             list what is compared, and exit\n"
    "  --opcodes-md FILE  write docs/opcodes.md, and exit\n"
    "  --help             print this\n";

static struct progress *progress;
static pid_t workers[JOBS_MAX];
static uint64_t last_at[JOBS_MAX], last_states[JOBS_MAX];
static time_t last_change[JOBS_MAX];

static uint64_t number(const char *s)
{
    char *end;
    errno = 0;
    uint64_t v = strtoull(s, &end, 0);
    if (errno || *end || end == s) {
        fprintf(stderr, "diff_test: '%s' is not a number\n", s);
        exit(2);
    }
    return v;
}

static void parse(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {
        {"seed", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'n'},
        {"states", required_argument, NULL, 't'},
        {"jobs", required_argument, NULL, 'j'},
        {"seconds", required_argument, NULL, 'S'},
        {"only", required_argument, NULL, 'o'},
        {"case", required_argument, NULL, 'c'},
        {"one-insn-per-tb", no_argument, NULL, '1'},
        {"native-only", no_argument, NULL, 'N'},
        {"list", no_argument, NULL, 'l'},
        {"opcodes-md", required_argument, NULL, 'm'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int opt;
    while ((opt = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (opt) {
        case 's':
            o->seed = number(optarg);
            break;
        case 'n':
            o->count = number(optarg);
            break;
        case 't':
            o->states = (uint32_t)number(optarg);
            break;
        case 'j':
            o->jobs = (uint32_t)number(optarg);
            break;
        case 'S':
            o->seconds = (uint32_t)number(optarg);
            break;
        case 'o':
            o->only = optarg;
            break;
        case 'c':
            o->single = number(optarg);
            break;
        case '1':
            o->one_insn_per_tb = true;
            break;
        case 'N':
            o->native_only = true;
            break;
        case 'l':
            o->list = true;
            break;
        case 'm':
            o->opcodes_md = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc || !o->states || o->states > STATES_MAX || !o->jobs || o->jobs > JOBS_MAX) {
        fputs(usage, stderr);
        exit(2);
    }
}

static void start_worker(const struct options *o, unsigned i, uint64_t first_batch)
{
    fflush(NULL);
    atomic_store(&progress[i].at, NO_CASE);
    atomic_store(&progress[i].next, first_batch);
    last_change[i] = time(NULL);
    workers[i] = fork();
    if (workers[i] == 0) {
        worker_run(o, &progress[i], first_batch);
    }
    if (workers[i] < 0) {
        perror("diff_test: forking a worker");
        exit(2);
    }
}

/* A worker died, or hung and was killed: in the engine, at a known case. */
static void report_death(const struct options *o, unsigned i, int status)
{
    static struct diff_case c;
    static struct diff_state states[STATES_MAX];
    uint64_t at = atomic_load(&progress[i].at);
    if (at == NO_CASE) {
        fprintf(stderr, "diff_test: worker %u died (status 0x%x) outside of a case\n", i, status);
        exit(2);
    }
    fprintf(stderr,
            "CRASH (status 0x%x) in the engine in case %" PRIu64 "; rerun: %s --case %" PRIu64 "\n",
            status, at, o->rerun, at);
    gen_case(o->seed, at, o->states, &c, states);
    report_code(&c);
    atomic_fetch_add(&progress[i].mismatches, 1);
}

static void watch_for_hangs(const struct options *o)
{
    for (unsigned i = 0; i < o->jobs; i++) {
        uint64_t at = atomic_load(&progress[i].at), states = atomic_load(&progress[i].states);
        if (workers[i] <= 0 || at != last_at[i] || states != last_states[i] || at == NO_CASE) {
            last_at[i] = at;
            last_states[i] = states;
            last_change[i] = time(NULL);
        } else if (time(NULL) - last_change[i] > HANG_SECONDS) {
            fprintf(stderr, "diff_test: worker %u is stuck\n", i);
            kill(workers[i], SIGKILL);
            last_change[i] = time(NULL);
        }
    }
}

static void run_workers(const struct options *o)
{
    unsigned alive = o->jobs, deaths = 0;
    time_t start = time(NULL);
    for (unsigned i = 0; i < o->jobs; i++) {
        start_worker(o, i, i);
    }
    while (alive) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0) {
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
            watch_for_hangs(o);
            if (o->seconds && time(NULL) - start >= (time_t)o->seconds) {
                for (unsigned i = 0; i < o->jobs; i++) {
                    atomic_store(&progress[i].stop, 1);
                }
            }
            continue;
        }
        for (unsigned i = 0; i < o->jobs; i++) {
            if (workers[i] != pid) {
                continue;
            }
            workers[i] = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
                alive--;
                continue;
            }
            if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
                exit(2);
            }
            report_death(o, i, status);
            if (o->single != NO_CASE || ++deaths >= WORKER_DEATHS_MAX) {
                alive--;
            } else { /* goes on with the next batch: which of this one's cases are done is lost */
                start_worker(o, i, atomic_load(&progress[i].next) + o->jobs);
            }
        }
    }
}

static int summarise(const struct options *o, double seconds)
{
    uint64_t cases = 0, states = 0, mismatches = 0, dropped = 0, skipped = 0, crashes = 0;
    uint64_t faults = 0, unsteady = 0;
    for (unsigned i = 0; i < o->jobs; i++) {
        cases += progress[i].cases;
        states += progress[i].states;
        mismatches += progress[i].mismatches;
        dropped += progress[i].dropped;
        skipped += progress[i].skipped;
        crashes += progress[i].crashes;
        unsteady += progress[i].unsteady;
        for (unsigned s = 1; s < 64; s++) {
            faults += progress[i].faults[s];
        }
    }
    printf("seed %" PRIu64 ": %" PRIu64 " cases, %" PRIu64 " states (%" PRIu64
           " ending with a signal, %" PRIu64 " not comparable), %" PRIu64
           " cases dropped, host child lost %" PRIu64 " times, %.0f states/s\n",
           o->seed, cases, states, faults, skipped, dropped, crashes,
           seconds > 0 ? (double)states / seconds : 0.0);
    if (unsteady) {
        printf("%" PRIu64 " times the host contradicted itself\n", unsteady);
    }
    printf("%" PRIu64 " mismatches\n", mismatches);
    return mismatches || unsteady > states / UNSTEADY_ONE_IN + 1 ? 1 : 0;
}

int main(int argc, char **argv)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    struct options o = {.seed = 1,
                        .count = 20000,
                        .states = 16,
                        .single = NO_CASE,
                        .jobs = cpus > 0 && cpus <= JOBS_MAX ? (uint32_t)cpus : 1};
    char rerun[256];
    parse(argc, argv, &o);
    snprintf(rerun, sizeof(rerun), "%s --seed %" PRIu64 " --states %u%s%s%s", argv[0], o.seed,
             o.states, o.one_insn_per_tb ? " --one-insn-per-tb" : "", o.only ? " --only " : "",
             o.only ? o.only : "");
    o.rerun = rerun;
    xsave_init();
    forms_init();
    if (o.list || o.opcodes_md) {
        return opcodes_write(o.opcodes_md, o.list);
    }
    if (o.only && !forms_only(o.only)) {
        fprintf(stderr, "diff_test: no instruction '%s' can be compared (see --list)\n", o.only);
        return 2;
    }
    if (o.single != NO_CASE) {
        static struct diff_case c;
        static struct diff_state states[STATES_MAX];
        o.jobs = 1;
        gen_case(o.seed, o.single, o.states, &c, states);
        report_code(&c);
    }
    progress = mmap(NULL, o.jobs * sizeof(*progress), PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (progress == MAP_FAILED) {
        perror("diff_test: shared memory");
        return 2;
    }
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    run_workers(&o);
    clock_gettime(CLOCK_MONOTONIC, &t1);
    return summarise(&o,
                     (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec));
}
