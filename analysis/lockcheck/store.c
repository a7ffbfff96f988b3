/* The cache directory. One file per unit: what has become invalid is replaced
 * and not left lying about. All that is in it may be deleted at any time. A run
 * asks for the state of each dependency once, however many units include it. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store {
    char *directory;
    bool temporary;
    GHashTable *stats; /* path -> struct ir_dependency: as it is now */
};

static struct store *store_new(char *directory, bool temporary)
{
    struct store *store = g_new0(struct store, 1);

    store->directory = directory;
    store->temporary = temporary;
    store->stats = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    return store;
}

struct store *store_open(const char *directory, char **message)
{
    if (g_mkdir_with_parents(directory, 0777) != 0) {
        *message = g_strdup_printf("%s: cannot make the cache directory: %s", directory,
                                   g_strerror(errno));
        return NULL;
    }
    if (access(directory, W_OK | X_OK) != 0) {
        *message = g_strdup_printf("%s: cannot write to the cache directory: %s", directory,
                                   g_strerror(errno));
        return NULL;
    }
    return store_new(g_strdup(directory), false);
}

struct store *store_open_temporary(char **message)
{
    GError *error = NULL;
    char *directory = g_dir_make_tmp("lockcheck-XXXXXX", &error);

    if (!directory) {
        *message = g_strdup_printf("cannot make a temporary directory: %s", error->message);
        g_clear_error(&error);
        return NULL;
    }
    return store_new(directory, true);
}

static void remove_all(const char *directory)
{
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;

    while (dir && (name = g_dir_read_name(dir))) {
        char *path = g_build_filename(directory, name, NULL);

        (void)g_unlink(path);
        g_free(path);
    }
    if (dir) {
        g_dir_close(dir);
    }
    (void)g_rmdir(directory);
}

void store_close(struct store *store)
{
    if (store) {
        if (store->temporary) {
            remove_all(store->directory);
        }
        g_hash_table_unref(store->stats);
        g_free(store->directory);
        g_free(store);
    }
}

static void update(GChecksum *sum, const char *string)
{
    g_checksum_update(sum, (const guchar *)string, (gssize)strlen(string) + 1);
}

static char *path_of(const struct store *store, const struct compile_command *command)
{
    char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, command->file, -1);
    char *name = g_strdup_printf("%.100s-%.16s.ir", strrchr(command->file, '/') + 1, sum);
    char *path = g_build_filename(store->directory, name, NULL);

    g_free(sum);
    g_free(name);
    return path;
}

/* Of the command and of this program. */
static void key_of(const struct compile_command *command, uint8_t key[STORE_KEY_SIZE])
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    gsize size = STORE_KEY_SIZE;
    struct stat self;

    if (stat("/proc/self/exe", &self) == 0) {
        g_checksum_update(sum, (const guchar *)&self.st_size, sizeof(self.st_size));
        g_checksum_update(sum, (const guchar *)&self.st_mtim, sizeof(self.st_mtim));
    }
    update(sum, MORTISE_VERSION);
    update(sum, command->file);
    update(sum, command->directory);
    for (guint i = 0; command->arguments->pdata[i]; i++) {
        update(sum, command->arguments->pdata[i]);
    }
    g_checksum_get_digest(sum, key, &size);
    g_checksum_free(sum);
}

/* The file as it is now; size -1: it is not there. Paths are interned. */
static const struct ir_dependency *stat_of(struct store *store, const char *path)
{
    struct ir_dependency *now = g_hash_table_lookup(store->stats, path);
    struct stat st;

    if (!now) {
        now = g_new0(struct ir_dependency, 1);
        now->path = path;
        now->size = -1;
        if (stat(path, &st) == 0) {
            now->size = st.st_size;
            now->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
        }
        g_hash_table_insert(store->stats, (gpointer)(uintptr_t)path, now);
    }
    return now;
}

static bool is_fresh(const GPtrArray *dependencies, void *context)
{
    for (guint i = 0; i < dependencies->len; i++) {
        const struct ir_dependency *then = dependencies->pdata[i];
        const struct ir_dependency *now = then->path ? stat_of(context, then->path) : NULL;

        if (!now || now->size != then->size || now->mtime_ns != then->mtime_ns) {
            return false;
        }
    }
    return dependencies->len > 0;
}

static struct ir_unit *load(struct store *store, const struct compile_command *command, bool check)
{
    char *path = path_of(store, command);
    GMappedFile *map = g_mapped_file_new(path, FALSE, NULL);
    struct ir_unit *unit = NULL;
    uint8_t key[STORE_KEY_SIZE];

    key_of(command, key);
    if (map) {
        unit = store_decode(g_mapped_file_get_contents(map), g_mapped_file_get_length(map), key,
                            check ? is_fresh : NULL, store);
        g_mapped_file_unref(map);
    }
    g_free(path);
    return unit;
}

struct ir_unit *store_load(struct store *store, const struct compile_command *command)
{
    return load(store, command, true);
}

struct ir_unit *store_load_new(struct store *store, const struct compile_command *command)
{
    return load(store, command, false);
}

static int write_all(int fd, const guint8 *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

int store_save(struct store *store, const struct compile_command *command,
               const struct ir_unit *unit, char **message)
{
    char *path = path_of(store, command);
    char *temporary = g_strconcat(path, ".XXXXXX", NULL);
    uint8_t key[STORE_KEY_SIZE];
    GByteArray *bytes;
    int fd = g_mkstemp_full(temporary, O_WRONLY | O_CLOEXEC, 0666);
    int result = fd < 0 ? -errno : 0;

    key_of(command, key);
    bytes = store_encode(unit, key);
    if (result == 0) {
        result = write_all(fd, bytes->data, bytes->len);
    }
    if (fd >= 0 && close(fd) != 0 && result == 0) {
        result = -errno;
    }
    if (result == 0 && g_rename(temporary, path) != 0) {
        result = -errno;
    }
    if (result != 0) {
        *message = g_strdup_printf("%s: cannot write: %s", path, g_strerror(-result));
        if (fd >= 0) {
            (void)g_unlink(temporary);
        }
    }
    g_byte_array_unref(bytes);
    g_free(temporary);
    g_free(path);
    return result;
}
