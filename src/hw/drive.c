/* Drives between the command line and the devices that own them in the end. */
#include "hw/drive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/ahci.h"
#include "hw/device_fixed.h"
#include "hw/disk_format.h"
#include "hw/props.h"
#include "hw/virtio_blk.h"

#define DRIVES_MAX 32
#define IDE_DEVFN  PCI_DEVFN(1, 1)

enum interface { IF_IDE, IF_VIRTIO, IF_NONE, IF_PFLASH };

struct drive {
    char *id, *serial;
    struct disk *disk; /* NULL: a CD-ROM drive without a disc, or taken */
    enum interface interface;
    bool cd;
    bool taken;    /* by a -device */
    int index;     /* place on its interface; -1: any, or what follows says */
    int bus, unit; /* the same by two numbers; bus -1: not given */
};

static struct drive drives[DRIVES_MAX] GUARDED_BY(bql);
static unsigned drive_count GUARDED_BY(bql);

void drive_help(FILE *out)
{
    (void)fprintf(out, "-drive properties:\n"
                       "  file=FILE             raw image or block device\n"
                       "  if=ide|virtio|none    where it is connected; none: by -device drive=ID\n"
                       "  if=pflash             flash that firmware is in: unit 0 its code, 1 its "
                       "variables\n"
                       "  media=disk|cdrom\n"
                       "  index=N               place on its interface; or bus=N, unit=N\n"
                       "  id=NAME               for -device\n"
                       "  readonly=on|off\n"
                       "  serial=TEXT           up to 20 characters\n"
                       "  format=raw            the only one; not to be given, unless the image\n"
                       "                        begins as one of another format does\n");
}

static int one_of(const struct device_props *p, const char *name, const char *const *words,
                  int *which, struct error *err)
{
    const char *text = device_props_get(p, name);

    for (*which = 0; text && words[*which]; (*which)++) {
        if (strcmp(text, words[*which]) == 0) {
            return 0;
        }
    }
    *which = 0;
    return text ? error_set(err, EINVAL, "-drive %s=%s is not possible", name, text) : 0;
}

static int check_names(const struct device_props *p, struct error *err)
{
    static const char *const known[] = {"file",     "if",     "media",  "index", "id",
                                        "readonly", "serial", "format", "cache", "aio",
                                        "discard",  "bus",    "unit"};

    for (unsigned i = 0; i < p->count; i++) {
        bool found = device_fixed_has("-drive", p->pair[i].name);
        int ret = device_fixed_check("-drive", p->pair[i].name, p->pair[i].value, err);

        if (ret < 0) {
            return ret;
        }
        for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++) {
            found = found || strcmp(p->pair[i].name, known[k]) == 0;
        }
        if (!found) {
            return error_set(err, EINVAL, "-drive: there is no property \"%s\"", p->pair[i].name);
        }
    }
    return p->first ? error_set(err, EINVAL, "-drive: \"%s\" is not property=value", p->first) : 0;
}

/* A small number; -1: not given. */
static int place_number(const struct device_props *p, const char *name, int *value,
                        struct error *err)
{
    uint64_t n = 0;
    int ret;

    *value = -1;
    if (!device_props_get(p, name)) {
        return 0;
    }
    ret = device_props_number(p, name, 0, DRIVES_MAX - 1, &n, err);
    *value = (int)n;
    return ret;
}

/* index=N, or bus=N,unit=N. */
static int parse_place(struct drive *d, const struct device_props *p, struct error *err)
{
    int ret = place_number(p, "index", &d->index, err);

    if (ret == 0) {
        ret = place_number(p, "bus", &d->bus, err);
    }
    if (ret == 0) {
        ret = place_number(p, "unit", &d->unit, err);
    }
    if (ret < 0 || (d->bus < 0 && d->unit < 0)) {
        return ret;
    }
    d->bus = d->bus < 0 ? 0 : d->bus;
    d->unit = d->unit < 0 ? 0 : d->unit;
    if (d->index >= 0) {
        return error_set(err, EINVAL, "-drive: index and bus or unit exclude each other");
    }
    if (d->interface != IF_IDE) { /* the others have one bus */
        d->index = d->unit;
    }
    return d->interface != IF_IDE && d->bus > 0
               ? error_set(err, EINVAL, "-drive: there is no bus=%d,unit=%d", d->bus, d->unit)
               : 0;
}

static int parse(struct drive *d, const struct device_props *p, bool *read_only, struct error *err)
{
    static const char *const interfaces[] = {"ide", "virtio", "none", "pflash", NULL};
    static const char *const media[] = {"disk", "cdrom", NULL}, *const formats[] = {"raw", NULL};
    int which = 0, medium = 0, format = 0, ret = check_names(p, err);

    if (ret == 0) {
        ret = one_of(p, "if", interfaces, &which, err);
    }
    if (ret == 0) {
        ret = one_of(p, "media", media, &medium, err);
    }
    if (ret == 0) {
        ret = one_of(p, "format", formats, &format, err);
    }
    if (ret < 0) {
        return ret;
    }
    d->interface = (enum interface)which;
    d->cd = medium == 1;
    ret = parse_place(d, p, err);
    return ret < 0 ? ret : device_props_bool(p, "readonly", d->cd, read_only, err);
}

static char *copy_of(const char *text)
{
    return text ? strdup(text) : NULL;
}

static struct drive *find_id(const char *id) REQUIRES(bql)
{
    for (unsigned i = 0; i < drive_count; i++) {
        if (drives[i].id && strcmp(drives[i].id, id) == 0) {
            return &drives[i];
        }
    }
    return NULL;
}

int drive_add(const char *text, struct error *err)
{
    struct drive d = {.disk = NULL};
    struct device_props p;
    const char *file;
    bool read_only;
    int ret;

    if (drive_count == DRIVES_MAX) {
        return error_set(err, E2BIG, "more than %d drives", DRIVES_MAX);
    }
    ret = device_props_parse(&p, text, err);
    if (ret < 0) {
        return ret;
    }
    ret = parse(&d, &p, &read_only, err);
    if (ret == 0 && device_props_get(&p, "id") && find_id(device_props_get(&p, "id"))) {
        ret =
            error_set(err, EEXIST, "-drive: there are two with id=%s", device_props_get(&p, "id"));
    }
    file = device_props_get(&p, "file");
    if (ret == 0 && !file && (!d.cd || d.interface == IF_PFLASH)) {
        ret = error_set(err, EINVAL, "-drive %s: file=FILE expected", text);
    }
    if (ret == 0 && file) {
        ret = disk_open(file, read_only, &d.disk, err);
    }
    if (ret == 0 && d.disk && !device_props_get(&p, "format")) {
        ret = disk_format_check_raw(d.disk, file, err);
    }
    if (ret == 0) {
        d.id = copy_of(device_props_get(&p, "id"));
        d.serial = copy_of(device_props_get(&p, "serial"));
        drives[drive_count++] = d;
    } else {
        disk_close(d.disk);
    }
    device_props_free(&p);
    return ret;
}

/* The places for IDE drives: on the machine's AHCI controller each has a bus of its own,
 * the older one has two buses for two drives each. */
struct ide_places {
    int count, units; /* all, and of a bus */
    bool taken[AHCI_PORTS];
    struct ide_drive drive[AHCI_PORTS];
};

/* The place of an IDE drive: where it wants to be, else the first free one; CDs begin
 * at the third. -1: there is none. */
static int ide_place(const struct drive *d, const struct ide_places *places)
{
    int at = d->bus >= 0 ? places->units * d->bus + d->unit : d->index;

    if (d->bus >= 0 && d->unit >= places->units) {
        return -1;
    }
    if (at >= 0) {
        return at < places->count && !places->taken[at] ? at : -1;
    }
    for (int n = 0; n < places->count; n++) {
        at = d->cd ? (n + 2) % places->count : n;
        if (!places->taken[at]) {
            return at;
        }
    }
    return -1;
}

/* Those that name their place come first. */
static int place_ide(struct ide_places *places, struct error *err) REQUIRES(bql)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < drive_count; i++) {
            struct drive *d = &drives[i];
            bool named = d->index >= 0 || d->bus >= 0;
            int at;

            if (d->interface != IF_IDE || named != (pass == 0)) {
                continue;
            }
            at = ide_place(d, places);
            if (at < 0) {
                return error_set(err, EBUSY, "there is no IDE place for drive %u", i);
            }
            places->taken[at] = true;
            places->drive[at] =
                (struct ide_drive){.disk = d->disk, .cd = d->cd, .serial = d->serial};
        }
    }
    return 0;
}

/* A disk that a controller has taken over is no longer its drive's. */
static void give_away(const struct disk *disk) REQUIRES(bql)
{
    for (unsigned i = 0; i < drive_count; i++) {
        if (drives[i].disk == disk) {
            drives[i].disk = NULL;
        }
    }
}

static int connect_ahci(struct machine *m, struct error *err) REQUIRES(bql)
{
    struct ide_places places = {.count = AHCI_PORTS, .units = 1};
    int ret = place_ide(&places, err);

    for (unsigned n = 0; n < AHCI_PORTS && ret == 0; n++) {
        if (places.taken[n]) {
            ret = ahci_attach(m->ahci, n, &places.drive[n], err);
        }
        if (places.taken[n] && ret == 0) {
            give_away(places.drive[n].disk);
        }
    }
    return ret;
}

int drive_need_ide(struct machine *m, struct error *err)
{
    static const struct ide_drive none[IDE_DRIVES] = {{.disk = NULL}};

    return m->ide ? 0 : ide_new(m->pci, IDE_DEVFN, none, &m->ide, err);
}

static int connect_ide(struct machine *m, struct error *err) REQUIRES(bql)
{
    struct ide_places places = {.count = IDE_DRIVES, .units = 2};
    int ret = place_ide(&places, err);

    for (unsigned n = 0; n < IDE_DRIVES && ret == 0; n++) {
        if (!places.taken[n]) {
            continue;
        }
        ret = drive_need_ide(m, err);
        if (ret == 0) {
            ret = ide_attach(m->ide, n, &places.drive[n], err);
        }
        if (ret == 0) {
            give_away(places.drive[n].disk);
        }
    }
    return ret;
}

int drives_connect(struct machine *m, struct error *err)
{
    int ret = m->ahci ? connect_ahci(m, err) : connect_ide(m, err);

    for (unsigned i = 0; i < drive_count && ret == 0; i++) {
        struct drive *d = &drives[i];

        if (d->interface == IF_VIRTIO && d->disk) {
            ret = virtio_blk_new(m->pci, -1, d->disk, d->serial, err);
            d->disk = ret == 0 ? NULL : d->disk;
        } else if (d->interface == IF_PFLASH && d->disk) {
            ret = error_set(err, EINVAL, "there is no flash chip for drive %u", i);
        }
    }
    return ret;
}

int drive_take(const char *id, const char *device, bool empty_cd, struct ide_drive *taken,
               struct error *err)
{
    struct drive *d = find_id(id);

    if (!d) {
        return error_set(err, ENOENT, "%s: property 'drive' can't find value '%s'", device, id);
    }
    if (d->interface != IF_NONE || d->taken) {
        return error_set(err, EBUSY, "%s: property 'drive' can't take value '%s', it's in use%s",
                         device, id, d->taken ? "" : " (its -drive is not if=none)");
    }
    if (!d->disk && !empty_cd) {
        return error_set(err, ENOENT, "%s: device needs media, but drive '%s' is empty", device,
                         id);
    }
    *taken = (struct ide_drive){.disk = d->disk, .cd = d->cd, .serial = d->serial};
    d->disk = NULL;
    d->taken = true;
    return 0;
}

/* Units are counted through, from 0, by those that do not say which one they are. */
struct disk *drive_take_flash(unsigned n)
{
    unsigned next = 0;

    for (unsigned i = 0; i < drive_count; i++) {
        struct drive *d = &drives[i];
        unsigned unit = d->index >= 0 ? (unsigned)d->index : next;

        if (d->interface != IF_PFLASH) {
            continue;
        }
        next = unit + 1;
        if (unit == n && d->disk) {
            struct disk *disk = d->disk;

            d->disk = NULL;
            return disk;
        }
    }
    return NULL;
}

void drives_free(void)
{
    for (unsigned i = 0; i < drive_count; i++) {
        free(drives[i].id);
        free(drives[i].serial);
        disk_close(drives[i].disk);
    }
    drive_count = 0;
}
