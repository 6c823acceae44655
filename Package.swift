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

/// A module of the server, whose folder has a README.md; or, with a path of its own, of tests and measurements.
func module(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil,
    resources: [Resource]? = nil, linker: [LinkerSetting]? = nil
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path, exclude: path == nil ? ["README.md"] : [],
        resources: resources, swiftSettings: strict, linkerSettings: linker)
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
        // What Benchmarks/ measures, a package of its own that sees public declarations only.
        .library(
            name: "MeasuredModules",
            targets: ["API", "HTTP", "Locking", "IOVAAllocation", "LinuxReleases", "AddressSpaces"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // Tests only: openapi.yaml is read with it.
        .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.2"),
    ],
    targets: [
        // The core: pure values, no Foundation, no C.
        module("AddressSpaces"),
        module("LinuxReleases"),
        module("IOVAAllocation", ["LinuxReleases", "AddressSpaces"]),
        module("Machines", ["AddressSpaces"]),
        module("MSIWindows", ["Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces"]),
        module("Sandboxes", ["MSIWindows", "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces"]),
        module("Fleet", ["MSIWindows", "Machines", "LinuxReleases", "AddressSpaces"]),

        // The C fence.
        .systemLibrary(
            name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        // libmicrohttpd's package brings it.
        .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .target(name: "CSimdJSON", exclude: ["README.md"], linkerSettings: [.linkedLibrary("simdjson")]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CPostgreSQL", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        // Its headers; the library is loaded by name.
        .target(name: "CCurl", exclude: ["README.md"]),

        // The rim.
        module("Locking"),
        module("Storage", ["Locking"]),
        module("Digests", ["CGnuTLS"]),
        module("SQLiteStorage", ["Storage", "Locking", "CSQLite"]),
        module("PostgreSQLStorage", ["Storage", "Locking", "CPostgreSQL"]),
        module("JSON", ["CSimdJSON", "AddressSpaces"]),
        module("Ingestion", ["Machines", "LinuxReleases", "AddressSpaces", "JSON"]),
        module("HTTP", ["Locking", "AddressSpaces", "CZlib"]),
        module(
            "MicroHTTP", ["HTTP", "AddressSpaces", "Locking", "CMicroHTTPD", "CGnuTLS"],
            // EpollControl.swift: libmicrohttpd must find it.
            linker: [.unsafeFlags(["-Xlinker", "--export-dynamic-symbol=epoll_ctl"])]),
        module("HTTPClient", ["CCurl"]),
        module(
            "API",
            [
                "Ingestion", "HTTP", "JSON", "Locking", "Storage", "Digests", "Fleet", "Sandboxes", "MSIWindows",
                "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces",
            ], resources: [.embedInCode("Resources/atlas.json")]),
        .executableTarget(
            name: "iovad",
            dependencies: [
                "API", "MicroHTTP", "HTTPClient", "Ingestion", "HTTP", "JSON", "SQLiteStorage",
                "PostgreSQLStorage", "Storage", "Locking", "Fleet", "MSIWindows",
                "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            exclude: ["README.md"], swiftSettings: strict),

        // Never part of the server. The allocator's tests need the linear walk as their oracle, so it is a
        // target of this package; the benchmark takes it from here.
        module(
            "LinearWalk", ["IOVAAllocation", "LinuxReleases", "AddressSpaces"],
            path: "Benchmarks/Sources/LinearWalk"),
        module("TestSupport", ["AddressSpaces"], path: "Tests/Support/TestSupport"),
        module("SecondAML", path: "Tests/Support/SecondAML"),
        .executableTarget(
            name: "StorageDriver", dependencies: ["SQLiteStorage", "Storage", "TestSupport"],
            path: "Tests/Support/StorageDriver", swiftSettings: strict),
        // The second reader of device trees.
        .systemLibrary(
            name: "CDeviceTree", path: "Tests/Support/CDeviceTree", providers: [.apt(["libfdt-dev"])]),
        .target(
            name: "OpenAPI", dependencies: ["TestSupport", .product(name: "Yams", package: "Yams")],
            path: "Tests/Support/OpenAPI", swiftSettings: strict),

        // Tests: a folder a module, and those that ask the whole house.
        tests("OpenAPITests", ["OpenAPI"]),
        tests("AddressSpacesTests", ["AddressSpaces"]),
        tests(
            "IOVAAllocationTests",
            ["IOVAAllocation", "LinearWalk", "LinuxReleases", "AddressSpaces", "API", "MSIWindows", "JSON"],
            exclude: ["Fixtures"]),
        tests("MachinesTests", ["Machines", "AddressSpaces"]),
        tests(
            "MSIWindowsTests", ["MSIWindows", "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces"]),
        tests(
            "SandboxesTests",
            ["Sandboxes", "MSIWindows", "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces"]),
        tests("FleetTests", ["Fleet", "MSIWindows", "Machines", "AddressSpaces"]),
        tests(
            "RenderingTests",
            ["Fleet", "Ingestion", "MSIWindows", "Machines", "LinuxReleases", "AddressSpaces"]),
        tests("JSONTests", ["JSON", "AddressSpaces", "OpenAPI"]),
        tests(
            "IngestionTests", ["Ingestion", "Machines", "AddressSpaces", "JSON", "SecondAML", "CDeviceTree"],
            exclude: ["Fixtures"]),
        tests("HTTPTests", ["HTTP", "MicroHTTP", "Locking"]),
        tests("HTTPClientTests", ["HTTPClient"]),
        // StorageDriver is run as a process, and killed.
        tests("StorageTests", ["Storage", "SQLiteStorage", "PostgreSQLStorage", "Locking", "StorageDriver"]),
        tests("MicroHTTPTests", ["MicroHTTP", "HTTP", "Locking"], exclude: ["raw-heads.json"]),
        tests(
            "APITests",
            [
                "API", "OpenAPI", "HTTP", "JSON", "MicroHTTP", "Locking", "Storage", "Ingestion", "Fleet",
                "Sandboxes",
                "MSIWindows", "Machines", "IOVAAllocation", "LinuxReleases", "AddressSpaces", "iovad",
                "LinearWalk",
            ]),
        tests(
            "CaptureTests",
            [
                "API", "OpenAPI", "HTTP", "Ingestion", "JSON", "MSIWindows", "Machines", "IOVAAllocation",
                "LinuxReleases", "AddressSpaces",
            ]),
        tests("CommandLineTests", ["iovad"]),
        // The command as a process: it depends on the executable so that it is built first.
        tests("CommandTests", ["iovad", "MicroHTTP", "Locking", "OpenAPI", "HTTP"]),
        tests("ArchitectureTests", exclude: ["module-graph.txt"]),
        .testTarget(
            name: "BrowserTests", dependencies: ["iovad", "TestSupport"], exclude: ["accessibility.js"],
            swiftSettings: strict),
    ],
    cxxLanguageStandard: .cxx17
)
