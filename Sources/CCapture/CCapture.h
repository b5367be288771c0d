// libpcap, for capture files. Its filter programs have the names of the kernel's and libbpf's own structures, with which
// they must not be confused in one Swift module; nothing of ours compiles a filter, so here they are called otherwise.
#pragma once
#define bpf_insn pcap_bpf_insn
#define bpf_program pcap_bpf_program
#include <pcap/pcap.h>
#undef bpf_insn
#undef bpf_program
