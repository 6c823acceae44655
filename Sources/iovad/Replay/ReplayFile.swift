// One file of `iovad replay`, read: a listed trace or a described run.

import API
import IOVAAllocation
import JSON
import LinuxReleases

/// A trace file with what it expects.
enum ReplayFile {
    case listed(ReplayVector)
    case digest(ReplayDigestVector)

    /// Why a file did not pass.
    struct Failure: Error {
        var text: String
    }

    /// Files are the caller's own, so bounds are only those of memory.
    private static let limits = JSONLimits(bytesMax: 1 << 30, depthMax: 32, valuesMax: 1 << 26)

    init(_ path: String, release: KernelRelease?, cpus: Int?) throws(Failure) {
        guard !Files.isFolder(path), let bytes = Files.read(path) else {
            throw Failure(text: "cannot be read")
        }
        let root: JSONNode
        do {
            root = try JSONDocument(parsing: bytes, limits: Self.limits).root
        } catch {
            throw Failure(text: Problem(error).detail)
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
        guard problems.isEmpty else { throw Self.failure(problems) }
    }

    private static func failure(_ problems: ProblemList) -> Failure {
        let shown = problems.problems.prefix(3).map { "\($0.pointer): \($0.detail)" }
        let more = problems.problems.count + problems.dropped - shown.count
        return Failure(
            text: shown.joined(separator: " ") + (more > 0 ? " And \(more) more mistakes." : ""))
    }

    static func failure(_ mistake: TraceMistake) -> Failure {
        let problem = mistake.problem
        return Failure(text: "\(problem.pointer): \(problem.detail)")
    }

    static func failure(_ error: IOVAInputError) -> Failure {
        Failure(text: "the described run asks for what Linux does not survive: \(error)")
    }
}
