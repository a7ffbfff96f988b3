/* Which sanitizer this is built with, and what the room tells it. */
#ifndef MORTISE_AIO_SANITIZER_H
#define MORTISE_AIO_SANITIZER_H

#if defined(__SANITIZE_THREAD__)
#define AIO_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define AIO_ASAN 1
#endif
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AIO_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define AIO_ASAN 1
#endif
#endif

/* Edges of happens-before through code that TSan does not see. */
#ifdef AIO_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
#define AIO_TSAN_ACQUIRE(p) __tsan_acquire(p)
#define AIO_TSAN_RELEASE(p) __tsan_release(p)
/* What stands between is not looked at. */
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);
#define AIO_TSAN_IGNORE_WRITES_BEGIN() AnnotateIgnoreWritesBegin(__FILE__, __LINE__)
#define AIO_TSAN_IGNORE_WRITES_END()   AnnotateIgnoreWritesEnd(__FILE__, __LINE__)
#else
#define AIO_TSAN_ACQUIRE(p)            ((void)(p))
#define AIO_TSAN_RELEASE(p)            ((void)(p))
#define AIO_TSAN_IGNORE_WRITES_BEGIN() ((void)0)
#define AIO_TSAN_IGNORE_WRITES_END()   ((void)0)
#endif

#ifdef AIO_ASAN
#define AIO_NO_ASAN __attribute__((no_sanitize("address")))
#else
#define AIO_NO_ASAN
#endif

#endif
