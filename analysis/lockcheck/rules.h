/* What the checker knows of functions and types by name: pthread, C11
 * threads, glib, liburcu, Concurrency Kit, the C library's blocking calls, and
 * what the project's configuration file adds. A function with annotations
 * (annotation.h) needs no rule; annotations win over rules. */
#ifndef LOCKCHECK_RULES_H
#define LOCKCHECK_RULES_H

#include "ir.h"

enum rule_kind {
    RULE_ACQUIRE,     /* the lock that argument `lock` points to */
    RULE_TRY_ACQUIRE, /* held if the result is `success` (RESULT_ZERO, RESULT_NONZERO) */
    RULE_RELEASE,
    RULE_INIT, /* of a lock: it is not held, and not shared yet */
    RULE_DESTROY,
    RULE_WAIT,   /* condition wait: releases and takes `lock` again, blocks */
    RULE_SIGNAL, /* on a condition, argument 0: ends such waits */
    RULE_RCU_READ_LOCK,
    RULE_RCU_READ_UNLOCK,
    RULE_RCU_SYNCHRONIZE, /* waits for a grace period */
    RULE_RCU_DEREFERENCE, /* result: pointer read in a section; argument `lock`: the place */
    RULE_RCU_ASSIGN,      /* publishes */
    RULE_RCU_CALL, /* argument `callback` is called after a grace period, on thread role "rcu" */
    RULE_RCU_BARRIER,
    RULE_THREAD_CREATE, /* argument `callback` becomes the start of a thread; `data` is its argument
                         */
    RULE_THREAD_JOIN,   /* waits for a thread to end */
    RULE_CALLBACK,      /* argument `callback` is called before the call returns (qsort, bsearch) */
    RULE_CALLBACK_LATER, /* argument `callback` is called some time on a thread of `role` (bottom
                            half, timer) */
    RULE_BLOCK,          /* may sleep */
    RULE_FREE,           /* frees argument `lock`: RCU escape check */
    RULE_NORETURN,
};

enum rule_mode { RULE_EXCLUSIVE, RULE_SHARED, RULE_ANY };
enum rule_result { RESULT_ZERO, RESULT_NONZERO };

struct rule {
    const char *function; /* a name; a trailing * matches any ending */
    enum rule_kind kind;
    enum rule_mode mode;
    enum rule_result success; /* TRY_ACQUIRE */
    int lock; /* argument number from 0, or -1: a lock without object, `capability` */
    int callback;
    int data;
    const char *capability; /* lock == -1: its name, "rcu" say */
    const char *role;
    bool nonblocking; /* the lock is a spinlock: nothing under it may block */
};

enum lock_recursion { LOCK_PLAIN, LOCK_RECURSIVE, LOCK_READ_RECURSIVE };

struct lock_type {
    const char *type; /* name of the type: "pthread_mutex_t" */
    enum lock_recursion recursion;
    bool nonblocking;
};

struct rules;

/* The built-in rules. */
struct rules *rules_new(void);
void rules_free(struct rules *rules);
/* Adds those of a configuration file (rules_config.c says its form; GKeyFile).
 * 0, or -EINVAL and *message (to be freed by g_free) "file:line: text". */
int rules_load(struct rules *rules, const char *path, char **message) G_GNUC_WARN_UNUSED_RESULT;
int rules_parse(struct rules *rules, const char *name, const char *text, gsize length,
                char **message) G_GNUC_WARN_UNUSED_RESULT;

/* All rules for a function (several are possible: a callback and blocking),
 * as a NULL-terminated array owned by `rules`; never NULL. */
const struct rule *const *rules_of(const struct rules *rules, const char *function);
const struct lock_type *rules_lock_type(const struct rules *rules, const char *type_name);

/* What a configuration says of functions, fields and globals by name is added
 * to a unit's declarations as annotations (annotation.h): whoever reads those
 * needs not know where they came from. */
void rules_annotate(const struct rules *rules, struct ir_unit *unit);
/* Names in the configuration that rules_annotate has found nowhere, as
 * "file:line: text" (to be freed by g_ptr_array_unref). */
GPtrArray *rules_unknown_names(const struct rules *rules);
/* The values of a key of the group [project], NULL-terminated; NULL if it is
 * not there. */
const char *const *rules_project(const struct rules *rules, const char *key);

#endif
