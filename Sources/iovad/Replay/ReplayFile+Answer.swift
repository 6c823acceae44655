// The results of a run as JSON: for a listed trace the members of POST /v1/replays, with the file's name.

import API
import IOVAAllocation
import JSON
import LinuxReleases

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
