// `iovad replay`: runs allocator traces from files, and holds them against what they expect.

import API
import ArgumentParser
import IOVAAllocation
import LinuxReleases

struct Replay: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run allocator traces from files.",
        discussion: """
            A file is a listed vector (a body of POST /v1/replays will do) or a digest vector. With --check
            each run is held against the results that its file expects: one line a file that differs, then
            "N passed, N failed"; the exit status is 1 when any failed. Otherwise the results are printed,
            one JSON object a file.
            """)

    @Flag(help: "Compare with the expected results instead of printing the results.")
    var check = false
    @Option(help: "Kernel release to model, over what a file says. Default 7.2.")
    var kernel: String?
    @Option(help: "Online CPUs, which the depot trimmer looks at, over what a file says. Default 1.")
    var cpus: Int?
    @Argument(help: ArgumentHelp("Trace or vector files.", valueName: "file"))
    var files: [String]

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file") }
        if let kernel { _ = try FlagValue.read("--kernel", kernel, Condition.kernel) }
        if let cpus { _ = try FlagValue.read("--cpus", String(cpus), ReplayRequest.cpus) }
    }

    func run() throws {
        var failed = 0
        for path in files {
            do {
                try run(path)
            } catch {
                failed += 1
                let line = "\(path): \(error.text)"
                if check { print(line) } else { Console.say(line) }
            }
        }
        if check { print("\(files.count - failed) passed, \(failed) failed") }
        if failed > 0 { throw ExitCode(1) }
    }

    private func run(_ path: String) throws(ReplayFile.Failure) {
        let file = try ReplayFile(path, release: kernel.flatMap(KernelRelease.init), cpus: cpus)
        if check { try file.check() } else { print(try file.answer(file: path)) }
    }
}
