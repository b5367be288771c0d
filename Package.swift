// swift-tools-version: 6.2
import PackageDescription

/// Every module of ours: pointers only behind a named door (docs/house.md), imports stated where they are used.
let house: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatWarning("StrictMemorySafety", as: .error),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
]

/// `VIADUCT_FUZZ=1` builds the fuzz targets and instruments what they run over (scripts/fuzz.sh); a usual build has
/// neither, because an instrumented module only links into a fuzzer. Fuzzers see what tests see.
let isFuzzing = Context.environment["VIADUCT_FUZZ"] != nil
let instrumented: [SwiftSetting] = isFuzzing ? [.unsafeFlags(["-sanitize=fuzzer,address", "-enable-testing"])] : []

/// FastPath alone may return spans (its `FrameMemory`): the feature is still experimental in Swift 6.3.
let fastPath = house + instrumented + [.enableExperimentalFeature("Lifetimes")]

/// Tests make bytes and pointers freely.
let tests: [SwiftSetting] = [
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableExperimentalFeature("Lifetimes"),
]

let grpc: [Target.Dependency] = [
    .product(name: "GRPCCore", package: "grpc-swift-2"),
    .product(name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport"),
    .product(name: "GRPCProtobuf", package: "grpc-swift-protobuf"),
    .product(name: "SwiftProtobuf", package: "swift-protobuf"),
]

let package = Package(
    name: "viaduct",
    products: [
        .executable(name: "viaduct", targets: ["viaduct"]),
        .library(name: "FastPath", targets: ["FastPath"]),
        .library(name: "Associations", targets: ["Associations"]),
        .library(name: "Wire", targets: ["Wire"]),
        .library(name: "CMachine", targets: ["CMachine"]),
        .library(name: "ControlPlane", targets: ["ControlPlane"]),
        .library(name: "Credentials", targets: ["Credentials"]),
        .library(name: "XCF", targets: ["XCF"]),
        .library(name: "CouplingFacilities", targets: ["CouplingFacilities"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        // X.509, for Credentials alone.
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        // The XCF link and etcd, for XCF and CouplingFacilities alone.
        .package(url: "https://github.com/grpc/grpc-swift-2", from: "2.4.3"),
        .package(url: "https://github.com/grpc/grpc-swift-nio-transport", from: "2.9.2"),
        .package(url: "https://github.com/grpc/grpc-swift-protobuf", from: "2.4.1"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        // What gRPC stands on, where its own words are not enough: XCF alone.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        // The embedded coupling facility's database.
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // The thin C surfaces. No algorithm of ours lives in them.
        .target(name: "CMachine"),
        .target(name: "CCrypto", linkerSettings: [.linkedLibrary("crypto"), .linkedLibrary("dl")]),
        .target(name: "CBPF", linkerSettings: [.linkedLibrary("xdp"), .linkedLibrary("bpf")]),
        .systemLibrary(name: "CCapture", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),

        // The XDP program: compiled by clang for bpf, carried inside the executable.
        .executableTarget(name: "bpfembed"),
        .plugin(name: "CompileBPF", capability: .buildTool(), dependencies: ["bpfembed"]),
        .target(name: "XDPProgram", plugins: ["CompileBPF"]),

        .target(name: "Wire", dependencies: ["CMachine"], swiftSettings: house + instrumented),
        .target(name: "Associations", dependencies: ["Wire", "CMachine"], swiftSettings: house),
        .target(
            name: "FastPath",
            dependencies: ["Wire", "Associations", "CMachine", "CCrypto", "CBPF", "CCapture", "XDPProgram"],
            swiftSettings: fastPath),
        // ML-KEM, which OpenSSL 3.0 has not.
        .target(
            name: "PostQuantum",
            dependencies: ["Associations", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: house),
        .target(
            name: "ControlPlane",
            dependencies: ["Wire", "Associations", "CMachine", "CCrypto", "PostQuantum"],
            swiftSettings: house + instrumented),
        .target(
            name: "Credentials",
            dependencies: [
                "ControlPlane", "Associations", "Wire", .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ],
            swiftSettings: house),
        .target(
            name: "XCF",
            dependencies: ["ControlPlane", "Associations", "Wire"] + grpc + [
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
            ],
            exclude: ["Protos"],
            swiftSettings: house),
        .target(
            name: "CouplingFacilities",
            dependencies: ["ControlPlane", "Associations", "Wire", .product(name: "GRDB", package: "GRDB.swift")]
                + grpc,
            exclude: ["Protos"],
            swiftSettings: house),
        .target(
            name: "Configuration",
            dependencies: ["Wire", "Associations", .product(name: "Yams", package: "Yams")],
            swiftSettings: house),
        .executableTarget(
            name: "viaduct",
            dependencies: [
                "Wire", "Associations", "Configuration", "FastPath", "ControlPlane", "Credentials", "CMachine",
                "XCF", "CouplingFacilities",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: house),

        .target(
            name: "TestSupport", dependencies: ["Wire", "Associations", "FastPath", "CCrypto"],
            path: "Tests/TestSupport", swiftSettings: tests),
        // What scapy and tshark look at (Tests/Oracles/run.py).
        .executableTarget(
            name: "HostOverCapture",
            dependencies: [
                "TestSupport", "Configuration", "FastPath", "Associations", "Wire",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Oracles/HostOverCapture", swiftSettings: tests),
        // Published vectors below ESP (Tests/Oracles/vectors.py).
        .target(
            name: "CVectors", dependencies: ["CCrypto"], path: "Tests/Oracles/CVectors",
            linkerSettings: [.linkedLibrary("crypto")]),
        .executableTarget(
            name: "CipherVectors", dependencies: ["CCrypto", "CVectors"], path: "Tests/Oracles/CipherVectors",
            swiftSettings: tests),
        .target(name: "Commands", path: "Tests/Commands", swiftSettings: tests),
        .testTarget(name: "WireTests", dependencies: ["Wire", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "AssociationsTests", dependencies: ["Associations", "Wire"], swiftSettings: tests),
        .testTarget(
            name: "FastPathTests", dependencies: ["FastPath", "TestSupport", "Wire", "Associations"],
            exclude: ["Vectors"],
            swiftSettings: tests),
        .testTarget(
            name: "PortTests",
            dependencies: ["FastPath", "Commands", "Associations", "Wire", "CMachine", "CBPF", "XDPProgram"],
            exclude: ["Fixtures"],
            swiftSettings: tests),
        .testTarget(
            name: "ControlPlaneTests", dependencies: ["ControlPlane", "Commands", "Wire", "Associations"],
            exclude: ["IKE/Fixtures"],
            swiftSettings: tests),
        .testTarget(
            name: "CredentialsTests",
            dependencies: [
                "Credentials", "ControlPlane", "Wire", "Associations",
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ],
            exclude: ["Fixtures"],
            swiftSettings: tests),
        .testTarget(
            name: "XCFTests",
            dependencies: [
                "XCF", "ControlPlane", "Wire", "Associations", "Commands",
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "CouplingFacilitiesTests",
            dependencies: ["CouplingFacilities", "XCF", "ControlPlane", "Wire", "Associations", "Commands"],
            swiftSettings: tests),
        .testTarget(
            name: "ConfigurationTests", dependencies: ["Configuration", "Wire", "Associations"],
            swiftSettings: tests),
        .testTarget(
            name: "ViaductTests",
            dependencies: [
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                "viaduct", "Configuration", "ControlPlane", "FastPath", "TestSupport", "Wire", "Associations",
                "Commands",
            ],
            swiftSettings: tests),
        .testTarget(name: "TidyTests", dependencies: ["Commands", "FastPath"], swiftSettings: tests),
    ]
)

if isFuzzing {
    func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
        .executableTarget(
            name: name, dependencies: dependencies + ["FuzzDriver"], path: "Tests/Fuzz/\(name)",
            swiftSettings: tests + [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])])
    }
    package.targets += [
        .target(
            name: "FuzzDriver", path: "Tests/Fuzz/Driver",
            swiftSettings: tests + [.unsafeFlags(["-sanitize=fuzzer,address"])]),
        fuzzer("HostFuzzer", ["FastPath", "TestSupport", "Wire", "Associations"]),
        fuzzer("RouterFuzzer", ["FastPath", "TestSupport", "Wire", "Associations"]),
        fuzzer("ReassemblerFuzzer", ["FastPath", "TestSupport", "Wire"]),
        fuzzer("SegmentFuzzer", ["FastPath", "TestSupport", "Wire"]),
        fuzzer("IKEMessageFuzzer", ["ControlPlane"]),
        fuzzer("IKESessionFuzzer", ["ControlPlane", "Associations", "Wire"]),
    ]
}
