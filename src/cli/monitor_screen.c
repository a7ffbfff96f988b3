/* screendump. */
#include <stdlib.h>
#include <string.h>

#include "cli/monitor_internal.h"
#include "hw/screendump.h"

#define PATH_BYTES 256 /* as a line of the monitor */

struct request {
    char path[PATH_BYTES];
    enum screendump_format format;
    bool format_given;
};

/* "FILE" and "-f FORMAT", in any order. */
static bool parse(const char *text, struct request *r)
{
    char word[PATH_BYTES];
    bool format_next = false;
    for (size_t n; text += strspn(text, " "), (n = strcspn(text, " ")) > 0; text += n) {
        if (n >= sizeof(word)) {
            return false;
        }
        memcpy(word, text, n);
        word[n] = '\0';
        if (format_next) {
            r->format = strcmp(word, "png") == 0 ? SCREENDUMP_PNG : SCREENDUMP_PPM;
            if (r->format == SCREENDUMP_PPM && strcmp(word, "ppm") != 0) {
                return false;
            }
            r->format_given = true;
            format_next = false;
        } else if (strcmp(word, "-f") == 0) {
            format_next = true;
        } else if (r->path[0]) {
            return false;
        } else {
            memcpy(r->path, word, n + 1);
        }
    }
    return r->path[0] && !format_next;
}

static bool ends_with_png(const char *path)
{
    size_t len = strlen(path);
    return len >= 4 && strcmp(path + len - 4, ".png") == 0;
}

void monitor_screendump(struct machine *m, const char *argument, FILE *out)
{
    struct request r = {.format = SCREENDUMP_PPM};
    struct vga_image image = {0};
    struct error err = {""};
    if (!parse(argument, &r)) {
        fputs("screendump FILE [-f png|ppm] expected\n", out);
        return;
    }
    if (!r.format_given && ends_with_png(r.path)) {
        r.format = SCREENDUMP_PNG;
    }
    if (!m->vga) {
        fputs("there is no screen (-vga std)\n", out);
        return;
    }
    int rc = vga_screen(m->vga, &image, &err);
    if (rc == 0) {
        rc = screendump_write(&image, r.path, r.format, &err);
        free(image.pixels);
    }
    if (rc < 0) {
        fprintf(out, "screendump: %s\n", err.text);
    }
}
