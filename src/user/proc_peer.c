/* Other processes in the emulator. The kernel says that they run the
 * emulator; but it knows their auxiliary vector (identity.c), which says
 * where the program's headers are, and which file is mapped there. */
#include "user/proc.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool runs_emulator(int pid)
{
    char path[32];
    struct stat ours, its;
    (void)snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    return stat("/proc/self/exe", &ours) == 0 && stat(path, &its) == 0 &&
           ours.st_ino == its.st_ino && ours.st_dev == its.st_dev;
}

static uint64_t program_headers(int pid)
{
    char path[32];
    Elf64_auxv_t entry;
    uint64_t address = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/auxv", pid);
    FILE *f = fopen(path, "re");
    while (f && fread(&entry, sizeof(entry), 1, f) == 1) {
        if (entry.a_type == AT_PHDR) {
            address = entry.a_un.a_val;
        }
    }
    if (f) {
        (void)fclose(f);
    }
    return address;
}

/* The name of the file that is mapped at the address. */
static bool mapped_file(int pid, uint64_t address, char name[PATH_MAX])
{
    char path[32];
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    (void)snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    FILE *f = fopen(path, "re");
    while (f && !found && getline(&line, &room, f) > 0) {
        uint64_t start, end;
        char *slash = strchr(line, '/');
        /* NOLINTNEXTLINE(cert-err34-c): numbers by the kernel fit */
        if (slash && sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) == 2 && address >= start &&
            address < end) {
            slash[strcspn(slash, "\n")] = '\0';
            found = snprintf(name, PATH_MAX, "%s", slash) < PATH_MAX;
        }
    }
    free(line);
    if (f) {
        (void)fclose(f);
    }
    return found;
}

bool proc_peer_exe(int pid, char exe[PATH_MAX])
{
    uint64_t headers = runs_emulator(pid) ? program_headers(pid) : 0;
    return headers != 0 && mapped_file(pid, headers, exe);
}
