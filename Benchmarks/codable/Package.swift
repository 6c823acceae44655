// swift-tools-version: 6.2
//
// A yardstick for requests over HTTP: the usual way to write such a service in Swift. A package of its own, which
// `make bench` leaves out where Hummingbird does not resolve.

import PackageDescription

let package = Package(
    name: "hummingbird-yardstick",
    platforms: [.macOS(.v14)],
    dependencies: [
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1")
    ],
    targets: [
        .executableTarget(
            name: "Yardstick", dependencies: [.product(name: "Hummingbird", package: "hummingbird")])
    ]
)
