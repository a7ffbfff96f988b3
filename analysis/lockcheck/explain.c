/* What each check is called, what it means and how to mend what it finds: the
 * texts behind --list-checks, --explain and the help of SARIF rules. Written
 * for somebody who meets the checker in a failed build. */
#include "finding.h"

#include <string.h>

struct check_text {
    const char *name;
    const char *summary;
    const char *explanation;
};

static const struct check_text texts[CHECK_COUNT] = {
    [CHECK_LOCK_ORDER] =
        {"lock-order", "locks are taken in orders that contradict each other",
         "Somewhere a lock of class A is held while one of class B is taken, and somewhere else,\n"
         "directly or through further classes, A is taken while B is held. Two threads in those\n"
         "places at once wait for each other for ever. A class is all locks that one declaration\n"
         "stands for: every `lock` of every `struct queue` is one class.\n"
         "\n"
         "The notes show, for each edge of the cycle, how it comes about: where the first lock is\n"
         "taken and the chain of calls that leads to the second.\n"
         "\n"
         "    void f(void) { lock(&a); lock(&b); ... }\n"
         "    void g(void) { lock(&b); lock(&a); ... }      // against f\n"
         "\n"
         "To mend it, choose one order and break the edge that is against it: release the first\n"
         "lock before the call, take both in the chosen order from the start, or take the second\n"
         "with a trylock and back off. If all paths of one edge hold a further lock that all "
         "paths\n"
         "of the other hold too, no deadlock is possible; say so in a suppression's reason.\n"},
    [CHECK_SELF_DEADLOCK] =
        {"self-deadlock", "a lock is taken by a thread that already holds it",
         "The lock that is taken here is held on the way here, and its type is not recursive: the\n"
         "thread waits for itself. For a lock taken for reading twice the danger is a writer that\n"
         "comes to wait in between; types that let readers in ahead of writers are known as\n"
         "read-recursive and not reported. What is taken again in a call that never returns, an\n"
         "error handler that ends the program, is a note.\n"
         "\n"
         "Usually a public function that takes the lock is called from one that has it. Split it\n"
         "into an inner function that requires the lock (LOCKCHECK_REQUIRES) and an outer one "
         "that\n"
         "takes it, and call the inner one. If two objects of the type are meant and the checker\n"
         "takes them for the same, compare them in the code (`if (a != b)`) or declare the class\n"
         "keyed (see key-order).\n"},
    [CHECK_DECLARED_ORDER] =
        {"declared-order", "locks are taken against the order that the code declares",
         "LOCKCHECK_ACQUIRED_AFTER, LOCKCHECK_ACQUIRED_BEFORE, clang's acquired_after and\n"
         "acquired_before, or `after` in the configuration declare an order of lock classes. Here\n"
         "a path takes two classes against it, or two classes that the declared order, which\n"
         "covers both, does not put into any relation. No cycle is needed: the declared order is\n"
         "what everybody relies on when they write the other half.\n"
         "\n"
         "Either the path is wrong and must take its locks the other way round, or the "
         "declaration\n"
         "is out of date: then change it, and see whether the rest of the program still fits.\n"},
    [CHECK_UNUSED_ORDER] =
        {"unused-order", "a declared order that no path of the program uses",
         "The code declares that one lock is taken after another, and no path that the checker\n"
         "sees ever holds both. That is no mistake; it is listed so that declarations do not\n"
         "outlive the code they were made for. Remove the declaration, or keep it if it is meant\n"
         "for code that is not part of this program.\n"},
    [CHECK_CONTRACT] =
        {"contract", "a function or a call does not keep to a declared contract",
         "A function, or a function pointer, says which locks its caller holds (requires), must\n"
         "not hold (excludes), and which it takes or releases (acquire, release). Reported are:\n"
         "\n"
         "  - a call without the lock that the callee requires, or with one that it excludes;\n"
         "  - a function stored in a pointer whose contract does not fit it: it requires a lock\n"
         "    that callers of the pointer need not hold, or takes and releases differently;\n"
         "  - a function whose body does something else than its own contract says.\n"
         "\n"
         "    struct ops { void (*flush)(struct queue *q) LOCKCHECK_REQUIRES(&q->lock); };\n"
         "\n"
         "Take the lock before the call, or correct the contract; the notes show where it "
         "stands.\n"},
    [CHECK_UNSTATED] =
        {"unstated-contract", "a function relies on what its callers hold and does not say so",
         "The function touches guarded data, calls what requires a lock, or releases a lock, and\n"
         "has not taken the lock itself: its callers have. Without a contract they are found by\n"
         "looking at all of them, so nothing is wrong in the program as it is; but whoever writes\n"
         "the next caller cannot know, and the compiler checks nothing.\n"
         "\n"
         "This check is for programs that state all their contracts, and is off unless it is\n"
         "enabled. Say LOCKCHECK_REQUIRES of the function, or, of a parameter whose object nobody\n"
         "else can see yet, LOCKCHECK_PRIVATE.\n"},
    [CHECK_UNRESOLVED] =
        {"unresolved-call", "a call through a pointer whose targets are unknown",
         "The call goes through a function pointer, and nothing in the program is seen to be\n"
         "stored in that pointer, so the checker does not know what it calls and assumes that it\n"
         "takes no lock and does not block. Each one is a hole in the proof.\n"
         "\n"
         "Give the pointer a contract (LOCKCHECK_REQUIRES and so on on the member or parameter),\n"
         "which then holds for whatever is stored in it. Or make the file that stores into it "
         "part\n"
         "of the run: is it in compile_commands.json, and not excluded?\n"},
    [CHECK_ROLE] =
        {"thread-role", "code that is bound to one kind of thread runs on another",
         "A role is a kind of thread: the main loop, a worker, a signal handler. A function with\n"
         "LOCKCHECK_ROLE(r) may run on threads of role r only. Roles start at thread entries (the\n"
         "function given to pthread_create, a callback that a wrapper runs later, an `entry` of\n"
         "the configuration) and flow down through calls. Here a role-bound function is reached\n"
         "from an entry of another role; the notes are the path.\n"
         "\n"
         "Hand the work over to the right thread (a queue, a bottom half) instead of doing it\n"
         "here; or, if the function is fine on both, drop its role and say what guards its "
         "data.\n"},
    [CHECK_BLOCKING] =
        {"blocking", "something that may sleep is done where nothing may",
         "While a spinlock is held others burn their processor waiting for it, and while an RCU\n"
         "read section lasts nobody's grace period ends; sleeping in either stalls the program or\n"
         "deadlocks it. A call here may block: it is known to (read, poll, pthread_join, a "
         "condition\n"
         "wait, a mutex), or is annotated LOCKCHECK_MAY_BLOCK, or calls something that is.\n"
         "\n"
         "The notes lead from here down to what blocks. Move the call behind the unlock, or make\n"
         "the lock a mutex. If the callee cannot block where it is called from here, say so on "
         "it:\n"
         "LOCKCHECK_BLOCKING_OK(\"reason\").\n"},
    [CHECK_SHARING] =
        {"sharing", "shared data does not say who may touch it",
         "A mutable global, or a field of a structure that code of two thread roles reaches, is\n"
         "neither guarded by a lock, nor atomic, nor constant after initialisation, nor owned by\n"
         "one role. Either it is a race or the rule that prevents the race is only in somebody's\n"
         "head. Say which:\n"
         "\n"
         "    int length LOCKCHECK_GUARDED_BY(&lock);   // only with this lock\n"
         "    size_t limit LOCKCHECK_IMMUTABLE;         // written before it is shared\n"
         "    struct item *local LOCKCHECK_OWNED_BY(worker);\n"
         "    struct item *head LOCKCHECK_RCU;          // RCU-protected pointer\n"
         "    _Atomic(int) users;                       // needs no annotation\n"},
    [CHECK_GUARD] =
        {"missing-guard", "guarded data is touched without its lock",
         "The field or variable is declared LOCKCHECK_GUARDED_BY (or clang's guarded_by) some "
         "lock,\n"
         "and on the path here that lock is not held, or is held for reading where this writes.\n"
         "\n"
         "Take the lock around the access; or, if every caller has it, say LOCKCHECK_REQUIRES on\n"
         "this function, and the checker will look at the callers instead. Objects that are not\n"
         "visible to others yet (fresh from malloc, before they are stored anywhere) are not\n"
         "reported.\n"},
    [CHECK_RCU] =
        {"rcu", "an RCU-protected pointer is used against the rules",
         "For a pointer declared LOCKCHECK_RCU: it is read with rcu_dereference, in a read "
         "section\n"
         "or by the writer under its lock; what was read is not used after the section has ended,\n"
         "nor stored somewhere that outlives it; it is published with rcu_assign_pointer, and "
         "what\n"
         "it pointed to is freed only after a grace period (call_rcu, or free after\n"
         "synchronize_rcu). And nobody waits for a grace period within a read section, or holding\n"
         "a lock that read sections take.\n"
         "\n"
         "Extend the section to the last use, or take a reference inside it; free through "
         "call_rcu.\n"},
    [CHECK_BALANCE] =
        {"balance", "a way out of the function keeps a lock that others release",
         "On some path through the function a lock is taken and still held at the return, while\n"
         "others release it, or while the function's contract does not say that it acquires\n"
         "anything. Most often an early return, or a goto that jumps past the unlock.\n"
         "\n"
         "Release it on that path: jump to the common exit, or use a scope guard\n"
         "(__attribute__((cleanup))), which the checker understands. A function that hands a held\n"
         "lock to its caller on purpose says LOCKCHECK_ACQUIRE, and LOCKCHECK_TRY_ACQUIRE if it\n"
         "depends on the result.\n"},
    [CHECK_DOUBLE_RELEASE] =
        {"double-release", "a lock is released that is not held",
         "On the path here the lock has been released already, or was never taken, and neither is\n"
         "it held by contract. With most lock types that silently corrupts the lock, or frees it\n"
         "while somebody else holds it.\n"
         "\n"
         "Remove the unlock, or separate the paths with and without the lock. A function that\n"
         "releases what its caller holds says LOCKCHECK_RELEASE.\n"},
    [CHECK_WAIT] =
        {"wait", "a thread waits while it holds what the other side needs",
         "A condition wait releases its own mutex and nothing else; whatever else is held stays\n"
         "locked for as long as the wait lasts, and if the thread that is to signal needs it, for\n"
         "ever. The same goes for joining a thread, or waiting for a grace period, with a lock "
         "that\n"
         "the other side takes. The condition's own mutex must be held at the wait.\n"
         "\n"
         "If all threads that may signal the condition are known, a lock that none of them needs,\n"
         "nor anybody whom they wait for, is not reported.\n"
         "\n"
         "Release the other locks before waiting.\n"},
    [CHECK_KEY_ORDER] =
        {"key-order", "several locks of one keyed class, not in ascending order",
         "The class is declared keyed: several of its locks may be held at once if they are taken\n"
         "by ascending key (index, address). Here the second key cannot be shown to be the "
         "larger.\n"
         "\n"
         "    if (a > b) { swap(a, b); }\n"
         "    lock(&table[a]);\n"
         "    if (a != b) { lock(&table[b]); }\n"
         "\n"
         "Compare the keys, as above, on the way to the locks; the checker follows comparisons of\n"
         "variables and constants.\n"},
    [CHECK_ANNOTATION] =
        {"annotation", "an annotation makes no sense",
         "An annotation of the form \"lockcheck:...\" is not one that the checker knows, lacks "
         "its\n"
         "argument, names a lock that does not exist in its scope, or stands where it means\n"
         "nothing (an order on something that is no lock). It would silently check nothing, so it\n"
         "is an error. docs/lockcheck.md lists the annotations.\n"},
    [CHECK_SUPPRESSION] =
        {"suppression", "a suppression that is unused, or gives no reason",
         "A suppression hides findings of one check at one place, and has to say why that is "
         "right.\n"
         "One that hides nothing any more is reported, so that it cannot hide the next mistake at\n"
         "the same place. Remove it, or add the reason:\n"
         "\n"
         "    lock-order src/queue.c:queue_move both queues are of one thread   (in the file)\n"
         "    // lockcheck: suppress lock-order both queues are of one thread   (in the code)\n"},
    [CHECK_SOUNDNESS] =
        {"unpredicted-edge", "a lock order that was seen at run time is not in the static graph",
         "--confirm compares with what the program itself recorded (docs/lockcheck.md has the\n"
         "format): a lock of one class was taken while another was held, and the checker's order\n"
         "graph has no such edge. So the checker missed a path, and what it proves is not proved.\n"
         "\n"
         "Usual causes: a file that is not in compile_commands.json or is excluded; an unresolved\n"
         "call (see that check); a wrapper that the configuration has to name; code that takes\n"
         "locks in assembly or in a library without sources. If none of these applies, it is a\n"
         "bug of the checker.\n"},
    [CHECK_INPUT] =
        {"input", "a file could not be read, or not parsed completely",
         "The file does not exist, the compiler's front end found errors in it, or parsing it\n"
         "failed. The rest of the program was analysed, and what would be found through this file\n"
         "is missing; therefore the exit code is 2.\n"
         "\n"
         "Is compile_commands.json up to date, and have generated headers been built? Files that\n"
         "cannot be parsed can be left out with --exclude.\n"},
};

const char *check_name(enum check_id check)
{
    return texts[check].name;
}

const char *check_summary(enum check_id check)
{
    return texts[check].summary;
}

const char *check_explanation(enum check_id check)
{
    return texts[check].explanation;
}

bool check_from_name(const char *name, enum check_id *out)
{
    for (int i = 0; i < CHECK_COUNT; i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *out = (enum check_id)i;
            return true;
        }
    }
    return false;
}
