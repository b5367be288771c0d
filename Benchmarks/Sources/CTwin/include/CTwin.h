// The router's packet path once more, in plain C: the peer that Viaduct's own figures are measured beside.
//
// It does for every packet what the router in Sources/FastPath does (IPv4, ESP with AES-GCM-16 in tunnel mode, one
// transform at a time), in the same order, over batches of 64 and with ipsec-mb called directly. Benchmarks only.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TWIN_BATCH = 64, TWIN_RANGES = 4 };

/// What became of a packet; the names are those of Viaduct's verdicts.
enum twin_verdict {
    TWIN_PENDING, TWIN_STEERED, TWIN_PASSED, TWIN_TRUNCATED, TWIN_MALFORMED_HEADER, TWIN_BAD_CHECKSUM,
    TWIN_WRONG_LENGTH, TWIN_OVERSIZED, TWIN_MALFORMED_TRAILER, TWIN_MALFORMED_INNER, TWIN_VLAN_TAGGED, TWIN_FRAGMENT,
    TWIN_INNER_FRAGMENT, TWIN_UNSUPPORTED_PROTOCOL, TWIN_UNKNOWN_SPI, TWIN_SEQUENCE_NUMBER_ZERO, TWIN_REPLAYED,
    TWIN_TOO_OLD, TWIN_BAD_ICV, TWIN_TUNNEL_CHECK_FAILED, TWIN_NOT_DVIPA, TWIN_NO_SERVICE, TWIN_NO_TARGET,
    TWIN_CONNECTION_TABLE_FULL, TWIN_VERDICTS,
};

/// An IPv6 or IPv4-mapped address as two numbers in host order.
struct twin_address { uint64_t high, low; };
struct twin_range { struct twin_address first, last; };
struct twin_ports { uint16_t first, last; };

/// An inbound tunnel-mode SA. Counts of 0 mean any port.
struct twin_sa {
    uint32_t spi;
    uint8_t key[32];
    uint32_t key_bytes;
    uint8_t salt[4];
    uint8_t protocol; // 0: any
    uint8_t remote_count, local_count, remote_port_count, local_port_count;
    struct twin_range remote[TWIN_RANGES], local[TWIN_RANGES];
    struct twin_ports remote_ports[TWIN_RANGES], local_ports[TWIN_RANGES];
};

/// One packet of a batch: `start` is an offset in the frame memory and moves to the front when GRE is put around it.
struct twin_packet {
    int64_t start;
    int32_t byte_count;
    int32_t target;
    uint8_t verdict;
};

struct twin;

/// `verify` false: only peek, authenticate and change nothing. Capacities are powers of two. NULL when memory is short
/// or ipsec-mb does not work.
struct twin *twin_create(bool verify, size_t association_capacity, size_t connection_capacity);
void twin_destroy(struct twin *);

/// Whether ESP to this address is ours.
void twin_add_gateway(struct twin *, struct twin_address);
/// Returns the DVIPA's index. All targets serve `first`..`last` of `protocol` there, in turns.
int twin_add_dvipa(struct twin *, struct twin_address, uint8_t protocol, uint16_t first, uint16_t last);
/// Returns the target's index. MAC addresses are six bytes in wire order as a number.
int twin_add_target(struct twin *, uint32_t router_v4, uint32_t target_v4, uint64_t router_mac, uint64_t target_mac,
                    uint32_t epoch, int mtu);
/// Installs an SA, or replaces the one with the same SPI; its window starts anew. False when there is no room.
bool twin_install(struct twin *, const struct twin_sa *);
/// Enters a connection. False when there is no room.
bool twin_connect(struct twin *, struct twin_address remote, uint16_t remote_port, uint16_t local_port, int dvipa,
                  uint8_t protocol, int target, uint32_t now);

/// Decides over `count` (at most TWIN_BATCH) packets; frames have 64 bytes of room in front and 16 behind.
void twin_process(struct twin *, uint8_t *memory, struct twin_packet *packets, size_t count, uint32_t now);
uint64_t twin_counter(const struct twin *, enum twin_verdict);

/// Seals with AES-GCM-16: `text` becomes ciphertext in place, followed by the ICV. For making packets.
struct twin_sealer;
struct twin_sealer *twin_sealer_create(const uint8_t *key, uint32_t key_bytes);
void twin_sealer_destroy(struct twin_sealer *);
void twin_seal(struct twin_sealer *, const uint8_t nonce[12], const uint8_t *aad, size_t aad_bytes, uint8_t *text,
               size_t text_bytes, uint8_t icv[16]);

/// The ciphers of AES-128-GCM-16 alone, over ESP packets that begin at `starts` and have `text_bytes` of text each: what no
/// packet path can be faster than. At most TWIN_BATCH packets, with 32 bytes behind each.
struct twin_bare;
struct twin_bare *twin_bare_create(const uint8_t key[16], const uint8_t salt[4]);
void twin_bare_destroy(struct twin_bare *);
/// All of it, in place; no tag is compared.
void twin_bare_gcm(struct twin_bare *, bool encrypt, uint8_t *memory, const int64_t *starts, size_t count,
                   size_t text_bytes);
/// What a router needs: the hash over everything, and the first blocks and the last one decrypted.
void twin_bare_verify(struct twin_bare *, uint8_t *memory, const int64_t *starts, size_t count, size_t text_bytes);
