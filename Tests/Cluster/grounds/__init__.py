"""Where it happens: names, addresses and links, and etcd on a host of its own."""
