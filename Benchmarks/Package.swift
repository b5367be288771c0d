// swift-tools-version: 6.2
import PackageDescription

/// The measurements: a package of its own, so that who builds Viaduct builds none of it.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

let package = Package(
    name: "viaduct-benchmarks",
    dependencies: [
        .package(name: "viaduct", path: ".."),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        // The same packet path in C, for the ratio; and a sealer, for the packets.
        .target(name: "CTwin", cSettings: [.unsafeFlags(["-O3"])], linkerSettings: [.linkedLibrary("IPSec_MB")]),
        .target(
            name: "Workload",
            dependencies: [
                "CTwin",
                .product(name: "FastPath", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
                .product(name: "CMachine", package: "viaduct"),
            ],
            swiftSettings: settings),
        // The report: `swift package benchmark`.
        .executableTarget(
            name: "RouterBenchmarks",
            dependencies: ["Workload", .product(name: "Benchmark", package: "benchmark")],
            path: "Benchmarks/RouterBenchmarks",
            swiftSettings: settings,
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")]),
        // Both ends of the run over veth: scripts/bench/veth.py.
        .target(name: "VethGenerator", dependencies: ["CTwin"], linkerSettings: [.linkedLibrary("xdp")]),
        .executableTarget(
            name: "VethBench",
            dependencies: [
                "Workload", "VethGenerator",
                .product(name: "FastPath", package: "viaduct"),
                .product(name: "CMachine", package: "viaduct"),
            ],
            swiftSettings: settings),
        // Two workers beside one: scripts/bench/run.sh.
        .executableTarget(
            name: "WorkerBench",
            dependencies: [
                "Workload",
                .product(name: "FastPath", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "CMachine", package: "viaduct"),
            ],
            swiftSettings: settings),
        // IKE: scripts/bench/ike.py.
        .target(name: "ProcessMeter"),
        .executableTarget(
            name: "IKEBench",
            dependencies: [
                "Workload", "ProcessMeter",
                .product(name: "ControlPlane", package: "viaduct"),
                .product(name: "Credentials", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
            ],
            swiftSettings: settings),
        // The link between members: scripts/bench/run.sh.
        .executableTarget(
            name: "LinkBench",
            dependencies: [
                "Workload",
                .product(name: "XCF", package: "viaduct"),
                .product(name: "ControlPlane", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: settings),
        // Sequence leases: the peer's model over many packets, and the real service. Its models are those of the unit tests.
        .executableTarget(
            name: "LeaseBench",
            dependencies: [
                "Workload",
                .product(name: "ControlPlane", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "CouplingBench",
            dependencies: [
                .product(name: "ControlPlane", package: "viaduct"),
                .product(name: "CouplingFacilities", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
            ],
            swiftSettings: settings),
        // Many SAs and connections, and whole packets beside the bare ciphers.
        .executableTarget(
            name: "ScaleBench",
            dependencies: [
                "Workload",
                .product(name: "FastPath", package: "viaduct"),
                .product(name: "Associations", package: "viaduct"),
                .product(name: "Wire", package: "viaduct"),
            ],
            swiftSettings: settings),
        // One path over n packets and nothing else, for counting instructions under callgrind.
        .target(name: "FixedRandom"),
        .executableTarget(
            name: "PacketPathProbe", dependencies: ["Workload", "FixedRandom"], swiftSettings: settings),
    ]
)
