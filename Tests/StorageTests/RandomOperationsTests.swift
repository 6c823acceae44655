// Random commits against the store in memory as the model, and commits of many threads at once: what fits,
// what conflicts, and everything that can be read must be the same.

import Locking
import Storage
import TestSupport
import Testing

@Suite struct RandomOperationsTests {
    static let hour: UInt64 = 3_600_000
    static let names = ["a", "b", "c"].flatMap { id in
        [StoredKind.session, .platform].map { StoredName($0, id) }
    }
    static let digests = (0..<6).map { "d\($0)" }
    static let keys = (0..<5).map { "k\($0)" }

    /// Commits made of what is there, and of what is not.
    private struct Invention {
        var generator: SeededGenerator
        let model: MemoryStorage
        /// Times end half an hour beside any that the clock stands at.
        let start: UInt64
        var life: UInt64 = 0

        mutating func commit() throws -> [StoredChange] {
            let count = [1, 1, 1, 2, 3].randomElement(using: &generator)!
            return try (0..<count).map { _ in try change() }
        }

        private mutating func change() throws -> StoredChange {
            let name = RandomOperationsTests.names.randomElement(using: &generator)!
            let found = try model.head(name)
            var head = found ?? StoredHead(generator.next(), 3)
            switch Int.random(in: 0..<20, using: &generator) {
            case 0: head = StoredHead(head.life, head.revision == 0 ? 5 : head.revision - 1)
            case 1: head = StoredHead(head.life ^ 1, head.revision)
            default: break
            }
            let next = head.revision + [1, 1, 1, 1, 1, 2, 0].randomElement(using: &generator)!
            let bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let isMissing = found == nil && Int.random(in: 0..<4, using: &generator) > 0
            switch isMissing ? 0 : Int.random(in: 0..<20, using: &generator) {
            case 0...1:
                return .create(name, StoredHead(generator.next(), 0), expiresAt: end(), bytes, holds: holds())
            case 2...4:
                return .replace(
                    name, after: head, StoredHead(generator.next(), next), expiresAt: end(), bytes,
                    holds: holds())
            case 5...13:
                return .append(
                    name, after: head, StoredRow(revision: next, bytes: bytes), expiresAt: end(),
                    holds: holds())
            case 14...16:
                let revision = head.revision &- UInt64.random(in: 0...3, using: &generator)
                return .snapshot(
                    name, life: head.life, StoredRow(revision: min(revision, 1 << 40), bytes: bytes),
                    holds: holds())
            case 17: return .remove(name, after: head)
            default:
                let key = RandomOperationsTests.keys.randomElement(using: &generator)!
                return .answer(StoredAnswer(key: key, expiresAt: end() ?? start, bytes: bytes))
            }
        }

        private mutating func end() -> UInt64? {
            guard Int.random(in: 0..<3, using: &generator) > 0 else { return nil }
            let hours = UInt64.random(in: 0...100, using: &generator)
            return start + hours * RandomOperationsTests.hour + RandomOperationsTests.hour / 2
        }

        private mutating func holds() -> [StoredBlob] {
            (0..<[0, 0, 1, 2].randomElement(using: &generator)!).map { _ in
                let digest = RandomOperationsTests.digests.randomElement(using: &generator)!
                return StoredBlob(
                    digest: digest,
                    bytes: Int.random(in: 0..<4, using: &generator) > 0 ? Array(digest.utf8) : nil)
            }
        }
    }

    @Test(arguments: Implementation.available)
    func storeDoesWhatTheModelDoes(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let clock = Locked(subject.storage.now())
        let model = MemoryStorage { clock.withLock { $0 } }
        let generator = SeededGenerator.forTest("storeDoesWhatTheModelDoes(\(implementation))", fallback: 20)
        var invention = Invention(generator: generator, model: model, start: model.now())
        var (fitting, conflicts) = (0, 0)
        for step in 0..<1200 {
            switch Int.random(in: 0..<60, using: &invention.generator) {
            case 0...1:
                subject.advance(milliseconds: Self.hour)
                clock.withLock { $0 += Self.hour }
            case 2...3:
                try subject.storage.expire()
                try model.expire()
            case 4 where implementation != .memory: try subject.reopen()
            default: break
            }
            let changes = try invention.commit()
            let expected = failure { try model.commit(changes) }
            let found = failure { try subject.storage.commit(changes) }
            try #require(found == expected, "step \(step): \(changes)")
            if found == nil { fitting += 1 } else { conflicts += 1 }
            if step % 5 == 0 || step > 1190 {
                try compare(subject.storage, model, after: invention.generator.next() % 8, step)
            }
        }
        #expect(fitting > 300 && conflicts > 100, "\(fitting) commits fit, \(conflicts) did not")
    }

    private func compare(
        _ store: any Storage, _ model: MemoryStorage, after revision: UInt64, _ step: Int
    ) throws {
        for name in Self.names {
            let head = try model.head(name)
            try #require(try store.head(name) == head, "step \(step)")
            try #require(
                try store.entity(name, after: nil) == model.entity(name, after: nil), "step \(step)")
            if let head {
                let after = StoredHead(head.life, head.revision - min(head.revision, revision))
                try #require(
                    try store.entity(name, after: after) == model.entity(name, after: after),
                    "step \(step) after \(after)")
            }
        }
        for kind in StoredKind.allCases {
            let (found, expected) = (try store.heads(kind), try model.heads(kind))
            try #require(found.map(\.name) == expected.map(\.name), "step \(step)")
            try #require(found.map(\.head) == expected.map(\.head), "step \(step)")
        }
        for digest in Self.digests {
            try #require(try store.blob(digest) == model.blob(digest), "step \(step) \(digest)")
        }
        for key in Self.keys { try #require(try store.answer(key) == model.answer(key), "step \(step)") }
        try #require(try store.answers() == model.answers(), "step \(step)")
    }

    @Test(arguments: Implementation.available)
    func threadsGetEachRevisionOnce(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let names = (0..<3).map { StoredName(.session, "s\($0)") }
        for name in names {
            try subject.storage.commit([.create(name, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        }
        let acknowledged = Locked<[StoredName: [UInt64: String]]>([:])
        let others = Locked<[any Error]>([])
        inParallel(16) { thread in
            for number in 0..<25 {
                let name = names[(thread + number) % names.count]
                let text = "\(thread)-\(number)"
                do {
                    var isDone = false
                    while !isDone {
                        guard let head = try subject.storage.head(name) else { return }
                        let row = StoredRow(head.revision + 1, text)
                        // Some hold a second entity as well, in the other order.
                        let second = StoredName(.platform, "p\(thread % 2)")
                        let create = StoredChange.create(
                            second, StoredHead(1, 0), expiresAt: nil, [], holds: [])
                        let append = StoredChange.append(name, after: head, row, expiresAt: nil, holds: [])
                        let changes = number == 7 ? [create, append] : [append]
                        let result = failure { try subject.storage.commit(changes) }
                        if result == nil {
                            acknowledged.withLock { $0[name, default: [:]][row.revision] = text }
                        } else if result != .conflict, let result {
                            throw result
                        }
                        isDone = try result == nil || (number == 7 && subject.storage.head(second) != nil)
                    }
                } catch { others.withLock { $0.append(error) } }
            }
        }
        #expect(others.withLock { $0.isEmpty }, "\(others.withLock { $0 })")
        if implementation != .memory { try subject.reopen() }
        for name in names {
            let entity = try #require(try subject.storage.entity(name, after: nil))
            let said = acknowledged.withLock { $0[name] ?? [:] }
            #expect(said.count > 100)
            #expect(entity.log.map(\.revision) == Array(1...entity.head.revision))
            #expect(Dictionary(uniqueKeysWithValues: entity.log.map { ($0.revision, text($0)) }) == said)
        }
        #expect(try subject.storage.heads(.platform).count == 2)
    }

    private func text(_ row: StoredRow) -> String { String(decoding: row.bytes, as: UTF8.self) }
}
