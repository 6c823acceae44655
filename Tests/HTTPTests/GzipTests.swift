// What we pack is held against the gzip command, which unpacks it.

import Foundation
import TestSupport
import Testing

@testable import HTTP

struct GzipTests {
    private func unpacked(_ bytes: [UInt8]) throws -> [UInt8] {
        let file = FileManager.default.temporaryDirectory
            .appendingPathComponent("iovad-test-\(UUID().uuidString).gz")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["gzip", "-dc", file.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return Array(data)
    }

    @Test func gzipReadsIt() throws {
        var random = SeededGenerator.forTest("gzipReadsIt", fallback: 0x9219)
        for count in [0, 1, 2, 1000, 100_000, 1 << 20] {
            let noise = (0..<count).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
            let text = (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 7) }
            for bytes in [noise, text] {
                let packed = try #require(Gzip.packed(bytes))
                let isSame = try unpacked(packed) == bytes
                #expect(isSame, "\(count) bytes")
                #expect(Gzip.packed(bytes) == packed)
            }
            #expect(count < 1000 || Gzip.packed(text)!.count < count / 10)
        }
    }
}
