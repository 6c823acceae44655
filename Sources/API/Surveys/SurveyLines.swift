// A survey as NDJSON, taken while it goes out: a machine is judged, on the lane for what is heavy, when the
// client has taken the lines of those before it, so that a hundred thousand devices cost one machine's lines
// of memory, and the first line is there soon.

import Fleet
import HTTP
import JSON
import LinuxReleases
import MSIWindows

/// The lines of one survey. `@unchecked Sendable`: its `var`s are touched by `next` and `compute` only, which
/// the server calls on one thread at a time.
final class SurveyLines: StreamSource, @unchecked Sendable {
    /// Lines are handed over from here on; fewer would cost a write each.
    private static let pieceBytes = 16 << 10
    /// About what a line takes, and each policy in it.
    private static let lineBytes = 160
    private static let policyBytes = 160

    private let engine: String
    private let subjects: [SurveySubject]
    private var survey: Survey
    private var nextSubject = 0
    private var hasSummary = false
    /// Encoded lines, and how much of them has been handed over.
    private var lines: [UInt8] = []
    private var taken = 0

    init(_ survey: Survey, _ subjects: [SurveySubject], engine: String) {
        (self.survey, self.subjects, self.engine) = (survey, subjects, engine)
        let devices = subjects.map(\.machine.deviceCount).max() ?? 0
        let lineBytes = Self.lineBytes + survey.policies.count * Self.policyBytes
        bytesHeld = StreamPiece.bytesMax + devices * lineBytes
    }

    var endsByItself: Bool { true }

    /// The lines of one machine at a time, and a piece.
    let bytesHeld: Int

    func start(waker: StreamWaker) {}

    /// A survey needs no farewell event: its last line is its end, within the grace of a request.
    func finish() {}

    func ended(_ ending: StreamEnding) {}

    func next() -> StreamPiece {
        guard lines.count - taken >= Self.pieceBytes || hasSummary else { return .toCompute }
        guard taken < lines.count else { return .end }
        let piece = Array(lines[taken..<min(taken + StreamPiece.bytesMax, lines.count)])
        taken += piece.count
        return .bytes(piece)
    }

    func compute(_ work: Work) {
        while lines.count - taken < Self.pieceBytes, !hasSummary, !work.isCancelled { encodeMore() }
    }

    private func encodeMore() {
        lines.removeFirst(taken)
        taken = 0
        guard nextSubject < subjects.count else {
            hasSummary = true
            return addLine { $0.summary(of: survey, survey.constants(), engine: engine) }
        }
        let policies = survey.policies
        survey.add(subjects[nextSubject]) { row in addLine { $0.surveyRow(row, policies) } }
        nextSubject += 1
    }

    private func addLine(_ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(reservingBytes: 512)
        body(&writer)
        lines += writer.bytes
        lines.append(0x0a)
    }
}
