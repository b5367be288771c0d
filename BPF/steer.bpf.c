// SPDX-License-Identifier: MIT
//
// The XDP program: takes ESP for our own addresses to AF_XDP and leaves everything else to the kernel, untouched.
//
//   Ethernet -> VLAN tags (two at most) -> IPv4 -> ESP ? -> destination in `owned_v4` ? -> xsks[receive queue]
//                                       -> IPv6 -> extension headers (eight at most) -> ESP ? -> `owned_v6` ?
//
// ESP is protocol 50, or UDP to port 4500 (RFC 3948). IKE shares that port behind four zero bytes, the non-ESP marker:
// it is the kernel's, for whoever listens there. Fragments of ESP are ESP; of UDP only the first has ports, so that
// the others follow it when they come behind it, and are the kernel's when they come before.
//
// With it go errors that say that an ESP packet of ours was too big (ICMP type 3, code 4; ICMPv6 type 2): the hosts that
// send are told.
//
// It only recognises. Every judgement about a packet that is ours (length, checksum, fragment, tag) is made and counted
// by the router, so that nothing of ours is dropped without a name. Where no socket is bound, or once the process has
// died, the kernel gets the packet.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_QUEUES 64
#define MAX_OWNED 4096
#define MAX_TAGS 2
#define PORT_ESP_IN_UDP 4500
#define UNREACHABLE 3
#define FRAGMENTATION_NEEDED 4
#define PACKET_TOO_BIG_V6 2
#define FRAGMENT_OFFSET 0x1fff
#define MORE_FRAGMENTS 0x2000
#define MAX_FIRST_FRAGMENTS 4096
#define MAX_EXTENSIONS 8
#define FRAGMENT_OFFSET_V6 0xfff8

// An ICMP error (RFC 792): <linux/icmp.h> wants the C library.
struct icmp_error {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be16 unused;
	__be16 mtu;
};

struct icmp6_error {
	__u8 type;
	__u8 code;
	__sum16 checksum;
	__be32 mtu;
};

struct vlan_tag {
	__be16 control;
	__be16 type;
};

// DVIPAs and tunnel endpoints, in network byte order. The value is unused.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_OWNED);
	__type(key, __be32);
	__type(value, __u8);
} owned_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_OWNED);
	__type(key, struct in6_addr);
	__type(value, __u8);
} owned_v6 SEC(".maps");

// One AF_XDP socket a receive queue.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, MAX_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
} xsks SEC(".maps");

struct datagram {
	__be32 source;
	__be32 destination;
	__be16 identification;
	__be16 unused;
};

// UDP datagrams to an address of ours whose first fragment was ESP. Bounded: the one that was not asked for the longest
// gives way. The value is unused.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FIRST_FRAGMENTS);
	__type(key, struct datagram);
	__type(value, __u8);
} esp_in_udp SEC(".maps");

// Whether an unfragmented IPv4 packet's payload, or a first fragment's, is ESP in UDP, or at least not plainly something
// else.
static __always_inline int begins_esp_in_udp(struct iphdr *ip, void *end)
{
	struct udphdr *udp = (void *)ip + ip->ihl * 4;
	if (ip->ihl < 5 || (void *)(udp + 1) > end) return 0;
	if (udp->dest != bpf_htons(PORT_ESP_IN_UDP)) return 0;
	__be32 *marker = (void *)(udp + 1);
	// Shorter than a marker: a keepalive, or broken; the router says which.
	if ((void *)(marker + 1) > end) return 1;
	return *marker != 0;
}

static __always_inline int is_esp_in_udp(struct iphdr *ip, void *end)
{
	if (!(ip->frag_off & bpf_htons(FRAGMENT_OFFSET | MORE_FRAGMENTS))) return begins_esp_in_udp(ip, end);
	struct datagram datagram = {.source = ip->saddr, .destination = ip->daddr, .identification = ip->id};
	if (ip->frag_off & bpf_htons(FRAGMENT_OFFSET)) return bpf_map_lookup_elem(&esp_in_udp, &datagram) != 0;
	__u8 value = 1;
	int is_esp = begins_esp_in_udp(ip, end);
	// The same identification again is another datagram, and may be somebody else's.
	if (is_esp) bpf_map_update_elem(&esp_in_udp, &datagram, &value, BPF_ANY);
	else bpf_map_delete_elem(&esp_in_udp, &datagram);
	return is_esp;
}

struct extension {
	__u8 next;
	__u8 length;
	__be16 offset;
	__u32 rest;
};

// Whether an IPv6 packet is ESP behind nothing but extension headers, or ESP in UDP. A fragment is what its header says
// of it; of UDP only the first, which has the ports. What ends before that can be seen, or goes on too long, is the
// kernel's.
static __always_inline int is_esp_v6(struct ipv6hdr *ip, void *end)
{
	__u8 next = ip->nexthdr;
	void *at = ip + 1;
	for (int headers = 0; headers <= MAX_EXTENSIONS; headers++) {
		if (next == IPPROTO_ESP) return 1;
		if (next == IPPROTO_UDP) {
			struct udphdr *udp = at;
			if ((void *)(udp + 1) > end || udp->dest != bpf_htons(PORT_ESP_IN_UDP)) return 0;
			__be32 *marker = (void *)(udp + 1);
			return (void *)(marker + 1) > end || *marker != 0;
		}
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT)
			return 0;
		struct extension *extension = at;
		if ((void *)(extension + 1) > end) return 0;
		__u32 length = 8;
		if (next != IPPROTO_FRAGMENT) length += (__u32)extension->length * 8;
		else if ((extension->offset & bpf_htons(FRAGMENT_OFFSET_V6)) && extension->next != IPPROTO_ESP) return 0;
		else if (extension->offset & bpf_htons(FRAGMENT_OFFSET_V6)) return 1;
		next = extension->next;
		at += length;
	}
	return 0;
}

// "Fragmentation needed" about ESP, or about UDP from port 4500.
static __always_inline int is_too_big(struct iphdr *ip, void *end)
{
	struct icmp_error *icmp = (void *)ip + ip->ihl * 4;
	struct iphdr *quoted = (void *)(icmp + 1);
	if (ip->ihl < 5 || ip->frag_off & bpf_htons(FRAGMENT_OFFSET | MORE_FRAGMENTS)) return 0;
	if ((void *)(quoted + 1) > end) return 0;
	if (icmp->type != UNREACHABLE || icmp->code != FRAGMENTATION_NEEDED) return 0;
	if (quoted->protocol == IPPROTO_ESP) return 1;
	struct udphdr *udp = (void *)quoted + quoted->ihl * 4;
	if (quoted->protocol != IPPROTO_UDP || quoted->ihl < 5 || (void *)(udp + 1) > end) return 0;
	return udp->source == bpf_htons(PORT_ESP_IN_UDP);
}

// The same of IPv6 (RFC 4443 section 3.2). Behind extension headers of the quoted packet nothing is looked for: the router
// tells what it is about.
static __always_inline int is_too_big_v6(struct ipv6hdr *ip, void *end)
{
	struct icmp6_error *icmp = (void *)(ip + 1);
	struct ipv6hdr *quoted = (void *)(icmp + 1);
	if (ip->nexthdr != IPPROTO_ICMPV6 || (void *)(quoted + 1) > end) return 0;
	if (icmp->type != PACKET_TOO_BIG_V6) return 0;
	if (quoted->nexthdr == IPPROTO_ESP) return 1;
	struct udphdr *udp = (void *)(quoted + 1);
	if (quoted->nexthdr != IPPROTO_UDP || (void *)(udp + 1) > end) return 0;
	return udp->source == bpf_htons(PORT_ESP_IN_UDP);
}

SEC("xdp") int steer(struct xdp_md *context)
{
	void *at = (void *)(long)context->data;
	void *end = (void *)(long)context->data_end;

	struct ethhdr *ethernet = at;
	if ((void *)(ethernet + 1) > end) return XDP_PASS;
	__be16 type = ethernet->h_proto;
	at = ethernet + 1;

	for (int tags = 0; tags < MAX_TAGS; tags++) {
		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD)) break;
		struct vlan_tag *tag = at;
		if ((void *)(tag + 1) > end) return XDP_PASS;
		type = tag->type;
		at = tag + 1;
	}

	if (type == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;
		if ((void *)(ip + 1) > end) return XDP_PASS;
		struct in6_addr destination = ip->daddr;
		if (!bpf_map_lookup_elem(&owned_v6, &destination)) return XDP_PASS;
		if (!is_esp_v6(ip, end) && !is_too_big_v6(ip, end)) return XDP_PASS;
		return bpf_redirect_map(&xsks, context->rx_queue_index, XDP_PASS);
	}
	if (type != bpf_htons(ETH_P_IP)) return XDP_PASS;
	struct iphdr *ip = at;
	if ((void *)(ip + 1) > end) return XDP_PASS;
	if (ip->protocol != IPPROTO_ESP && ip->protocol != IPPROTO_UDP && ip->protocol != IPPROTO_ICMP) return XDP_PASS;
	__be32 destination = ip->daddr;
	if (!bpf_map_lookup_elem(&owned_v4, &destination)) return XDP_PASS;
	if (ip->protocol == IPPROTO_UDP && !is_esp_in_udp(ip, end)) return XDP_PASS;
	if (ip->protocol == IPPROTO_ICMP && !is_too_big(ip, end)) return XDP_PASS;
	return bpf_redirect_map(&xsks, context->rx_queue_index, XDP_PASS);
}

// For the trusted interface when its driver sends without copying: most drivers
// serve AF_XDP only while a program is there.
SEC("xdp") int pass(struct xdp_md *context)
{
	(void)context;
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual MIT/GPL";
