// Runs the built command as its users do, and reads what it prints.

import Foundation
import Testing

struct Command {
    let status: Int32
    let output: String
    let errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// The executable lies beside the test bundle.
    static let executable = URL(fileURLWithPath: CommandLine.arguments[0])
        .resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent("iovad")

    /// Waits until the command ends. What it prints goes to `output`, if that is given, and is not read. The
    /// variables of `environment` stand before our own.
    init(_ arguments: [String], output sink: String? = nil, environment: [String: String] = [:]) throws {
        let process = Process()
        process.executableURL = Self.executable
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let files = (0..<2).map { _ in
            FileManager.default.temporaryDirectory.appendingPathComponent("iovad-test-\(UUID().uuidString)")
        }
        for file in files { try Data().write(to: file) }
        defer { files.forEach { try? FileManager.default.removeItem(at: $0) } }
        process.standardOutput = try FileHandle(
            forWritingTo: sink.map(URL.init(fileURLWithPath:)) ?? files[0])
        process.standardError = try FileHandle(forWritingTo: files[1])
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        output = try String(contentsOf: files[0], encoding: .utf8)
        errors = try String(contentsOf: files[1], encoding: .utf8)
    }
}

/// A folder of files for one test, removed at its end.
final class Folder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("iovad-test-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    /// Writes a file and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        let file = url.appendingPathComponent(name)
        try text.write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }
}
