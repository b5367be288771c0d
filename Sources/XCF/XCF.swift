// The XCF link: gRPC over mutual TLS between members (docs/link.md).
