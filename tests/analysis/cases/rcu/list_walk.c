/* A list of hosts that readers walk; the writer frees an element that it has
 * only just taken out. */
/* needs: liburcu */
#include <stdlib.h>
#include <urcu.h>
#include <urcu/rculist.h>

#include "contracts.h"

struct host {
    struct cds_list_head link;
    struct rcu_head rcu;
    int id;
};

static CDS_LIST_HEAD(hosts);
static pthread_mutex_t hosts_lock = PTHREAD_MUTEX_INITIALIZER;

int host_known(int id);
void host_forget(struct host *host);

int host_known(int id)
{
    struct host *host;
    int known = 0;

    rcu_read_lock(); /* expect-note: balance */
    cds_list_for_each_entry_rcu(host, &hosts, link)
    {
        if (host->id == id) {
            known = 1;
#ifdef FAULTY
            return known; /* expect: balance */
#else
            break;
#endif
        }
    }
    rcu_read_unlock();
    return known;
}

static void host_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct host, rcu));
}

void host_forget(struct host *host)
{
    pthread_mutex_lock(&hosts_lock);
    cds_list_del_rcu(&host->link);
    pthread_mutex_unlock(&hosts_lock);
    call_rcu(&host->rcu, host_free);
}
