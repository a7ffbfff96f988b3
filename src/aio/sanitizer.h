/* ASan, where stacks are switched; base/tsan.h has what TSan needs. */
#ifndef MORTISE_AIO_SANITIZER_H
#define MORTISE_AIO_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__)
#define AIO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define AIO_ASAN 1
#endif
#endif

#ifdef AIO_ASAN
#define AIO_NO_ASAN __attribute__((no_sanitize("address")))
#else
#define AIO_NO_ASAN
#endif

#endif
