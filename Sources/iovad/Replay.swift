// `iovad replay`: runs allocator traces from files. It prints their results or, with --check, compares them
// with those that the file expects and names the first difference. A listed trace is what POST /v1/replays
// takes; a digest vector describes a run that is too long to list.

import API
import AddressSpaces
import ArgumentParser
import IOVAAllocation
import JSON
import LinuxReleases

struct Replay: CheckedCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Run allocator traces from files.",
        discussion: """
            A file contains a listed vector (like the body of POST /v1/replays) or a digest vector; "-" is \
            standard input. With --check, each run is compared with the results that its file expects: one \
            line for each file that differs, then "N passed, N failed"; the exit status is 1 when any failed. \
            Without it, the results are printed, one JSON object per file. Files that cannot be run are \
            named on standard error.
            """)

    @Flag(help: "Compare with the expected results instead of printing the results.")
    var check = false
    @Option(
        help: "Kernel release to model; overrides the file's. Default: \(KernelRelease.newest.rawValue).",
        completion: CompletedValues.kernels)
    var kernel: String?
    @Option(help: "Online CPUs, which the depot trimmer counts; overrides the file's. Default: 1.")
    var cpus: Int?
    @Argument(
        help: ArgumentHelp("Trace or vector files; \"-\" is standard input.", valueName: "file"),
        completion: .file())
    var files: [String]

    func checkArguments() throws {
        guard !files.isEmpty else { throw ValidationError("name at least one file") }
        try StandardInput.check(files)
        _ = try profile
        if let cpus { _ = try FlagValue.read("--cpus", String(cpus), ReplayRequest.cpus) }
    }

    private var profile: KernelProfile? {
        get throws { try kernel.map { try FlagValue.read("--kernel", $0, Condition.kernel) } }
    }

    func answer() throws {
        let release = try profile
        var failed = 0
        for path in files {
            do throws(ReplayFile.Failure) {
                try run(path, release)
            } catch {
                failed += 1
                let place = path == "-" ? Files.standardInput : Report.printable(path)
                switch error {
                case .differs(let text): print("\(place): \(text)")
                case .unusable(let text): Console.say("Error: \(place): \(text)")
                case .anotherKind(let kind):
                    Console.say("Error: " + kind.complaint(about: place, insteadOf: "trace of the allocator"))
                }
            }
        }
        if check { print("\(files.count - failed) passed, \(failed) failed") }
        if failed > 0 { throw Ending.failed.code }
    }

    private func run(_ path: String, _ release: KernelProfile?) throws(ReplayFile.Failure) {
        let file = try ReplayFile(path, release: release, cpus: cpus)
        if check { try file.check() } else { print(try file.answer(file: path)) }
    }
}

/// A trace file with what it expects.
enum ReplayFile {
    case listed(ReplayVector)
    case digest(ReplayDigestVector)

    /// Why a file did not pass.
    enum Failure: Error {
        /// It ran, and the results are others than it expects.
        case differs(String)
        /// It cannot be read or run, or expects nothing.
        case unusable(String)
        /// It is a file for something else.
        case anotherKind(JSONFileKind)
    }

    /// Files are the caller's own, so only memory bounds them.
    private static let limits = JSONLimits(
        bytesMax: 1 << 30, depthMax: Limits.jsonDepthMax, valuesMax: 1 << 26)

    init(_ path: String, release: KernelProfile?, cpus: Int?) throws(Failure) {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try Files.contents(path, takesInput: true)
        } catch {
            throw .unusable(error.reason)
        }
        let root: JSONNode
        do {
            root = try JSONDocument(parsing: bytes, limits: Self.limits).root
        } catch {
            throw .unusable(Problem(error).detail)
        }
        let problems = ProblemList(limit: Limits.problemErrorsMax)
        if root.kind == .object, root.member("kind") != nil {
            var vector = ReplayDigestVector(root, problems)
            if let release { vector.run.release = release }
            if let cpus { vector.run.onlineCPUs = cpus }
            self = .digest(vector)
        } else {
            var vector = ReplayVector(root, problems)
            if let release { vector.trace.release = release }
            if let cpus { vector.trace.onlineCPUs = cpus }
            self = .listed(vector)
        }
        guard problems.isEmpty else { throw Self.failure(problems, bytes) }
    }

    private static func failure(_ problems: ProblemList, _ bytes: [UInt8]) -> Failure {
        if let kind = JSONFileKind(bytes), kind != .trace { return .anotherKind(kind) }
        let shown = problems.problems.prefix(3).map { "\(Report.member($0.pointer)): \($0.detail)" }
        let more = problems.problems.count + problems.dropped - shown.count
        return .unusable(shown.joined(separator: " ") + (more > 0 ? " And \(more) more mistakes." : ""))
    }

    static func failure(_ mistake: TraceMistake) -> Failure {
        let problem = mistake.problem
        return .unusable("\(Report.member(problem.pointer)): \(problem.detail)")
    }

    static func failure(_ error: IOVAInputError) -> Failure {
        .unusable("Linux would not survive the described run: \(error)")
    }
}

extension ReplayFile {
    /// One JSON object, without a newline.
    func answer(file: String) throws(Failure) -> String {
        switch self {
        case .listed(let vector): try Self.answer(vector.trace, file)
        case .digest(let vector): try Self.answer(vector.run, file)
        }
    }

    private static func answer(_ trace: AllocatorTrace, _ file: String) throws(Failure) -> String {
        var domain = trace.domain(IOVADomain.self)
        let results: [TraceResult]
        do {
            results = try trace.run(on: &domain)
        } catch {
            throw failure(error)
        }
        return object { writer in
            writer.member("file", file)
            writer.replayMembers(results, final: domain.heldRanges)
            writer.model(trace.release, engine: Iovad.version)
        }
    }

    private static func answer(_ run: DigestRun, _ file: String) throws(Failure) -> String {
        let outcome: DigestOutcome
        do {
            outcome = try run.run(on: IOVADomain.self)
        } catch {
            throw failure(error)
        }
        return object { writer in
            writer.member("file", file)
            writer.member("digest", hex: outcome.digest)
            writer.array("checkpoints") { writer in outcome.checkpoints.forEach { writer.hex($0) } }
            writer.member("final_digest", hex: outcome.finalDigest)
            writer.member("final_ranges", outcome.finalRanges)
            writer.member("allocs", outcome.allocs)
            writer.member("failures", outcome.failures)
            writer.member("frees", outcome.frees)
            writer.member("live", outcome.live)
            writer.member("peak_live", outcome.peakLive)
            writer.model(run.release, engine: Iovad.version)
        }
    }

    private static func object(_ members: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        writer.object(members)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension ReplayFile {
    /// Throws the first difference.
    func check() throws(Failure) {
        switch self {
        case .listed(let vector): try Self.check(vector)
        case .digest(let vector): try Self.check(vector)
        }
    }

    private static func check(_ vector: ReplayVector) throws(Failure) {
        guard vector.expectsSomething else {
            throw .unusable("expects nothing: no operation has \"expect\" and there is no \"final\"")
        }
        var domain = vector.trace.domain(IOVADomain.self)
        let results: [TraceResult]
        do {
            results = try vector.trace.run(on: &domain)
        } catch {
            throw failure(error)
        }
        switch vector.firstDifference(results, final: domain.heldRanges) {
        case nil: return
        case .result(let index, let expected, let got):
            throw .differs(
                "operation \(index) (\(vector.callWords[index])): expected \(text(expected)), got \(text(got))"
            )
        case .final(let index, let expected, let got):
            let (wanted, found) = (expected.map(text) ?? "none", got.map(text) ?? "none")
            throw .differs("final range \(index): expected \(wanted), got \(found)")
        }
    }

    private static func check(_ vector: ReplayDigestVector) throws(Failure) {
        let expected = vector.expected
        let got: DigestOutcome
        do {
            got = try vector.run.run(on: IOVADomain.self)
        } catch {
            throw failure(error)
        }
        guard got != expected else { return }
        let step = DigestRun.checkpointOperations
        for (index, pair) in zip(expected.checkpoints, got.checkpoints).enumerated() where pair.0 != pair.1 {
            throw .differs(
                "checkpoint \(index) (operations \(index * step) to \((index + 1) * step - 1)): "
                    + "expected \(HexLiteral.text(pair.0)), got \(HexLiteral.text(pair.1))"
            )
        }
        let numbers: [(name: String, expected: UInt64, got: UInt64)] = [
            ("digest", expected.digest, got.digest),
            ("number of checkpoints", UInt64(expected.checkpoints.count), UInt64(got.checkpoints.count)),
            ("final_digest", expected.finalDigest, got.finalDigest),
            ("final_ranges", UInt64(expected.finalRanges), UInt64(got.finalRanges)),
            ("allocs", UInt64(expected.allocs), UInt64(got.allocs)),
            ("failures", UInt64(expected.failures), UInt64(got.failures)),
            ("frees", UInt64(expected.frees), UInt64(got.frees)),
            ("live", UInt64(expected.live), UInt64(got.live)),
            ("peak_live", UInt64(expected.peakLive), UInt64(got.peakLive)),
        ]
        for number in numbers where number.expected != number.got {
            throw .differs(
                "\(number.name): expected \(HexLiteral.text(number.expected)), got \(HexLiteral.text(number.got))"
            )
        }
    }

    private static func text(_ result: TraceResult) -> String {
        switch result {
        case .none: "null"
        case .pfn(let pfn): HexLiteral.text(pfn)
        case .range(let range): text(range)
        }
    }

    private static func text(_ range: PageFrameRange) -> String {
        "[\(HexLiteral.text(range.lo)), \(HexLiteral.text(range.hi))]"
    }
}
