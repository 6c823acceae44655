// Flags are read as members of a request are, with the same bounds and the same words.

import Foundation
import Testing

@Suite struct FlagValueTests {
    private func errors(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = DecideTests.executable
        process.arguments = arguments
        let stderr = Pipe()
        process.standardError = stderr
        process.standardOutput = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = stderr.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus != 0, "\(arguments)")
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: [
        (["replay", "--kernel", "linux", "f"], "--kernel linux: \"linux\" names no Linux release"),
        (["replay", "--cpus", "0", "f"], "--cpus 0: 0 is not in 1 to 8192."),
        (["survey", "--aperture-bits", "99", "f"], "--aperture-bits 99: 99 is not in 16 to 64."),
        (["survey", "--constant", "x", "f"], "--constant x: \"x\" is not a size;"),
        (
            ["survey", "--constant", "0xffffffffffffffff", "f"],
            "A window of 0x100000 bytes there would pass 2^64."
        ),
        (["place", "--vmm", "qemu-virt", "--ram", "1.5"], "--ram 1.5: A number with a fraction;"),
        (
            ["place", "--vmm", "qemu-virt", "--ram", "x"],
            "--ram x: \"x\" is not a size; send bytes like 0x40000000 or a size like 64G."
        ),
        (
            ["decide", "--platform", "p", "--explain", "all"],
            "--explain all: \"all\" is not one of \"none\","
        ),
        (
            [
                "decide", "--platform", "example-arm-juno", "--device", "/pcie@40000000", "--kernel", "linux",
            ], "\"linux\" names no Linux release"
        ),
    ])
    func aWrongFlagSaysWhatARequestWould(arguments: [String], sentence: String) throws {
        let said = try errors(arguments)
        #expect(said.contains(sentence), "\(said)")
    }
}
