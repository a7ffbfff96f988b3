/* What a drive says about itself: IDENTIFY DEVICE and IDENTIFY PACKET DEVICE. */
#include <string.h>

#include "hw/ide_internal.h"

#define SECTORS_28 0x0fffffffu

static void put_word(uint8_t *buf, unsigned n, unsigned value)
{
    pci_put(buf + 2UL * n, value, 2);
}

/* Text in words whose first character is the upper byte, filled with blanks. */
static void put_text(uint8_t *buf, unsigned n, unsigned words, const char *text)
{
    size_t len = strlen(text);

    for (unsigned i = 0; i < 2 * words; i++) {
        buf[2 * n + (i ^ 1)] = (uint8_t)(i < len ? text[i] : ' ');
    }
}

static void put_common(const struct ide_unit *u, uint8_t *buf) REQUIRES(bql)
{
    put_text(buf, 10, 10, u->serial);
    put_text(buf, 23, 4, MORTISE_VERSION);
    put_word(buf, 49, 0x0300); /* LBA, DMA */
    put_word(buf, 53, 7);      /* words 64 to 70 and 88 are valid */
    put_word(buf, 63, 0x0007); /* multiword DMA 0 to 2 */
    put_word(buf, 64, 0x0003); /* PIO 3 and 4 */
    for (unsigned n = 65; n < 69; n++) {
        put_word(buf, n, 120); /* ns per cycle */
    }
    put_word(buf, 80, 0x007e); /* ATA-1 to ATA-6 */
    put_word(buf, 88, 0x203f); /* Ultra DMA 0 to 5, and 5 selected */
    if (u->link->serial) {
        put_word(buf, 76, 0x0002); /* 1.5 Gbit/s */
    } else {
        put_word(buf, 93, 0x4001 | 0x2000); /* 80-wire cable */
    }
}

static void identify_disk(const struct ide_unit *u, uint8_t *buf) REQUIRES(bql)
{
    uint64_t sectors = u->disk->size / DISK_SECTOR;
    uint64_t cylinders = sectors / (16UL * 63);
    uint64_t low = sectors < SECTORS_28 ? sectors : SECTORS_28;

    cylinders = cylinders < 16383 ? cylinders : 16383;
    put_word(buf, 0, 0x0040);
    put_word(buf, 1, (unsigned)cylinders);
    put_word(buf, 3, 16);
    put_word(buf, 6, 63);
    put_text(buf, 27, 20, "MORTISE HARDDISK");
    put_word(buf, 47, 0x8010); /* 16 sectors in READ MULTIPLE */
    put_word(buf, 54, (unsigned)cylinders);
    put_word(buf, 55, 16);
    put_word(buf, 56, 63);
    pci_put(buf + 2UL * 57, cylinders * 16 * 63, 4);
    put_word(buf, 59, 0x0100 | u->multiple);
    pci_put(buf + 2UL * 60, low, 4);
    put_word(buf, 82, 0x4000);          /* NOP */
    put_word(buf, 83, 0x4000 | 0x3400); /* flush, flush ext, 48 bits */
    put_word(buf, 84, 0x4000);
    put_word(buf, 85, 0x4000);
    put_word(buf, 86, 0x3400);
    put_word(buf, 87, 0x4000);
    pci_put(buf + 2UL * 100, sectors, 8);
}

static void identify_cd(uint8_t *buf)
{
    put_word(buf, 0, 0x85c0); /* ATAPI, CD-ROM, removable, packets of 12 bytes */
    put_text(buf, 27, 20, "MORTISE DVD-ROM");
    put_word(buf, 82, 0x4214); /* NOP, DEVICE RESET, PACKET, removable */
    put_word(buf, 83, 0x4000);
    put_word(buf, 84, 0x4000);
    put_word(buf, 85, 0x4214);
    put_word(buf, 87, 0x4000);
}

void ide_identify(struct ide_unit *u) REQUIRES(bql)
{
    memset(u->buf, 0, 512);
    put_common(u, u->buf);
    if (u->cd) {
        identify_cd(u->buf);
    } else {
        identify_disk(u, u->buf);
    }
}
