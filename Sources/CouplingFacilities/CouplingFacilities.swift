// The coupling facility, embedded and etcd (docs/coupling.md).
