/* Which function is called is decided by another one. */
#include <pthread.h>

#include "contracts.h"

static pthread_mutex_t font_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t glyph_lock = PTHREAD_MUTEX_INITIALIZER;
static int fonts GUARDED_BY(font_lock);
static int glyphs GUARDED_BY(glyph_lock);

typedef int rasterizer(int code);

int font_draw(int code, int smooth);
void glyph_drop(void);

static int draw_plain(int code)
{
    return code;
}

static int draw_smooth(int code)
{
    pthread_mutex_lock(&glyph_lock); /* expect-note: lock-order */
    glyphs++;
    pthread_mutex_unlock(&glyph_lock);
    return 2 * code;
}

static rasterizer *choose(int smooth)
{
    return smooth ? draw_smooth : draw_plain;
}

int font_draw(int code, int smooth)
{
    rasterizer *draw = choose(smooth);
    int result;

    pthread_mutex_lock(&font_lock); /* expect-note: lock-order */
    fonts++;
    result = draw(code); /* expect-any: lock-order */
    pthread_mutex_unlock(&font_lock);
    return result;
}

void glyph_drop(void)
{
    pthread_mutex_lock(&glyph_lock); /* expect-note: lock-order */
    glyphs = 0;
#ifdef FAULTY
    pthread_mutex_lock(&font_lock); /* expect-any: lock-order */
    fonts = 0;
    pthread_mutex_unlock(&font_lock);
    pthread_mutex_unlock(&glyph_lock);
#else
    pthread_mutex_unlock(&glyph_lock);
    pthread_mutex_lock(&font_lock);
    fonts = 0;
    pthread_mutex_unlock(&font_lock);
#endif
}
