#include "twin.h"
#include <stdlib.h>

static void *table(size_t bytes)
{
    void *memory = NULL;
    if (posix_memalign(&memory, LINE, bytes) != 0) return NULL;
    return memset(memory, 0, bytes);
}

struct twin *twin_create(bool verify, size_t association_capacity, size_t connection_capacity)
{
    struct twin *twin = table(sizeof *twin);
    if (!twin) return NULL;
    twin->verify = verify;
    twin->association_capacity = association_capacity;
    twin->spi_mask = association_capacity * 2 - 1;
    twin->connection_mask = connection_capacity * 2 - 1;
    twin->seed[0] = 0x8EBC6AF09C88C6E3;
    twin->seed[1] = 0x589965CC75374CC3;
    twin->mb = alloc_mb_mgr(0);
    twin->spis = table((twin->spi_mask + 1) * sizeof *twin->spis);
    twin->associations = table(association_capacity * sizeof *twin->associations);
    twin->connections = table((twin->connection_mask + 1) * sizeof *twin->connections);
    if (!twin->mb || !twin->spis || !twin->associations || !twin->connections) {
        twin_destroy(twin);
        return NULL;
    }
    init_mb_mgr_auto(twin->mb, NULL);
    for (int kind = 0; kind < 2; kind++) {
        for (int i = 0; i < 2 * TWIN_BATCH; i++) {
            IMB_JOB *job = &twin->bursts[kind].jobs[i];
            job->cipher_mode = IMB_CIPHER_CNTR;
            job->cipher_direction = IMB_DIR_DECRYPT;
            job->hash_alg = IMB_AUTH_NULL;
            job->chain_order = IMB_ORDER_HASH_CIPHER;
            job->key_len_in_bytes = kind ? 32 : 16;
        }
    }
    return twin;
}

void twin_destroy(struct twin *twin)
{
    if (!twin) return;
    if (twin->mb) free_mb_mgr(twin->mb);
    free(twin->spis);
    free(twin->associations);
    free(twin->connections);
    free(twin);
}

static void put_address(struct address_slot *slots, struct twin_address a, int value)
{
    size_t i = address_home(a);
    while (slots[i].used) i = (i + 1) % ADDRESS_SLOTS;
    slots[i] = (struct address_slot){a, value, 1};
}

void twin_add_gateway(struct twin *twin, struct twin_address a) { put_address(twin->gateways, a, 0); }

int twin_add_dvipa(struct twin *twin, struct twin_address a, uint8_t protocol, uint16_t first, uint16_t last)
{
    int index = twin->dvipa_count++;
    put_address(twin->dvipas, a, index);
    put_address(twin->gateways, a, 0);
    twin->services[index] = (struct service){protocol, first, last, 0};
    return index;
}

int twin_add_target(struct twin *twin, uint32_t router_v4, uint32_t target_v4, uint64_t router_mac, uint64_t target_mac,
                    uint32_t epoch, int mtu)
{
    struct target *target = &twin->targets[twin->target_count];
    uint8_t *ethernet = target->header, *ip = ethernet + ETHERNET_BYTES, *gre = ip + 20;
    store16(ethernet, target_mac >> 32);
    store32(ethernet + 2, (uint32_t)target_mac);
    store16(ethernet + 6, router_mac >> 32);
    store32(ethernet + 8, (uint32_t)router_mac);
    store16(ethernet + 12, 0x0800);
    ip[0] = 0x45;
    store16(ip + 6, 0x4000); // don't fragment
    ip[8] = 64;
    ip[9] = 47;
    store32(ip + 12, router_v4);
    store32(ip + 16, target_v4);
    store16(gre, 0x2000); // a key is there (RFC 2890)
    store16(gre + 2, 0x0800);
    store32(gre + 4, epoch);
    target->sum = sum_header(ip);
    target->mtu = (uint16_t)mtu;
    target->address = mapped(target_v4);
    return twin->target_count++;
}

bool twin_install(struct twin *twin, const struct twin_sa *sa)
{
    size_t i = spi_home(twin, sa->spi);
    while (twin->spis[i].spi && twin->spis[i].spi != sa->spi) i = (i + 1) & twin->spi_mask;
    if (!twin->spis[i].spi) {
        if (twin->association_count == twin->association_capacity) return false;
        twin->spis[i] = (struct spi_slot){sa->spi, (uint32_t)twin->association_count++};
    }
    struct association *a = &twin->associations[twin->spis[i].index];
    memset(a, 0, sizeof *a);
    a->spi = sa->spi;
    memcpy(a->salt, sa->salt, 4);
    a->key_kind = sa->key_bytes == 32;
    a->protocol = sa->protocol;
    a->remote_count = sa->remote_count;
    a->local_count = sa->local_count;
    a->remote_port_count = sa->remote_port_count;
    a->local_port_count = sa->local_port_count;
    memcpy(a->remote, sa->remote, sizeof a->remote);
    memcpy(a->local, sa->local, sizeof a->local);
    memcpy(a->remote_ports, sa->remote_ports, sizeof a->remote_ports);
    memcpy(a->local_ports, sa->local_ports, sizeof a->local_ports);
    if (a->key_kind)
        IMB_AES256_GCM_PRE(twin->mb, sa->key, &a->key);
    else
        IMB_AES128_GCM_PRE(twin->mb, sa->key, &a->key);
    return true;
}

/// Puts a connection that is not there yet behind its home; NULL when the table is half full.
struct connection *twin_insert(struct twin *twin, const struct connection *key, uint64_t hash, int target, uint32_t now)
{
    if (twin->connection_count > twin->connection_mask / 2) return NULL;
    size_t i = hash & twin->connection_mask;
    while (twin->connections[i].protocol) i = (i + 1) & twin->connection_mask;
    struct connection *entry = &twin->connections[i];
    *entry = *key;
    entry->target = (uint16_t)target;
    entry->last_seen = now;
    twin->connection_count++;
    return entry;
}

bool twin_connect(struct twin *twin, struct twin_address remote, uint16_t remote_port, uint16_t local_port, int dvipa,
                  uint8_t protocol, int target, uint32_t now)
{
    struct connection key = {.remote = remote, .ports = (uint32_t)remote_port << 16 | local_port,
                             .dvipa = (uint16_t)dvipa, .protocol = protocol};
    return twin_insert(twin, &key, connection_hash(twin->seed, &key), target, now) != NULL;
}

uint64_t twin_counter(const struct twin *twin, enum twin_verdict verdict) { return twin->counters[verdict]; }
