// swift-tools-version: 6.2
//
// Measurements that link what they measure, apart from the server: the allocator beside a walk in C, and sessions
// without a socket. A package of its own, so that nothing here can be linked into iovad. Requests over HTTP are
// measured by http/, which links nothing. Sources/LinearWalk is a target of the package above, whose tests need it.

import PackageDescription

let package = Package(
    name: "iovad-benchmarks",
    products: [
        .executable(name: "iovad-bench", targets: ["IovadBench"])
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
                "RedBlackWalk",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: [
                .enableUpcomingFeature("InternalImportsByDefault"),
                .enableUpcomingFeature("MemberImportVisibility"),
                .enableUpcomingFeature("ExistentialAny"),
            ]),
        .target(name: "RedBlackWalk"),
    ],
    cxxLanguageStandard: .cxx17
)
