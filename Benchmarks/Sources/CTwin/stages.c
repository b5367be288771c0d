// A batch through the stages. `live` holds the indexes of the packets still undecided, in order; a stage keeps or
// drops them.
#include "twin.h"

#define DROP(reason) do { packet->verdict = (reason); continue; } while (0)
#define KEEP() (live[kept++] = i)

/// Ethernet, IPv4, ESP: is it ours, and are its lengths possible? Asks for the SPI's slot and the packet's end.
static size_t classify(struct twin *twin, uint8_t *memory, struct twin_packet *packets, size_t count, uint8_t *live)
{
    enum { AHEAD = 8 };
    size_t kept = 0;
    for (size_t i = 0; i < count && i < AHEAD; i++) PREFETCH(memory + packets[i].start);
    for (size_t i = 0; i < count; i++) {
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        const uint8_t *frame = memory + packet->start;
        if (i + AHEAD < count) {
            PREFETCH(memory + packets[i + AHEAD].start);
            PREFETCH(memory + packets[i + AHEAD].start + LINE);
        }
        packet->verdict = TWIN_PENDING;
        packet->target = -1;
        if (UNLIKELY(packet->byte_count < ETHERNET_BYTES)) DROP(TWIN_TRUNCATED);
        uint16_t kind = load16(frame + 12);
        if (UNLIKELY(kind != 0x0800)) DROP(kind == 0x8100 || kind == 0x88A8 ? TWIN_VLAN_TAGGED : TWIN_PASSED);
        const uint8_t *ip = frame + ETHERNET_BYTES;
        int room = packet->byte_count - ETHERNET_BYTES;
        if (UNLIKELY(room < 20)) DROP(TWIN_TRUNCATED);
        if (UNLIKELY(find_address(twin->gateways, mapped(load32(ip + 16))) < 0)) DROP(TWIN_PASSED);
        if (UNLIKELY(ip[0] >> 4 != 4)) DROP(TWIN_MALFORMED_HEADER);
        int header = (ip[0] & 15) * 4, total = load16(ip + 2);
        if (UNLIKELY(header < 20 || total < header)) DROP(TWIN_MALFORMED_HEADER);
        if (UNLIKELY(total > room)) DROP(TWIN_TRUNCATED);
        uint64_t sum = sum_header(ip);
        for (int at = 20; at < header; at += 4) sum += load32(ip + at);
        if (UNLIKELY(fold(sum) != 0xFFFF)) DROP(TWIN_BAD_CHECKSUM);
        if (UNLIKELY(ip[9] != 50)) DROP(TWIN_PASSED);
        if (UNLIKELY(load16(ip + 6) & 0x3FFF)) DROP(TWIN_FRAGMENT);
        // SPI, number, IV; at least pad length and next header, in words of 4 bytes; ICV.
        int text = total - header - 8 - 8 - 16;
        if (UNLIKELY(text < 4 || text % 4)) DROP(TWIN_WRONG_LENGTH);
        work->esp = (uint8_t *)ip + header;
        work->text_bytes = text;
        work->ip_offset = ETHERNET_BYTES;
        work->ip_bytes = total;
        PREFETCH(work->esp + 16 + text);
        PREFETCH(&twin->spis[spi_home(twin, load32(work->esp))]);
        KEEP();
    }
    return kept;
}

/// The SA by its SPI. Asks for its window and keys.
static size_t find_association(struct twin *twin, struct twin_packet *packets, uint8_t *live, size_t count)
{
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        uint32_t spi = load32(work->esp);
        size_t slot = spi_home(twin, spi);
        while (twin->spis[slot].spi && twin->spis[slot].spi != spi) slot = (slot + 1) & twin->spi_mask;
        if (UNLIKELY(!twin->spis[slot].spi)) DROP(TWIN_UNKNOWN_SPI);
        struct association *a = &twin->associations[twin->spis[slot].index];
        work->association = a;
        PREFETCH(a);
        const uint8_t *key = (const uint8_t *)&a->key;
        PREFETCH(key);
        PREFETCH(key + LINE);
        PREFETCH(key + 2 * LINE);
        if (twin->verify) {
            // The low powers of the hash key end the table (VAES order): what a short packet needs.
            PREFETCH(key + sizeof a->key - LINE);
            PREFETCH(key + sizeof a->key - 2 * LINE);
        }
        KEEP();
    }
    return kept;
}

/// RFC 6479: the window holds `newest` and the 63 numbers before it; the ring has a word more.
static inline uint8_t window_admits(const struct association *a, uint64_t number)
{
    if (LIKELY(number > a->newest)) return TWIN_PENDING;
    if (a->newest - number >= 64) return TWIN_TOO_OLD;
    return a->ring[number >> 6 & 1] >> (number & 63) & 1 ? TWIN_REPLAYED : TWIN_PENDING;
}

static inline void window_commit(struct association *a, uint64_t number)
{
    if (LIKELY(number > a->newest)) {
        uint64_t words = (number >> 6) - (a->newest >> 6);
        if (words == 1) a->ring[number >> 6 & 1] = 0;
        else if (words > 1) a->ring[0] = a->ring[1] = 0;
        a->newest = number;
    }
    a->ring[number >> 6 & 1] |= 1ull << (number & 63);
}

/// GHASH goes over the frame itself in one call: with the IV zeroed, SPI and number are the padded AAD block, and
/// padding and lengths go where the ICV was. Written a pass ahead: the stores are done when the vectors are loaded.
static inline void lay_out_for_hash(uint8_t saved[40], uint8_t *esp, size_t text_bytes)
{
    uint8_t *end = esp + 16 + text_bytes;
    size_t padding = -text_bytes & 15;
    memcpy(saved, esp + 8, 8);
    memcpy(saved + 8, end, 32);
    memset(esp + 8, 0, 8);
    memset(end, 0, 16);
    store64(end + padding, 64);
    store64(end + padding + 8, (uint64_t)text_bytes * 8);
}

/// Replay pre-check, and the counter-mode jobs: the tag's mask with the first blocks, and the block with the trailer.
static size_t admit(struct twin *twin, struct twin_packet *packets, uint8_t *live, size_t count)
{
    size_t kept = 0;
    twin->bursts[0].count = twin->bursts[1].count = 0;
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        struct association *a = work->association;
        uint64_t number = load32(work->esp + 4);
        if (UNLIKELY(number == 0)) DROP(TWIN_SEQUENCE_NUMBER_ZERO);
        uint8_t refusal = window_admits(a, number);
        if (UNLIKELY(refusal)) DROP(refusal);
        work->sequence_number = number;
        struct burst *burst = &twin->bursts[a->key_kind];
        uint8_t *nonce = twin->nonces[i];
        memcpy(nonce, a->salt, 4);
        memcpy(nonce + 4, work->esp + 8, 8);
        if (twin->verify) lay_out_for_hash(twin->saved[i], work->esp, (size_t)work->text_bytes);
        bool all = work->text_bytes <= 16 * ALL_BLOCKS;
        IMB_JOB *job = &burst->jobs[burst->count++];
        job->enc_keys = job->dec_keys = a->key.expanded_keys;
        job->src = work->esp;
        job->dst = twin->heads[i];
        job->msg_len_to_cipher_in_bytes = 16 + (all ? work->text_bytes : 16 * HEAD_BLOCKS);
        job->iv = nonce;
        job->iv_len_in_bytes = 12;
        if (all) {
            work->tail = twin->heads[i] + 16 + work->text_bytes;
        } else {
            uint32_t block = (uint32_t)(work->text_bytes - 1) / 16;
            uint8_t *counter = twin->tail_counters[i];
            memcpy(counter, nonce, 12);
            store32(counter + 12, 2 + block);
            job = &burst->jobs[burst->count++];
            job->enc_keys = job->dec_keys = a->key.expanded_keys;
            job->src = work->esp + 16 + 16 * block;
            job->dst = twin->tails[i];
            job->msg_len_to_cipher_in_bytes = (uint32_t)work->text_bytes - 16 * block;
            job->iv = counter;
            job->iv_len_in_bytes = 16;
            work->tail = twin->tails[i] + job->msg_len_to_cipher_in_bytes;
        }
        KEEP();
    }
    return kept;
}

static void decrypt(struct twin *twin)
{
    for (int kind = 0; kind < 2; kind++) {
        struct burst *burst = &twin->bursts[kind];
        if (burst->count)
            IMB_SUBMIT_CIPHER_BURST_NOCHECK(twin->mb, burst->jobs, burst->count, IMB_CIPHER_CNTR, IMB_DIR_DECRYPT,
                                            kind ? IMB_KEY_256_BYTES : IMB_KEY_128_BYTES);
    }
}

static void hash(struct twin *twin, const uint8_t *live, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        const struct work *work = &twin->work[i];
        size_t text = (size_t)work->text_bytes;
        memset(twin->tags[i], 0, 16);
        size_t hashed = 16 + ((text + 15) & ~(size_t)15) + 16;
        IMB_GHASH(twin->mb, &work->association->key, work->esp, hashed, twin->tags[i], 16);
    }
}

/// Compares the tags, all bytes of them, and makes the frames what they were.
static size_t authenticate(struct twin *twin, struct twin_packet *packets, uint8_t *live, size_t count)
{
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        uint8_t *esp = twin->work[i].esp;
        uint64_t mask[2], known, icv[2], *tag = twin->tags[i];
        memcpy(mask, twin->heads[i], 16);
        memcpy(&known, esp, 8);
        memcpy(icv, twin->saved[i] + 8, 16);
        memcpy(esp + 8, twin->saved[i], 8);
        memcpy(esp + 16 + twin->work[i].text_bytes, twin->saved[i] + 8, 32);
        if (UNLIKELY((tag[0] ^ mask[0] ^ known ^ icv[0]) | (tag[1] ^ mask[1] ^ icv[1]))) DROP(TWIN_BAD_ICV);
        KEEP();
    }
    return kept;
}

static inline bool ports_allow(const struct twin_ports *ports, int count, uint16_t port)
{
    if (count == 0) return true;
    for (int i = 0; i < count; i++)
        if (ports[i].first <= port && port <= ports[i].last) return true;
    return false;
}

static inline bool ranges_allow(const struct twin_range *ranges, int count, struct twin_address a)
{
    for (int i = 0; i < count; i++)
        if (in_range(&ranges[i], a)) return true;
    return false;
}

/// What is inside: window, trailer, inner headers, tunnel check, DVIPA. Asks for the connection's home line.
static size_t inspect(struct twin *twin, struct twin_packet *packets, uint8_t *live, size_t count)
{
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        struct association *a = work->association;
        if (twin->verify) {
            uint8_t refusal = window_admits(a, work->sequence_number);
            if (UNLIKELY(refusal)) DROP(refusal);
            window_commit(a, work->sequence_number);
            a->packets++;
            a->bytes += (uint64_t)work->text_bytes;
        }
        int padding = work->tail[-2], inside = work->text_bytes - 2 - padding;
        if (UNLIKELY(work->tail[-1] != 4 || inside < 20)) DROP(TWIN_MALFORMED_TRAILER);
        const uint8_t *ip = twin->heads[i] + 16;
        int header = (ip[0] & 15) * 4, total = load16(ip + 2);
        if (UNLIKELY(ip[0] >> 4 != 4 || header < 20 || total < header || total > inside)) DROP(TWIN_MALFORMED_INNER);
        if (UNLIKELY(load16(ip + 6) & 0x3FFF)) DROP(TWIN_INNER_FRAGMENT);
        if (UNLIKELY(ip[9] != 6 && ip[9] != 17)) DROP(TWIN_UNSUPPORTED_PROTOCOL);
        int readable = work->text_bytes <= 16 * ALL_BLOCKS ? work->text_bytes : 16 * HEAD_BLOCKS;
        int needed = ip[9] == 6 ? 20 : 8;
        if (UNLIKELY(total < header + needed || readable < header + 14)) DROP(TWIN_MALFORMED_INNER);
        struct twin_address remote = mapped(load32(ip + 12)), local = mapped(load32(ip + 16));
        uint16_t remote_port = load16(ip + header), local_port = load16(ip + header + 2);
        work->flags = 0;
        if (LIKELY(ip[9] == 6)) {
            int tcp = (ip[header + 12] >> 4) * 4;
            if (UNLIKELY(tcp < 20 || header + tcp > total)) DROP(TWIN_MALFORMED_INNER);
            work->flags = ip[header + 13];
        }
        if (UNLIKELY((a->protocol && a->protocol != ip[9]) || !ranges_allow(a->remote, a->remote_count, remote)
                     || !ranges_allow(a->local, a->local_count, local)
                     || !ports_allow(a->remote_ports, a->remote_port_count, remote_port)
                     || !ports_allow(a->local_ports, a->local_port_count, local_port)))
            DROP(TWIN_TUNNEL_CHECK_FAILED);
        int dvipa = find_address(twin->dvipas, local);
        if (UNLIKELY(dvipa < 0)) DROP(TWIN_NOT_DVIPA);
        work->key = (struct connection){.remote = remote, .ports = (uint32_t)remote_port << 16 | local_port,
                                        .dvipa = (uint16_t)dvipa, .protocol = ip[9]};
        work->home = connection_hash(twin->seed, &work->key);
        PREFETCH(&twin->connections[work->home & twin->connection_mask]);
        KEEP();
    }
    return kept;
}

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

/// The target that every router would choose: the one with the highest hash of connection and target (rendezvous).
static int agree(const struct twin *twin, const struct connection *key)
{
    static const uint64_t agreed[2] = {0x9E3779B97F4A7C15, 0xD1B54A32D192ED03};
    uint64_t connection = connection_hash(agreed, key), best_weight = 0;
    int best = -1;
    for (int i = 0; i < twin->target_count; i++) {
        const struct target *target = &twin->targets[i];
        uint64_t weight = hash_words(agreed, connection, target->address.low ^ target->address.high);
        if (best < 0 || weight > best_weight) {
            best = i;
            best_weight = weight;
        }
    }
    return best;
}

/// A target for a connection that is not in the table: the next one's turn for a first SYN that was verified.
static enum twin_verdict choose(struct twin *twin, struct twin_packet *packet, struct work *work, uint32_t now)
{
    struct service *service = &twin->services[work->key.dvipa];
    uint16_t port = (uint16_t)work->key.ports;
    if (service->protocol != work->key.protocol || port < service->first || port > service->last)
        return TWIN_NO_SERVICE;
    if (!twin->target_count) return TWIN_NO_TARGET;
    if (twin->verify && (work->flags & (SYN | ACK)) == SYN)
        packet->target = (int)(service->turn++ % (uint32_t)twin->target_count);
    else
        packet->target = agree(twin, &work->key);
    if (!twin->verify) return TWIN_PENDING;
    struct connection *entry = twin_insert(twin, &work->key, work->home, packet->target, now);
    if (!entry) return TWIN_CONNECTION_TABLE_FULL;
    entry->closing = (work->flags & (FIN | RST)) != 0;
    return TWIN_PENDING;
}

/// The connection's target.
static size_t steer(struct twin *twin, struct twin_packet *packets, uint8_t *live, size_t count, uint32_t now)
{
    size_t kept = 0;
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        size_t slot = work->home & twin->connection_mask;
        struct connection *entry;
        while ((entry = &twin->connections[slot])->protocol && !same_connection(entry, &work->key))
            slot = (slot + 1) & twin->connection_mask;
        if (LIKELY(entry->protocol)) {
            packet->target = entry->target;
            if (twin->verify) {
                if (UNLIKELY(work->flags & (FIN | RST | SYN))) entry->closing = !(work->flags & SYN);
                if (entry->last_seen != now) entry->last_seen = now;
            }
        } else {
            enum twin_verdict refusal = choose(twin, packet, work, now);
            if (refusal) DROP((uint8_t)refusal);
        }
        KEEP();
    }
    return kept;
}

/// GRE into the headroom, over the Ethernet header that came.
static void encapsulate(struct twin *twin, uint8_t *memory, struct twin_packet *packets, uint8_t *live, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        uint8_t i = live[n];
        struct twin_packet *packet = &packets[i];
        struct work *work = &twin->work[i];
        struct target *target = &twin->targets[packet->target];
        int total = work->ip_bytes + GRE_BYTES;
        if (UNLIKELY(total > target->mtu)) DROP(TWIN_OVERSIZED);
        packet->start += work->ip_offset - (ETHERNET_BYTES + GRE_BYTES);
        packet->byte_count = ETHERNET_BYTES + total;
        uint8_t *frame = memory + packet->start;
        memcpy(frame, target->header, sizeof target->header);
        store16(frame + ETHERNET_BYTES + 2, (uint16_t)total);
        store16(frame + ETHERNET_BYTES + 10, (uint16_t)~fold((uint64_t)target->sum + (uint64_t)total));
        packet->verdict = TWIN_STEERED;
        target->packets++;
        target->bytes += (uint64_t)packet->byte_count;
    }
}

void twin_process(struct twin *twin, uint8_t *memory, struct twin_packet *packets, size_t count, uint32_t now)
{
    uint8_t live[TWIN_BATCH];
    size_t n = classify(twin, memory, packets, count, live);
    n = find_association(twin, packets, live, n);
    n = admit(twin, packets, live, n);
    decrypt(twin);
    if (twin->verify) {
        hash(twin, live, n);
        n = authenticate(twin, packets, live, n);
    }
    n = inspect(twin, packets, live, n);
    n = steer(twin, packets, live, n, now);
    encapsulate(twin, memory, packets, live, n);
    for (size_t i = 0; i < count; i++) twin->counters[packets[i].verdict]++;
}
