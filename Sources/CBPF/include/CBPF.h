// The thin surface over libbpf and libxdp, and what Linux's 6.1 headers do not name yet.
#pragma once
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xdp/xsk.h>

// MARK: Namespaces

/// Moves the calling thread into the network namespace that `path` names (/run/netns/NAME, /proc/PID/ns/net).
/// 0, or -1 with errno set. Sockets and devices keep the namespace they were opened in.
static inline int machine_enter_network_namespace(const char *_Nonnull path)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    long result = syscall(SYS_setns, descriptor, 0x40000000 /* CLONE_NEWNET */);
    int failure = errno;
    close(descriptor);
    errno = failure;
    return (int)result;
}

// MARK: Interfaces

/// What the kernel says about an interface of the calling thread's network namespace.
struct cbpf_interface {
    int index;
    /// Bytes, without the link header.
    int mtu;
    /// IFF_...
    int flags;
    /// ARPHRD_...
    int link_type;
    /// Receive queues in use; 1 where the driver does not say.
    int receive_queues;
};

/// 0, or a negative errno.
static inline int cbpf_interface_query(const char *_Nonnull name, struct cbpf_interface *_Nonnull result)
{
    struct ifreq request;
    memset(&request, 0, sizeof request);
    memset(result, 0, sizeof *result);
    if (strlen(name) >= sizeof request.ifr_name) return -ENODEV;
    strcpy(request.ifr_name, name);
    int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int failure = 0;
    if (ioctl(descriptor, SIOCGIFINDEX, &request) < 0) goto failed;
    result->index = request.ifr_ifindex;
    if (ioctl(descriptor, SIOCGIFMTU, &request) < 0) goto failed;
    result->mtu = request.ifr_mtu;
    if (ioctl(descriptor, SIOCGIFHWADDR, &request) < 0) goto failed;
    result->link_type = request.ifr_hwaddr.sa_family;
    if (ioctl(descriptor, SIOCGIFFLAGS, &request) < 0) goto failed;
    result->flags = (unsigned short)request.ifr_flags;
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    request.ifr_data = (void *)&channels;
    result->receive_queues = 1;
    if (ioctl(descriptor, SIOCETHTOOL, &request) == 0) {
        int queues = (int)(channels.rx_count + channels.combined_count);
        if (queues > 1) result->receive_queues = queues;
    }
    close(descriptor);
    return 0;
failed:
    failure = -errno;
    close(descriptor);
    return failure;
}

// MARK: XDP programs

/// The XDP program that an interface has.
struct cbpf_attached {
    /// 0 when there is none.
    uint32_t program_id;
    char name[BPF_OBJ_NAME_LEN];
    /// It is held by a bpf_link, so by a living process (or a pin), not by the interface itself.
    int by_link;
};

/// 0, or a negative errno. A program whose name may not be read has an empty one.
static inline int cbpf_attached_program(int interface_index, struct cbpf_attached *_Nonnull result)
{
    memset(result, 0, sizeof *result);
    struct bpf_xdp_query_opts query = {.sz = sizeof query};
    int failure = bpf_xdp_query(interface_index, 0, &query);
    if (failure < 0) return failure;
    uint32_t id = query.drv_prog_id ? query.drv_prog_id
        : query.skb_prog_id         ? query.skb_prog_id
        : query.hw_prog_id          ? query.hw_prog_id
                                    : query.prog_id;
    if (!id) return 0;
    result->program_id = id;
    int program = bpf_prog_get_fd_by_id(id);
    if (program >= 0) {
        struct bpf_prog_info info;
        memset(&info, 0, sizeof info);
        uint32_t size = sizeof info;
        if (bpf_obj_get_info_by_fd(program, &info, &size) == 0) memcpy(result->name, info.name, sizeof result->name);
        close(program);
    }
    for (uint32_t link_id = 0; bpf_link_get_next_id(link_id, &link_id) == 0;) {
        int link = bpf_link_get_fd_by_id(link_id);
        if (link < 0) continue;
        struct bpf_link_info info;
        memset(&info, 0, sizeof info);
        uint32_t size = sizeof info;
        if (bpf_obj_get_info_by_fd(link, &info, &size) == 0 && info.type == BPF_LINK_TYPE_XDP && info.prog_id == id
            && (int)info.xdp.ifindex == interface_index)
            result->by_link = 1;
        close(link);
    }
    return 0;
}

/// Attaches an XDP program with a bpf_link, which the kernel takes away with its last descriptor. The link's
/// descriptor, or a negative errno. `flags`: XDP_FLAGS_DRV_MODE or XDP_FLAGS_SKB_MODE.
static inline int cbpf_attach(int program, int interface_index, uint32_t flags)
{
    struct bpf_link_create_opts options = {.sz = sizeof options, .flags = flags};
    return bpf_link_create(program, interface_index, BPF_XDP, &options);
}

/// Keeps libbpf's and libxdp's messages from standard error; the last warning stays readable by this thread.
void cbpf_listen(void);
/// The calling thread's last warning of libbpf or libxdp, one line; empty when there was none since `cbpf_listen`.
const char *_Nonnull cbpf_last_warning(void);

// MARK: AF_XDP

/// setsockopt(SOL_XDP): frames that one sendto may send in copy mode (Linux 6.17).
#define CBPF_XDP_MAX_TX_SKB_BUDGET 9

/// Descriptors that were submitted and that the kernel has not taken from the ring yet.
static inline uint32_t cbpf_unsent(const struct xsk_ring_prod *_Nonnull ring)
{
    return ring->cached_prod - __atomic_load_n(ring->consumer, __ATOMIC_ACQUIRE);
}

/// The socket's XDP_STATISTICS. 0, or a negative errno.
static inline int cbpf_statistics(int descriptor, struct xdp_statistics *_Nonnull result)
{
    memset(result, 0, sizeof *result);
    socklen_t size = sizeof *result;
    return getsockopt(descriptor, SOL_XDP, XDP_STATISTICS, result, &size) < 0 ? -errno : 0;
}

// MARK: Sockets

/// setsockopt with an int. 0, or a negative errno.
static inline int cbpf_set_option(int descriptor, int level, int name, int value)
{
    return setsockopt(descriptor, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/// Binds a packet socket to an interface; `protocol` in host byte order, 0 to receive nothing. 0, or a negative errno.
static inline int cbpf_bind_packet(int descriptor, int interface_index, uint16_t protocol)
{
    struct sockaddr_ll address;
    memset(&address, 0, sizeof address);
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(protocol);
    address.sll_ifindex = interface_index;
    return bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
}

/// Appends to a classic BPF program what accepts ESP in IPv6: next header 50 behind up to 8 hop-by-hop, routing and
/// destination options headers, or untagged UDP to port 4500 without the non-ESP marker, and fragments of both where
/// they say so; and "packet too big". Index register: the offset of the header at hand. Instructions written.
static inline int cbpf_append_esp_ipv6(struct sock_filter *_Nonnull code)
{
    int n = 0;
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM, 14 + 40);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 6);
    // ICMPv6 type 2? The router tells what it is about.
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 40);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    for (int header = 0; header <= 8; header++) {
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ESP, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4500, 0, 3);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, 8);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
        // A fragment header has 8 bytes whatever its second says, which is 0.
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_HOPOPTS, 4, 0);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ROUTING, 3, 0);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_DSTOPTS, 2, 0);
        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_FRAGMENT, 1, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_ST, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 3);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_MEM, 0);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    return n;
}

/// Lets only ESP through a packet socket: in IPv6 as above; in IPv4 protocol 50, with up to two VLAN tags in the frame,
/// and, untagged, UDP to port 4500 without the non-ESP marker (RFC 3948) and ICMP errors of type 3, code 4. What is too
/// short for a marker does not come through: the kernel has it,
/// too. 0, or a negative errno.
static inline int cbpf_accept_esp(int descriptor)
{
    const uint8_t protocol = IPPROTO_ESP;
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 0, 21),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 16),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 6, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021Q, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_8021AD, 0, 17),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 4, 15),
        // 10: no tag
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 14 + 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 12, 4),
        // 12: one tag
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 18 + 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 10, 11),
        // 14: two tags
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 22 + 9),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, protocol, 8, 9),
        // 16: UDP? A later fragment has no ports: the router tells whose it is. Else port 4500, no marker
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 9),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 14 + 6),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1FFF, 5, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14 + 2),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4500, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_IND, 14 + 8),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        // 24, 25
        BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
        BPF_STMT(BPF_RET | BPF_K, 0),
        // 26: ICMP type 3, code 4? The router tells what it is about
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMP, 0, 4),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x0304, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    enum { begin = 3, count = sizeof code / sizeof code[0] };
    struct sock_filter both[begin + count + 256] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 1),
        BPF_STMT(BPF_JMP | BPF_JA, count),
    };
    memcpy(both + begin, code, sizeof code);
    int behind = cbpf_append_esp_ipv6(both + begin + count);
    struct sock_fprog program = {.len = (unsigned short)(begin + count + behind), .filter = both};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

/// Lets nothing through a socket. 0, or a negative errno.
static inline int cbpf_accept_nothing(int descriptor)
{
    struct sock_filter code[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog program = {.len = 1, .filter = code};
    return setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0 ? -errno : 0;
}

/// Turns a packet socket into a TPACKET_V3 receive ring of `blocks` blocks, `block_size` bytes each, a block being
/// handed over when full or after `milliseconds`. 0, or a negative errno.
static inline int cbpf_packet_ring(int descriptor, uint32_t block_size, uint32_t blocks, uint32_t milliseconds)
{
    int version = TPACKET_V3;
    if (setsockopt(descriptor, SOL_PACKET, PACKET_VERSION, &version, sizeof version) < 0) return -errno;
    struct tpacket_req3 request = {
        .tp_block_size = block_size,
        .tp_block_nr = blocks,
        .tp_frame_size = 2048,
        .tp_frame_nr = block_size / 2048 * blocks,
        .tp_retire_blk_tov = milliseconds,
    };
    return setsockopt(descriptor, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0 ? -errno : 0;
}

/// What a TPACKET_V3 socket has seen and dropped since it was asked last. 0, or a negative errno.
static inline int cbpf_packet_statistics(int descriptor, struct tpacket_stats_v3 *_Nonnull result)
{
    memset(result, 0, sizeof *result);
    socklen_t size = sizeof *result;
    return getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, result, &size) < 0 ? -errno : 0;
}

/// The block is the reader's (TP_STATUS_USER): all the kernel wrote into it is visible.
static inline int cbpf_block_ready(const struct tpacket_block_desc *_Nonnull block)
{
    return (__atomic_load_n(&block->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) != 0;
}

/// Gives the block back to the kernel.
static inline void cbpf_block_return(struct tpacket_block_desc *_Nonnull block)
{
    __atomic_store_n(&block->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

/// struct mmsghdr, which the C library shows to _GNU_SOURCE only.
struct cbpf_message {
    struct msghdr header;
    unsigned int byte_count;
};

/// sendmmsg(2), not blocking: messages sent, or a negative errno that is the first message's.
static inline int cbpf_send(int descriptor, struct cbpf_message *_Nonnull messages, unsigned int count)
{
    long sent = syscall(SYS_sendmmsg, descriptor, messages, count, MSG_DONTWAIT);
    return sent < 0 ? -errno : (int)sent;
}

/// recvmmsg(2), not blocking: messages received, or a negative errno.
static inline int cbpf_receive(int descriptor, struct cbpf_message *_Nonnull messages, unsigned int count)
{
    long received = syscall(SYS_recvmmsg, descriptor, messages, count, MSG_DONTWAIT, (void *)0);
    return received < 0 ? -errno : (int)received;
}

// MARK: Raw IPv6 sockets

/// struct sockaddr_in6 in plain numbers; all but the family in network byte order.
struct cbpf_address_ipv6 {
    uint16_t family, port;
    uint32_t flow;
    uint64_t high, low;
    uint32_t scope;
};
enum { cbpf_address_ipv6_bytes = sizeof(struct sockaddr_in6) };

/// Room for what the kernel says beside a packet: its destination and its traffic class.
enum { cbpf_beside_bytes = 128 };

/// A raw socket that receives an IPv6 protocol's packets without their header; or, of IPPROTO_RAW, that sends whole ones.
/// The descriptor, or a negative errno.
static inline int cbpf_raw_ipv6(int protocol)
{
    int descriptor = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;
    if (descriptor < 0) return -errno;
    if (setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0
        && setsockopt(descriptor, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof on) == 0)
        return descriptor;
    int failure = -errno;
    close(descriptor);
    return failure;
}

/// What the kernel said beside a received packet.
struct cbpf_beside {
    /// 0 where the destination was not said.
    int found;
    int traffic_class;
    /// The destination, in network byte order.
    uint64_t high, low;
};

static inline struct cbpf_beside cbpf_read_beside(struct msghdr *_Nonnull message)
{
    struct cbpf_beside beside = {0};
    for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
        if (at->cmsg_level != IPPROTO_IPV6) continue;
        if (at->cmsg_type == IPV6_PKTINFO) {
            memcpy(&beside.high, CMSG_DATA(at), 16);
            beside.found = 1;
        } else if (at->cmsg_type == IPV6_TCLASS) {
            memcpy(&beside.traffic_class, CMSG_DATA(at), sizeof beside.traffic_class);
        }
    }
    return beside;
}

// MARK: TUN

/// Opens a TUN device (IFF_TUN | IFF_NO_PI | IFF_VNET_HDR), not blocking. `name` is the wanted one, may be empty or hold
/// a %d, and becomes the real one. `offload`, unless it is 0, lets the host hand over TCP segments in one piece, and without checksums.
/// The descriptor, or a negative errno.
static inline int cbpf_open_tun(char name[_Nonnull IFNAMSIZ], int offload)
{
    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    struct ifreq request;
    memset(&request, 0, sizeof request);
    memcpy(request.ifr_name, name, IFNAMSIZ - 1);
    request.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    unsigned long offloads = offload ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN : 0;
    if (ioctl(descriptor, TUNSETIFF, &request) < 0 || ioctl(descriptor, TUNSETOFFLOAD, offloads) < 0) {
        int failure = -errno;
        close(descriptor);
        return failure;
    }
    memcpy(name, request.ifr_name, IFNAMSIZ);
    return descriptor;
}
