/* What TSan cannot see: order that is made by generated code or by inline
 * assembly. Nothing in other builds. */
#ifndef MORTISE_BASE_TSAN_H
#define MORTISE_BASE_TSAN_H

#if defined(__SANITIZE_THREAD__)
#define MORTISE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MORTISE_TSAN 1
#endif
#endif

#ifdef MORTISE_TSAN
#include <sanitizer/tsan_interface.h>
#define tsan_release(p) __tsan_release(p)
#define tsan_acquire(p) __tsan_acquire(p)
/* What is written in between is not looked at. */
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define tsan_ignore_writes_begin() AnnotateIgnoreWritesBegin(__FILE__, __LINE__)
#define tsan_ignore_writes_end()   AnnotateIgnoreWritesEnd(__FILE__, __LINE__)
/* For functions that host signal handlers call: TSan's run time is not
 * re-entrant, and the handler may have interrupted it, so these stay out of it
 * altogether (no_sanitize would leave calls for atomics and function entry;
 * gcc has nothing better). */
#ifdef __clang__
#define TSAN_SIGNAL_CODE __attribute__((disable_sanitizer_instrumentation))
#else
#define TSAN_SIGNAL_CODE __attribute__((no_sanitize("thread")))
#endif
#else
#define TSAN_SIGNAL_CODE
#define tsan_ignore_writes_begin() ((void)0)
#define tsan_ignore_writes_end()   ((void)0)
#define tsan_release(p)            ((void)(p))
#define tsan_acquire(p)            ((void)(p))
#endif

#endif
