// `iovad-bench allocator`: chooses workloads and sizes, and prints a table or JSON. The workloads are in
// Workload.swift, the measuring in BenchRunner.swift.

import ArgumentParser
import Glibc

struct AllocatorBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allocator",
        abstract:
            "The IOVA allocator beside a red-black tree in C that is walked as the kernel does, in one run.",
        discussion: """
            Times are medians and lowest of blocks in nanoseconds; the two implementations take turns.
            Compare within a run, never across runs. "check" is a digest of what the calls returned; "="
            says that it is the published one. The exit status is 1 when any check is wrong.
            """)

    @Flag(help: "Print JSON instead of a table.")
    var json = false
    @Option(help: ArgumentHelp("Run this workload only; may be repeated.", valueName: "name"))
    var workload: [String] = []
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Live ranges, in place of each workload's own list.", valueName: "n"))
    var sizes: [Int] = []

    func validate() throws {
        for name in workload where Workload(rawValue: name) == nil {
            let known = Workload.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("no workload \(name); known are \(known)")
        }
        for size in sizes where !(10...4_000_000).contains(size) {
            throw ValidationError("--sizes are 10 to 4000000, not \(size)")
        }
    }

    func run() throws {
        var runner = BenchRunner()
        // Memory first: later workloads leave a heap in which growth no longer shows.
        let chosen = Workload.allCases.filter { workload.isEmpty || workload.contains($0.rawValue) }
        if !json { print(BenchTable.head) }
        for one in chosen.filter({ $0 == .memory }) + chosen.filter({ $0 != .memory }) {
            for size in sizes.isEmpty ? one.sizes : sizes {
                guard size <= one.sizeMax else {
                    IovadBench.complain("\(one.rawValue) has no room for N = \(size); at most \(one.sizeMax)")
                    continue
                }
                let rows = runner.rows.count
                runner.run(one, size)
                guard !json, let row = runner.rows.dropFirst(rows).first else { continue }
                print(BenchTable.line(row))
                // Line by line, also into a pipe: the whole run takes minutes.
                fflush(nil)
            }
        }
        if json {
            IovadBench.printJSON(runner.json)
        } else {
            runner.growth.forEach { print(BenchTable.line($0)) }
            runner.memory.forEach { print(BenchTable.line($0)) }
            BenchTarget.judge(runner).forEach { print(BenchTable.line($0)) }
        }
        if runner.rows.contains(where: { !$0.isRight }) { throw ExitCode(1) }
    }
}
