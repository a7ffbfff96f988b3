/* The few instructions between C and a guest state, and back. */
#ifndef MORTISE_DIFF_NATIVE_ASM_H
#define MORTISE_DIFF_NATIVE_ASM_H

#include <signal.h>
#include <stdint.h>

/* Read and written by the assembly at fixed offsets. One per process: the
 * guest owns all registers, so nothing else could point here. */
struct native_block {
    uint64_t gpr[16];
    uint64_t rflags;
    uint64_t target; /* where to start */
    uint64_t host_rsp;
    uint64_t mask; /* XSAVE components */
    void *xsave_in;
    void *xsave_out;   /* its header must be zero */
    void *xsave_clean; /* initial state, loaded afterwards */
    uint64_t set_fs;   /* not 0: load fs_guest, and fs_host afterwards */
    uint64_t fs_guest;
    uint64_t fs_host;
    void (*handler)(int sig, siginfo_t *info, void *context);
};
extern struct native_block native_block;

/* Loads the state in native_block and jumps to target; returns when the
 * guest reaches native_exit, with the state saved. */
void native_enter(void);

/* Jumping here, with the guest's state in all registers, ends the run. */
extern const char native_exit[];

/* Signal handler of both sides: sets the host's FS base if the guest's is
 * loaded, clears AC, and goes to native_block.handler. */
void native_handler(int sig, siginfo_t *info, void *context);

/* Sends the signals to native_handler, on the alternate stack. Without libc,
 * whose sigaction a sanitizer may have replaced by one that runs code of its
 * own first, under the guest's FS base and AC flag. */
void native_catch(const int *signals, unsigned count);

/* DS and ES take what C code expects. */
void native_reset_segments(void);

#endif
