// swift-tools-version: 6.2
//
// Measurements, apart from the server: the benchmark, and the C server that shows what the transport alone
// costs. A package of its own, so that nothing here can be linked into iovad. The linear walk lies in
// Sources/LinearWalk but is a target of the package above, whose tests need it as well: two packages of one
// build cannot both have the module.

import PackageDescription

let package = Package(
    name: "iovad-benchmarks",
    products: [
        .executable(name: "iovad-bench", targets: ["IovadBench"]),
        .executable(name: "yardstick", targets: ["yardstick"]),
    ],
    dependencies: [
        .package(name: "iovad", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: [
        .executableTarget(
            name: "IovadBench",
            dependencies: [
                .product(name: "MeasuredModules", package: "iovad"),
                .product(name: "LinearWalk", package: "iovad"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("ExistentialAny"),
            ]),
        .executableTarget(name: "yardstick", linkerSettings: [.linkedLibrary("microhttpd")]),
    ],
    cxxLanguageStandard: .cxx17
)
