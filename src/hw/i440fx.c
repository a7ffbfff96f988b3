/* Host bridge of the machine "pc" (Intel 82441FX data sheet): what of it software
 * looks at, which is the attribute map and SMRAM control. */
#include "hw/i440fx.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hw/pam.h"
#include "hw/pci_host.h"

#define REG_PAM      0x59
#define REG_SMRAM    0x72
#define SMRAM_RESET  0x02u
#define SMRAM_LOCKED 0x10u
#define SMRAM_OPEN   0x40u

struct i440fx {
    struct pci_device device;
    struct pci_bus bus;
    struct pci_host host;
    struct pam pam;
};

static struct i440fx *i440fx_of(struct pci_device *d)
{
    return (struct i440fx *)(void *)((char *)d - offsetof(struct i440fx, device));
}

static void config_written(struct pci_device *d, unsigned offset, unsigned size)
{
    struct i440fx *f = i440fx_of(d);

    bql_assert_locked();
    if (offset < REG_PAM + PAM_REGS && offset + size > REG_PAM) {
        pam_set(&f->pam, &d->config[REG_PAM]);
    }
    if (offset <= REG_SMRAM && offset + size > REG_SMRAM) {
        uint8_t *smram = &d->config[REG_SMRAM];

        if (*smram & SMRAM_LOCKED) { /* until reset, and never open */
            *smram = (uint8_t)(*smram & ~SMRAM_OPEN);
            d->writable[REG_SMRAM] = 0x20;
        }
        pam_set_smram(&f->pam, *smram);
    }
}

static void reset(struct pci_device *d)
{
    struct i440fx *f = i440fx_of(d);

    bql_assert_locked();
    memset(&d->config[REG_PAM], 0, PAM_REGS);
    d->config[REG_SMRAM] = SMRAM_RESET;
    d->writable[REG_SMRAM] = 0x78;
    pam_set(&f->pam, &d->config[REG_PAM]);
    pam_set_smram(&f->pam, SMRAM_RESET);
    pci_host_reset(&f->host);
}

static const struct pci_device_ops ops = {.config_written = config_written, .reset = reset};

void i440fx_reset(void *opaque)
{
    struct i440fx *f = opaque;

    pci_bus_reset(&f->bus);
}

int i440fx_new(struct machine *m, struct lapic_set *lapics, struct i440fx **out, struct error *err)
{
    static const struct pci_ids ids = {.vendor = 0x8086,
                                       .device = 0x1237,
                                       .subsystem_vendor = 0x1af4,
                                       .subsystem = 0x1100,
                                       .class_code = 0x060000,
                                       .revision = 2};
    struct i440fx *f = calloc(1, sizeof(*f));
    int ret;

    if (!f) {
        return error_set(err, ENOMEM, "i440fx: out of memory");
    }
    pci_bus_init(&f->bus, m, false);
    pci_host_init(&f->host, &f->bus, lapics);
    m->pci = &f->bus;
    *out = f;
    ret = pam_init(&f->pam, &f->bus, err);
    if (ret == 0) {
        ret = pci_device_init(&f->device, &f->bus, 0, "i440fx", &ids, &ops, err);
    }
    if (ret < 0) {
        i440fx_free(f);
        return ret;
    }
    memset(&f->device.writable[REG_PAM], 0x33, PAM_REGS);
    f->device.writable[REG_PAM] = 0x30;
    reset(&f->device);
    return 0;
}

void i440fx_free(struct i440fx *f)
{
    struct machine *m = f->bus.machine;

    pci_host_cleanup(&f->host);
    pam_cleanup(&f->pam, m);
    pci_bus_cleanup(&f->bus);
    m->pci = NULL;
    free(f);
}
