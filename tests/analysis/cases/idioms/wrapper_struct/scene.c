#include "os_mutex.h"

struct scene {
    struct os_mutex nodes_lock;
    struct os_mutex textures_lock;
    int nodes;
    int textures;
};

void scene_add_node(struct scene *scene);
void scene_drop_textures(struct scene *scene);

void scene_add_node(struct scene *scene)
{
    os_mutex_lock(&scene->nodes_lock);    /* expect-note: lock-order */
    os_mutex_lock(&scene->textures_lock); /* expect-any: lock-order */
    scene->nodes++;
    scene->textures++;
    os_mutex_unlock(&scene->textures_lock);
    os_mutex_unlock(&scene->nodes_lock);
}

void scene_drop_textures(struct scene *scene)
{
    os_mutex_lock(&scene->textures_lock); /* expect-note: lock-order */
    scene->textures = 0;
#ifdef FAULTY
    os_mutex_lock(&scene->nodes_lock); /* expect-any: lock-order */
    scene->nodes = 0;
    os_mutex_unlock(&scene->nodes_lock);
    os_mutex_unlock(&scene->textures_lock);
#else
    os_mutex_unlock(&scene->textures_lock);
    os_mutex_lock(&scene->nodes_lock);
    scene->nodes = 0;
    os_mutex_unlock(&scene->nodes_lock);
#endif
}
