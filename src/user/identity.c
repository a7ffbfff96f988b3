/* prctl(PR_SET_MM_MAP) needs no privilege, but takes all the fields of the
 * kernel's mm_struct at once: the others are read from /proc/self/stat and
 * given back as they are. */
#include "user/identity.h"

#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/host_syscall_asm.h"

void identity_set_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    host_syscall(SYS_prctl, PR_SET_NAME, (uint64_t)(slash ? slash + 1 : path), 0, 0, 0, 0);
}

/* Fields of /proc/self/stat, numbered as in proc(5). */
enum { START_CODE = 26, END_CODE = 27, START_DATA = 45, END_DATA = 46, START_BRK = 47, LAST = 52 };

static bool read_stat(uint64_t fields[LAST + 1])
{
    char text[2048];
    FILE *f = fopen("/proc/self/stat", "re");
    size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;
    if (f) {
        (void)fclose(f);
    }
    text[n] = '\0';
    char *p = strrchr(text, ')'); /* the name may contain anything */
    for (int field = 3; p && field <= LAST; field++) {
        p = strchr(p, ' ');
        if (p) {
            p++;
            fields[field] = strtoull(p, NULL, 10);
        }
    }
    return p != NULL;
}

bool identity_set_memory(const struct stack_image *stack)
{
    uint64_t fields[LAST + 1] = {0};
    if (!read_stat(fields)) {
        return false;
    }
    struct prctl_mm_map map = {.start_code = fields[START_CODE],
                               .end_code = fields[END_CODE],
                               .start_data = fields[START_DATA],
                               .end_data = fields[END_DATA],
                               .start_brk = fields[START_BRK],
                               .brk = (uint64_t)sbrk(0),
                               .start_stack = stack->sp,
                               .arg_start = stack->arg_start,
                               .arg_end = stack->arg_end,
                               .env_start = stack->env_start,
                               .env_end = stack->env_end,
                               .auxv = (void *)stack->auxv,
                               .auxv_size = (uint32_t)stack->auxv_size,
                               .exe_fd = (uint32_t)-1};
    return host_syscall(SYS_prctl, PR_SET_MM, PR_SET_MM_MAP, (uint64_t)&map, sizeof(map), 0, 0) ==
           0;
}
