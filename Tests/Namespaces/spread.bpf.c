// SPDX-License-Identifier: MIT
//
// For a veth link of two queues: every other ESP packet, by the last bit of its number, goes by another queue, as if a network
// card had spread them. The queue follows from the hash.
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define LAST_BYTE_OF_NUMBER (14 + 20 + 7)
#define PROTOCOL (14 + 9)
#define ESP 50

SEC("tc") int spread(struct __sk_buff *packet)
{
	__u8 protocol = 0, last = 0;
	bpf_skb_load_bytes(packet, PROTOCOL, &protocol, 1);
	if (protocol != ESP || bpf_skb_load_bytes(packet, LAST_BYTE_OF_NUMBER, &last, 1) < 0) return 0;
	bpf_set_hash(packet, last & 1 ? 0xffffffff : 1);
	return 0;
}

char _license[] SEC("license") = "Dual MIT/GPL";
