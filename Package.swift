// swift-tools-version: 6.2
//
// One target a module of the house; the arrows point down only. The graph that these dependencies draw is
// held by Tests/ArchitectureTests against a golden file.

import PackageDescription

/// Every Swift target is compiled alike: an import is internal unless it says `public`, members are
/// visible only from modules that the file imports itself, and an existential must be spelled `any`.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("ExistentialAny"),
]

func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil,
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, resources: resources, swiftSettings: strict)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, swiftSettings: strict)
}

let package = Package(
    name: "iovad",
    products: [
        .executable(name: "iovad", targets: ["iovad"]),
        // For Benchmarks/, a package of its own that sees public declarations only: what it measures, and what
        // it measures that against.
        .library(
            name: "MeasuredModules",
            targets: [
                "APIContract", "APIService", "HTTPMessages", "Locking", "AllocatorTraces", "IOVAAllocation",
                "AddressSpaces",
            ]),
        .library(name: "LinearWalk", targets: ["LinearWalk"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Tests only: openapi.yaml is read with it.
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ],
    targets: [
        // The core: pure values, no Foundation, no C.
        module("AddressSpaces"),
        module("IOVAAllocation", ["AddressSpaces"]),
        module("AllocatorTraces", ["IOVAAllocation", "AddressSpaces"]),
        module("SMMUModel", ["AddressSpaces"]),
        module("Platforms", ["SMMUModel", "AddressSpaces"]),
        module("MSIWindows", ["Platforms", "IOVAAllocation", "SMMUModel", "AddressSpaces"]),
        module("FleetQueries", ["MSIWindows", "Platforms", "SMMUModel", "AddressSpaces"]),
        module("Sessions", ["MSIWindows", "Platforms", "IOVAAllocation", "SMMUModel", "AddressSpaces"]),

        // The C fence.
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CDeviceTree", providers: [.apt(["libfdt-dev"])]),
        .target(name: "CSimdJSON", linkerSettings: [.linkedLibrary("simdjson")]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // The rim.
        module("GzipCoding", ["CZlib"]),
        module("Locking"),
        module("WireJSON", ["CSimdJSON"]),
        module("PlatformWire", ["Platforms", "SMMUModel", "WireJSON"]),
        module(
            "PlatformIngestion",
            ["PlatformWire", "Platforms", "SMMUModel", "AddressSpaces", "CDeviceTree", "WireJSON"]),
        module("HTTPMessages"),
        module("EventStreams", ["HTTPMessages", "Locking"]),
        module("MicroHTTPServer", ["HTTPMessages", "Locking", "CMicroHTTPD"]),
        module(
            "APIContract",
            [
                "PlatformWire", "WireJSON", "HTTPMessages", "FleetQueries", "Sessions", "MSIWindows",
                "Platforms",
                "AllocatorTraces", "IOVAAllocation", "SMMUModel", "AddressSpaces",
            ]),
        module(
            "APIService",
            [
                "APIContract", "EventStreams", "HTTPMessages", "Locking", "WireJSON", "PlatformIngestion",
                "FleetQueries", "Sessions", "MSIWindows", "Platforms", "AllocatorTraces", "IOVAAllocation",
                "SMMUModel", "AddressSpaces",
            ], resources: [.embedInCode("Resources/atlas.json")]),
        .executableTarget(
            name: "iovad",
            dependencies: [
                "APIService", "APIContract", "GzipCoding", "HTTPMessages", "Locking", "MicroHTTPServer",
                "WireJSON", "PlatformIngestion", "FleetQueries", "MSIWindows", "Platforms",
                "AllocatorTraces", "IOVAAllocation", "AddressSpaces",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Never part of the server. The allocator's tests need the linear walk as their oracle, so it is a
        // target of this package; the benchmark takes it from here.
        module(
            "LinearWalk", ["AllocatorTraces", "IOVAAllocation", "AddressSpaces"],
            path: "Benchmarks/Sources/LinearWalk"),
        module("TestSupport", path: "Tests/Support/TestSupport"),
        .target(
            name: "OpenAPI", dependencies: ["TestSupport", .product(name: "Yams", package: "Yams")],
            path: "Tests/Support/OpenAPI", swiftSettings: strict),

        // Tests.
        tests("OpenAPITests", ["OpenAPI"]),
        tests("AddressSpacesTests", ["AddressSpaces"]),
        tests("SMMUModelTests", ["SMMUModel", "AddressSpaces"]),
        tests(
            "IOVAAllocationTests",
            [
                "IOVAAllocation", "AllocatorTraces", "LinearWalk", "AddressSpaces", "APIContract",
                "MSIWindows", "WireJSON",
            ], exclude: ["Fixtures"]),
        tests("WireJSONTests", ["WireJSON"]),
        tests("GzipCodingTests", ["GzipCoding"]),
        tests("HTTPMessagesTests", ["HTTPMessages"]),
        tests("MicroHTTPServerTests", ["MicroHTTPServer", "HTTPMessages", "Locking"]),
        tests("EventStreamsTests", ["EventStreams", "MicroHTTPServer", "HTTPMessages", "Locking"]),
        tests(
            "PlatformIngestionTests",
            ["PlatformIngestion", "Platforms", "SMMUModel", "AddressSpaces", "WireJSON"]),
        tests(
            "MSIWindowsTests",
            ["MSIWindows", "Platforms", "IOVAAllocation", "SMMUModel", "AddressSpaces"]),
        tests(
            "CaptureTests",
            [
                "APIService", "HTTPMessages", "PlatformIngestion", "MSIWindows", "Platforms",
                "IOVAAllocation",
                "SMMUModel", "AddressSpaces", "OpenAPI",
            ]),
        tests(
            "SessionsTests",
            ["Sessions", "MSIWindows", "Platforms", "IOVAAllocation", "SMMUModel", "AddressSpaces"]),
        tests(
            "APIServiceTests",
            [
                "APIService", "APIContract", "HTTPMessages", "MicroHTTPServer", "MSIWindows",
                "IOVAAllocation",
                "AddressSpaces", "Locking", "OpenAPI", "FleetQueries", "Sessions", "Platforms", "SMMUModel",
                "PlatformIngestion", "PlatformWire", "AllocatorTraces", "iovad",
            ]),
        tests("CommandLineTests", ["iovad"]),
        // The command as a process: it depends on the executable so that it is built first.
        tests("CommandTests", ["iovad", "MicroHTTPServer", "Locking", "OpenAPI"]),
        tests(
            "FleetQueriesTests", ["FleetQueries", "MSIWindows", "Platforms", "SMMUModel", "AddressSpaces"]),
        tests("ArchitectureTests", exclude: ["module-graph.txt"]),
        .testTarget(
            name: "BrowserTests", dependencies: ["iovad", "TestSupport"], exclude: ["accessibility.js"],
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
