/* The text of /proc/self/maps and its like, written to a memfd that the
 * guest gets in the file's place. */
#include "user/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "user/copy.h"
#include "user/mm.h"
#include "user/process.h"

/* One line of the host's maps. */
struct host_line {
    uint64_t start, end, offset;
    char device[16];
    uint64_t inode;
    const char *name; /* within the line, no newline; empty: none */
};

static bool parse_line(char *text, struct host_line *line)
{
    char perms[5];
    int name = 0;
    text[strcspn(text, "\n")] = '\0';
    /* NOLINTNEXTLINE(cert-err34-c): numbers by the kernel fit */
    if (sscanf(text, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %15s %" SCNu64 " %n", &line->start,
               &line->end, perms, &line->offset, line->device, &line->inode, &name) != 6) {
        return false;
    }
    line->name = text + name;
    return true;
}

static const char *name_of(const struct vma *vma, const struct host_line *line)
{
    if (vma->kind == VMA_STACK) {
        return "[stack]";
    }
    if (vma->kind == VMA_HEAP) {
        return "[heap]";
    }
    return strcmp(line->name, "[heap]") == 0 || strcmp(line->name, "[stack]") == 0 ? ""
                                                                                   : line->name;
}

static void print_piece(FILE *out, const struct vma *vma, const struct host_line *line)
    REQUIRES(mmap_lock_cap)
{
    uint64_t start = vma->start > line->start ? vma->start : line->start;
    uint64_t end = vma->end < line->end ? vma->end : line->end;
    const char *name = name_of(vma, line);
    uint64_t offset = line->inode ? line->offset + (start - line->start) : line->offset;
    int n = fprintf(out, "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %s %" PRIu64 " ",
                    start, end, vma->prot & PROT_READ ? 'r' : '-',
                    vma->prot & PROT_WRITE ? 'w' : '-', vma->prot & PROT_EXEC ? 'x' : '-',
                    vma->flags & MAP_SHARED ? 's' : 'p', offset, line->device, line->inode);
    if (*name) {
        fprintf(out, "%*s%s", n < 73 ? 73 - n : 0, "", name);
    }
    fputc('\n', out);
}

/* Goes through the host's list and prints the parts that are the guest's, as
 * the guest sees them; what follows a line in smaps follows its parts. */
static void print_maps(FILE *out, FILE *host) REQUIRES(mmap_lock_cap)
{
    char *text = NULL;
    size_t room = 0;
    bool details = false;
    while (getline(&text, &room, host) > 0) {
        struct host_line line;
        char *copy = strdup(text);
        if (copy && parse_line(copy, &line)) {
            size_t i = vma_index(&guest_vmas, line.start);
            details = i < guest_vmas.count && guest_vmas.v[i]->start < line.end;
            if (strcmp(line.name, "[vsyscall]") == 0) { /* see vsyscall.c */
                fputs(text, out);
                details = true;
            }
            for (; i < guest_vmas.count && guest_vmas.v[i]->start < line.end; i++) {
                print_piece(out, guest_vmas.v[i], &line);
            }
        } else if (details) {
            fputs(text, out);
        }
        free(copy);
    }
    free(text);
}

static void print_host_maps(FILE *out, const char *path)
{
    FILE *host = fopen(path, "re");
    if (host) {
        mmap_lock();
        print_maps(out, host);
        mmap_unlock();
        (void)fclose(host);
    }
}

static void print_memory(FILE *out, uint64_t start, uint64_t end)
{
    char buf[4096];
    while (start < end) {
        size_t n = end - start < sizeof(buf) ? end - start : sizeof(buf);
        n = guest_read_some(buf, start, n);
        if (n == 0) {
            break;
        }
        (void)fwrite(buf, 1, n, out);
        start += n;
    }
}

static void print_file(FILE *out, enum path_kind kind)
{
    const struct stack_image *stack = &user_process.stack;
    switch (kind) {
    case PATH_MAPS:
        print_host_maps(out, "/proc/self/maps");
        break;
    case PATH_SMAPS:
        print_host_maps(out, "/proc/self/smaps");
        break;
    case PATH_CMDLINE:
        print_memory(out, stack->arg_start, stack->arg_end);
        break;
    case PATH_ENVIRON:
        print_memory(out, stack->env_start, stack->env_end);
        break;
    case PATH_AUXV:
        print_memory(out, stack->auxv, stack->auxv + stack->auxv_size);
        break;
    default:
        break;
    }
}

static int write_all(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        text += n;
        size -= (size_t)n;
    }
    return 0;
}

int proc_open(enum path_kind kind, int flags)
{
    char *text = NULL;
    size_t size = 0;
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_DIRECTORY)) {
        return flags & O_DIRECTORY ? -ENOTDIR : -EACCES;
    }
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return -ENOMEM;
    }
    print_file(out, kind);
    int rc = fclose(out) == 0 ? 0 : -ENOMEM;
    int fd = rc == 0 ? memfd_create("proc", flags & O_CLOEXEC ? MFD_CLOEXEC : 0) : rc;
    if (rc == 0 && fd < 0) {
        fd = -errno;
    }
    if (fd >= 0) {
        rc = write_all(fd, text, size);
        if (rc == 0 && lseek(fd, 0, SEEK_SET) < 0) {
            rc = -errno;
        }
        if (rc < 0) {
            close(fd);
            fd = rc;
        }
    }
    free(text);
    return fd;
}
