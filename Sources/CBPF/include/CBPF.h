// The thin surface over libbpf and libxdp, and what Linux's 6.1 headers do not name yet.
#pragma once
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/socket.h>
#include <xdp/xsk.h>
