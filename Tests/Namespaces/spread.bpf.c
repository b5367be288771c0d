// SPDX-License-Identifier: MIT
//
// For a veth link of two queues: every other ESP packet, in UDP or not, by the last bit of its number, goes by another queue, as if a network
// card had spread them. The queue follows from the hash.
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define LAST_BYTE_OF_NUMBER (14 + 20 + 7)
#define UDP_PORT (14 + 20 + 2)
#define UDP_HEADER 8
#define PROTOCOL (14 + 9)
#define ESP 50
#define UDP 17
#define ESP_IN_UDP 4500

SEC("tc") int spread(struct __sk_buff *packet)
{
	__u8 protocol = 0, last = 0;
	__u16 port = 0;
	int number = LAST_BYTE_OF_NUMBER;
	bpf_skb_load_bytes(packet, PROTOCOL, &protocol, 1);
	if (protocol == UDP) {
		bpf_skb_load_bytes(packet, UDP_PORT, &port, 2);
		if (port != bpf_htons(ESP_IN_UDP)) return 0;
		number += UDP_HEADER;
	} else if (protocol != ESP) {
		return 0;
	}
	if (bpf_skb_load_bytes(packet, number, &last, 1) < 0) return 0;
	bpf_set_hash(packet, last & 1 ? 0xffffffff : 1);
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
