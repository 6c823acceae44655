// What runs beside a test: threads, for tests that need several things to happen at once, and other
// programs that serve as clients and judges: curl, openssl, gzip.

import Foundation
import Glibc

/// Runs `body` on `count` threads of its own and waits for all of them.
public func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Box: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var threads: [pthread_t] = []
    for number in 0..<count {
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            {
                Unmanaged<Box>.fromOpaque($0!).takeRetainedValue().run()
                return nil
            }, Unmanaged.passRetained(Box { body(number) }).toOpaque())
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
}

/// Runs a program found on PATH and gives its status and output.
public func run(_ arguments: String...) throws -> (status: Int32, output: String) { try run(arguments) }

/// The same with the arguments in an array.
public func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
}

/// A door that holds threads until it is opened. `@unchecked Sendable`: every `var` is touched only under
/// `lock`.
public final class Gate: @unchecked Sendable {
    private let lock = NSLock()
    private var isOpen = false
    private var arrived = 0

    public init() {}

    public func open() { lock.withLock { isOpen = true } }

    /// Waits until it is open, or until `giveUp` says so.
    public func pass(unless giveUp: () -> Bool = { false }) {
        lock.withLock { arrived += 1 }
        while !lock.withLock({ isOpen }), !giveUp() { usleep(500) }
    }

    /// Waits until so many have arrived.
    public func wait(for count: Int) { while lock.withLock({ arrived }) < count { usleep(500) } }
}
