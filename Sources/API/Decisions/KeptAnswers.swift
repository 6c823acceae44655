// Finished answers to questions about stored platforms: an orchestrator asks the same of the same machine
// again and again, and a decision is a pure function of the question and of the platform, which never
// changes. An answer is kept with its platform's serial, and given only while that platform is the one under
// its id, so that nothing has to be thrown away when platforms come and go.

import Locking

/// Answers that are kept between requests; every method is one critical section, and nothing is computed in
/// one.
final class KeptAnswers: Sendable {
    /// A question as it was sent, byte for byte: what is spelled otherwise is another one.
    struct Asked: Hashable {
        let explain: ExplainLevel
        let body: [UInt8]
        /// Of both: it is asked for by each table, and its bytes are many.
        private let digest: Int

        /// nil for a body that is not worth the look-up: reading it costs little beside answering it.
        init?(_ explain: ExplainLevel, _ body: [UInt8]) {
            guard body.count <= Limits.lightBodyBytesMax else { return nil }
            self.explain = explain
            self.body = body
            var hasher = Hasher()
            hasher.combine(explain)
            // All bytes at once: an array is hashed element by element.
            body.withUnsafeBytes { hasher.combine(bytes: $0) }
            digest = hasher.finalize()
        }

        func hash(into hasher: inout Hasher) { hasher.combine(digest) }

        /// The digests first, which nearly all that differ are told apart by.
        static func == (left: Asked, right: Asked) -> Bool {
            left.digest == right.digest && left.explain == right.explain && left.body == right.body
        }
    }

    /// The platform that an answer is about.
    struct Subject {
        let id: String
        /// Of the entry; no other one ever has it.
        let serial: UInt64

        init(_ entry: PlatformEntry) {
            id = entry.id
            serial = entry.serial
        }

        func isCurrent(in platforms: PlatformStore) -> Bool { platforms.entry(id)?.serial == serial }
    }

    private struct Made {
        let subject: Subject
        let answer: [UInt8]
    }

    private struct State {
        var made = Generations<Asked, Made>(weightMax: Limits.keptAnswerBytesMax)
        /// How often a kept answer was given.
        var given: UInt64 = 0
    }

    private let state = Locked(State())

    /// The answer, where one is kept and its platform is still there. O(bytes of the question).
    func answer(to asked: Asked, in platforms: PlatformStore) -> [UInt8]? {
        guard let made = state.withLock({ $0.made.value(asked) }), made.subject.isCurrent(in: platforms)
        else { return nil }
        state.withLock { $0.given += 1 }
        return made.answer
    }

    /// Keeps an answer.
    ///
    /// - Parameter subject: the platform as it was found before the answer was computed. One that was
    ///   replaced meanwhile is never current again: an answer about its successor is not given for it.
    func keep(_ answer: [UInt8], to asked: Asked, about subject: Subject) {
        let weight = asked.body.count + answer.count + Self.overheadBytes
        state.withLock { $0.made.keep(Made(subject: subject, answer: answer), weight: weight, under: asked) }
    }

    /// Headers of two arrays and the entry of the table, roughly.
    private static let overheadBytes = 256

    /// Answers that are kept, about how many bytes they take, and how many were given again so far.
    var figures: (answers: Int, bytes: Int, given: UInt64) {
        state.withLock { ($0.made.count, $0.made.weight, $0.given) }
    }
}
