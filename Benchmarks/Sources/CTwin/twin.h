// The twin's tables; see the stages for how they are walked.
#pragma once
#include "CTwin.h"
#include <intel-ipsec-mb.h>
#include <string.h>

#define LINE 64
#define PREFETCH(address) __builtin_prefetch((address), 0, 3)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/// What every packet of an SA needs, its replay window (RFC 6479: a ring of 2 words for 64 packets) first.
struct association {
    _Alignas(LINE) uint64_t newest;
    uint64_t ring[2];
    uint32_t spi;
    uint8_t salt[4];
    uint32_t key_kind; // 0: 16 bytes, 1: 32
    uint8_t protocol, remote_count, local_count, remote_port_count, local_port_count;
    uint64_t packets, bytes;
    _Alignas(LINE) struct twin_range remote[TWIN_RANGES];
    struct twin_range local[TWIN_RANGES];
    struct twin_ports remote_ports[TWIN_RANGES], local_ports[TWIN_RANGES];
    struct gcm_key_data key;
};

struct spi_slot { uint32_t spi, index; };

/// A connection, two to a cache line. `protocol` 0: empty.
struct connection {
    struct twin_address remote;
    uint32_t ports;
    uint16_t dvipa;
    uint8_t protocol, closing;
    uint16_t target, unused;
    uint32_t last_seen;
};
_Static_assert(sizeof(struct connection) == 32, "two to a line");

struct address_slot { struct twin_address address; int32_t value; uint32_t used; };
enum { ADDRESS_SLOTS = 64, MAX_TARGETS = 64, MAX_DVIPAS = 16 };

struct service { uint8_t protocol; uint16_t first, last; uint32_t turn; };

/// Ethernet, IPv4 and GRE as they precede a packet to this target, with a total length of 0.
struct target {
    _Alignas(LINE) uint8_t header[42];
    uint16_t sum; // of the IPv4 header with length and checksum 0, not complemented
    uint16_t mtu;
    uint64_t packets, bytes;
    struct twin_address address;
};

/// What the stages hand on about one packet.
struct work {
    uint8_t *esp;
    struct association *association;
    uint64_t sequence_number;
    int32_t ip_offset, ip_bytes;
    int32_t text_bytes; // ciphertext
    uint32_t association_index;
    uint8_t *tail; // plaintext that ends with pad length and next header
    uint8_t flags; // of TCP
    struct connection key;
    uint64_t home;
};

/// Bytes of plaintext in front: three blocks, or all of a ciphertext of at most seven.
enum { HEAD_BLOCKS = 3, ALL_BLOCKS = 7, GRE_BYTES = 28, ETHERNET_BYTES = 14 };

struct burst { IMB_JOB jobs[2 * TWIN_BATCH]; uint32_t count; };

struct twin {
    IMB_MGR *mb;
    bool verify;
    size_t spi_mask, connection_mask, association_count, association_capacity, connection_count;
    uint64_t seed[2];
    struct spi_slot *spis;
    struct association *associations;
    struct connection *connections;
    struct address_slot gateways[ADDRESS_SLOTS], dvipas[ADDRESS_SLOTS];
    struct service services[MAX_DVIPAS];
    struct target targets[MAX_TARGETS];
    int dvipa_count, target_count;
    uint64_t counters[TWIN_VERDICTS];

    // Of the batch under way.
    struct work work[TWIN_BATCH];
    _Alignas(LINE) uint8_t nonces[TWIN_BATCH][16];
    _Alignas(LINE) uint8_t tail_counters[TWIN_BATCH][16];
    _Alignas(LINE) uint8_t heads[TWIN_BATCH][16 + 16 * ALL_BLOCKS]; // first 16: SPI, number xor tag mask
    _Alignas(LINE) uint8_t tails[TWIN_BATCH][16];
    uint8_t saved[TWIN_BATCH][40]; // IV, and what follows the ciphertext
    uint64_t tags[TWIN_BATCH][2];
    struct burst bursts[2];
};

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/// Two words hashed with a seed of two: the wide product, mixed once more.
static inline uint64_t hash_words(const uint64_t seed[2], uint64_t a, uint64_t b)
{
    return mix(mix(a ^ seed[0], b ^ seed[1]), 0x9FB21C651E98DF25);
}

static inline bool same_address(struct twin_address a, struct twin_address b)
{
    return ((a.high ^ b.high) | (a.low ^ b.low)) == 0;
}

static inline bool in_range(const struct twin_range *range, struct twin_address a)
{
    unsigned __int128 value = (unsigned __int128)a.high << 64 | a.low;
    return (((unsigned __int128)range->first.high << 64) | range->first.low) <= value
        && value <= (((unsigned __int128)range->last.high << 64) | range->last.low);
}

static inline size_t address_home(struct twin_address a)
{
    return mix(a.low ^ 0x9E3779B97F4A7C15, a.high ^ 0xD6E8FEB86659FD93) % ADDRESS_SLOTS;
}

/// The value at an address, or -1.
static inline int find_address(const struct address_slot *slots, struct twin_address a)
{
    for (size_t i = address_home(a);; i = (i + 1) % ADDRESS_SLOTS) {
        if (!slots[i].used) return -1;
        if (same_address(slots[i].address, a)) return slots[i].value;
    }
}

static inline size_t spi_home(const struct twin *twin, uint32_t spi)
{
    return hash_words(twin->seed, spi, 0) & twin->spi_mask;
}

static inline uint64_t connection_hash(const uint64_t seed[2], const struct connection *key)
{
    uint64_t rest = (uint64_t)key->ports << 32 | (uint64_t)key->dvipa << 16 | (uint64_t)key->protocol << 8;
    return hash_words(seed, key->remote.low ^ __builtin_bswap64(rest), key->remote.high ^ rest);
}

static inline bool same_connection(const struct connection *a, const struct connection *b)
{
    return same_address(a->remote, b->remote) && a->ports == b->ports && a->dvipa == b->dvipa
        && a->protocol == b->protocol;
}

static inline uint16_t load16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return __builtin_bswap16(v); }
static inline uint32_t load32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return __builtin_bswap32(v); }
static inline void store16(uint8_t *p, uint16_t v) { v = __builtin_bswap16(v); memcpy(p, &v, 2); }
static inline void store32(uint8_t *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
static inline void store64(uint8_t *p, uint64_t v) { v = __builtin_bswap64(v); memcpy(p, &v, 8); }

static inline uint16_t fold(uint64_t sum)
{
    sum = (sum & 0xFFFFFFFF) + (sum >> 32);
    sum = (sum & 0xFFFF) + (sum >> 16);
    sum = (sum & 0xFFFF) + (sum >> 16);
    return (uint16_t)((sum & 0xFFFF) + (sum >> 16));
}

static inline uint16_t sum_header(const uint8_t *ip)
{
    return fold((uint64_t)load32(ip) + load32(ip + 4) + load32(ip + 8) + load32(ip + 12) + load32(ip + 16));
}

static inline struct twin_address mapped(uint32_t v4)
{
    return (struct twin_address){0, 0xFFFF00000000ull | v4};
}

struct connection *twin_insert(struct twin *, const struct connection *key, uint64_t hash, int target, uint32_t now);
