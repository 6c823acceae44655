// What every store does, case by case: the same expectations for memory, SQLite and PostgreSQL.

import Storage
import Testing

@Suite struct BehaviourTests {
    static let a = StoredName(.session, "a")
    static let b = StoredName(.session, "b")
    static let hour: UInt64 = 3_600_000

    @Test(arguments: Implementation.available)
    func entityIsReadAsItWasMade(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        #expect(try store.head(Self.a) == nil)
        #expect(try store.entity(Self.a, after: nil) == nil)
        let bytes: [UInt8] = Array(0...255) + [0]
        let head = StoredHead(.max, 7)
        try store.commit([.create(Self.a, head, expiresAt: nil, bytes, holds: [])])
        #expect(try store.head(Self.a) == head)
        #expect(
            try store.entity(Self.a, after: nil)
                == StoredEntity(
                    name: Self.a, head: head, expiresAt: nil, snapshot: StoredRow(revision: 7, bytes: bytes),
                    log: []))
        // The same id of another kind is another name; empty bytes are bytes.
        let other = StoredName(.platform, "a")
        let ends = store.now() + Self.hour
        try store.commit([.create(other, StoredHead(1 << 63, 0), expiresAt: ends, [], holds: [])])
        #expect(
            try store.entity(other, after: nil)
                == StoredEntity(
                    name: other, head: StoredHead(1 << 63, 0), expiresAt: ends, snapshot: StoredRow(0, ""),
                    log: []))
        #expect(
            failure { try store.commit([.create(Self.a, StoredHead(2, 9), expiresAt: nil, [], holds: [])]) }
                == .conflict)
        #expect(try store.head(Self.a) == head)
    }

    @Test(arguments: Implementation.available)
    func appendWantsTheHead(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        func append(_ after: StoredHead, _ row: StoredRow) -> StorageFailure? {
            failure { try store.commit([.append(Self.a, after: after, row, expiresAt: nil, holds: [])]) }
        }
        #expect(append(StoredHead(5, 0), StoredRow(1, "early")) == .conflict)
        try store.commit([.create(Self.a, StoredHead(5, 0), expiresAt: nil, [1], holds: [])])
        #expect(append(StoredHead(5, 0), StoredRow(1, "one")) == nil)
        #expect(append(StoredHead(5, 0), StoredRow(1, "late")) == .conflict)
        #expect(append(StoredHead(5, 0), StoredRow(2, "late")) == .conflict)
        #expect(append(StoredHead(6, 1), StoredRow(2, "another life")) == .conflict)
        #expect(append(StoredHead(5, 1), StoredRow(1, "no rise")) == .conflict)
        #expect(append(StoredHead(5, 1), StoredRow(0, "a fall")) == .conflict)
        #expect(append(StoredHead(5, 2), StoredRow(3, "ahead")) == .conflict)
        #expect(append(StoredHead(5, 1), StoredRow(4, "a gap")) == nil)
        let entity = try #require(try store.entity(Self.a, after: nil))
        #expect(entity.head == StoredHead(5, 4))
        #expect(entity.snapshot == StoredRow(revision: 0, bytes: [1]))
        #expect(entity.log == [StoredRow(1, "one"), StoredRow(4, "a gap")])
    }

    @Test(arguments: Implementation.available)
    func replacementHasNoPast(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let blob = StoredBlob(digest: "x", bytes: [9])
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [blob])])
        try store.commit([
            .append(Self.a, after: StoredHead(1, 0), StoredRow(1, "one"), expiresAt: nil, holds: [])
        ])
        let replacing = { (after: StoredHead) in
            StoredChange.replace(
                Self.a, after: after, StoredHead(2, 10), expiresAt: nil, Array("new".utf8), holds: [])
        }
        #expect(failure { try store.commit([replacing(StoredHead(1, 0))]) } == .conflict)
        #expect(failure { try store.commit([replacing(StoredHead(2, 1))]) } == .conflict)
        #expect(try store.head(Self.a) == StoredHead(1, 1))
        try store.commit([replacing(StoredHead(1, 1))])
        let entity = try #require(try store.entity(Self.a, after: StoredHead(1, 1)))
        #expect(entity.head == StoredHead(2, 10))
        #expect(entity.snapshot == StoredRow(10, "new"))
        #expect(entity.log.isEmpty)
        try store.expire()
        #expect(try store.blob("x") == nil)
        #expect(
            failure {
                try store.commit([
                    .replace(Self.b, after: StoredHead(1, 0), StoredHead(1, 1), expiresAt: nil, [], holds: [])
                ])
            } == .conflict)
    }

    @Test(arguments: Implementation.available)
    func snapshotCutsWhatIsBeforeTheOneBefore(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [0], holds: [])])
        for revision in 1...6 as ClosedRange<UInt64> {
            try store.commit([
                .append(
                    Self.a, after: StoredHead(1, revision - 1), StoredRow(revision, "\(revision)"),
                    expiresAt: nil, holds: [StoredBlob(digest: "b\(revision)", bytes: [UInt8(revision)])])
            ])
        }
        func snapshot(_ life: UInt64, _ revision: UInt64) -> StorageFailure? {
            failure {
                try store.commit([.snapshot(Self.a, life: life, StoredRow(revision, "whole"), holds: [])])
            }
        }
        func rows(after revision: UInt64) throws -> [UInt64] {
            let entity = try #require(try store.entity(Self.a, after: StoredHead(1, revision)))
            #expect(entity.head == StoredHead(1, 6))
            return [entity.snapshot.map { 1000 + $0.revision }].compactMap { $0 } + entity.log.map(\.revision)
        }
        #expect(snapshot(2, 3) == .conflict)
        #expect(snapshot(1, 7) == .conflict)
        #expect(snapshot(1, 0) == .conflict)
        #expect(snapshot(1, 3) == nil)
        // The cut is the snapshot before: every row is there.
        #expect(try rows(after: 0) == [1, 2, 3, 4, 5, 6])
        #expect(try rows(after: 2) == [3, 4, 5, 6])
        #expect(try rows(after: 6) == [])
        #expect(try store.entity(Self.a, after: nil)?.log.map(\.revision) == [4, 5, 6])
        #expect(snapshot(1, 3) == .conflict)
        #expect(snapshot(1, 5) == nil)
        #expect(try rows(after: 2) == [1005, 6])
        #expect(try rows(after: 3) == [4, 5, 6])
        #expect(try store.entity(Self.a, after: StoredHead(9, 4))?.snapshot?.revision == 5)
        try store.expire()
        #expect(
            try (1...6).map { try store.blob("b\($0)") != nil } == [false, false, false, true, true, true])
        #expect(snapshot(1, 6) == nil)
        #expect(try rows(after: 4) == [1006])
        #expect(try store.entity(Self.a, after: nil)?.log == [])
    }

    @Test(arguments: Implementation.available)
    func removalEndsALife(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let remove = { (after: StoredHead) in
            failure { try store.commit([.remove(Self.a, after: after)]) }
        }
        #expect(remove(StoredHead(1, 0)) == .conflict)
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        try store.commit([
            .append(Self.a, after: StoredHead(1, 0), StoredRow(1, "old"), expiresAt: nil, holds: [])
        ])
        #expect(remove(StoredHead(1, 0)) == .conflict)
        #expect(remove(StoredHead(2, 1)) == .conflict)
        #expect(remove(StoredHead(1, 1)) == nil)
        #expect(remove(StoredHead(1, 1)) == .conflict)
        #expect(try store.entity(Self.a, after: StoredHead(1, 0)) == nil)
        try store.commit([.create(Self.a, StoredHead(2, 0), expiresAt: nil, [7], holds: [])])
        let entity = try #require(try store.entity(Self.a, after: StoredHead(1, 1)))
        #expect(entity.snapshot == StoredRow(revision: 0, bytes: [7]))
        #expect(entity.log.isEmpty)
    }

    @Test(arguments: Implementation.available)
    func keysAreAnsweredOnce(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let ends = store.now() + Self.hour
        let first = StoredAnswer(key: "POST /x \"k\"", expiresAt: ends, bytes: [1, 0, 2])
        try store.commit([.answer(first)])
        let second = StoredAnswer(key: first.key, expiresAt: ends + 1, bytes: [3])
        #expect(failure { try store.commit([.answer(second)]) } == .conflict)
        #expect(try store.answer(first.key) == first)
        #expect(try store.answer("another") == nil)
        let earlier = StoredAnswer(key: "z", expiresAt: ends - 1, bytes: [])
        try store.commit([.answer(earlier)])
        #expect(try store.answers() == [earlier, first])
        subject.advance(milliseconds: 2 * Self.hour)
        #expect(try store.answers() == [])
        #expect(try store.answer(first.key) == nil)
        let third = StoredAnswer(key: first.key, expiresAt: store.now() + Self.hour, bytes: [3])
        try store.commit([.answer(third)])
        #expect(try store.answers() == [third])
        try store.expire()
        #expect(try store.answers() == [third])
    }

    @Test(arguments: Implementation.available)
    func allChangesOrNone(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let answer = StoredAnswer(key: "k", expiresAt: store.now() + Self.hour, bytes: [1])
        let changes: [StoredChange] = [
            .create(
                Self.a, StoredHead(1, 0), expiresAt: nil, [1], holds: [StoredBlob(digest: "d", bytes: [4])]),
            .append(Self.a, after: StoredHead(1, 0), StoredRow(1, "one"), expiresAt: nil, holds: []),
            .answer(answer),
        ]
        let misfits: [StoredChange] = [
            .remove(Self.b, after: StoredHead(1, 1)),
            .create(Self.a, StoredHead(2, 0), expiresAt: nil, [], holds: []),
            .append(Self.a, after: StoredHead(1, 0), StoredRow(2, "two"), expiresAt: nil, holds: []),
            .snapshot(Self.b, life: 1, StoredRow(1, ""), holds: []),
            .replace(Self.b, after: StoredHead(1, 0), StoredHead(1, 1), expiresAt: nil, [], holds: []),
            .answer(answer),
            .append(
                Self.a, after: StoredHead(1, 1), StoredRow(2, "two"), expiresAt: nil,
                holds: [StoredBlob(digest: "missing", bytes: nil)]),
        ]
        for misfit in misfits {
            #expect(failure { try store.commit(changes + [misfit]) } == .conflict, "\(misfit)")
            #expect(try store.head(Self.a) == nil)
            #expect(try store.blob("d") == nil)
            #expect(try store.answers() == [])
        }
        try store.commit(changes)
        #expect(try store.entity(Self.a, after: nil)?.log == [StoredRow(1, "one")])
        #expect(try store.blob("d") == [4])
        #expect(try store.answers() == [answer])
        // Several entities in one commit, and one that goes and comes.
        try store.commit([
            .remove(Self.a, after: StoredHead(1, 1)),
            .create(Self.b, StoredHead(3, 0), expiresAt: nil, [], holds: []),
            .create(Self.a, StoredHead(4, 0), expiresAt: nil, [], holds: []),
        ])
        #expect(try store.heads(.session).map(\.head) == [StoredHead(4, 0), StoredHead(3, 0)])
    }

    @Test(arguments: Implementation.available)
    func whatIsOverIsNotThere(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let ends = store.now() + Self.hour
        let blob = StoredBlob(digest: "d", bytes: [1])
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: ends, [], holds: [blob])])
        try store.commit([
            .append(
                Self.a, after: StoredHead(1, 0), StoredRow(1, "x"), expiresAt: ends + Self.hour, holds: [])
        ])
        subject.advance(milliseconds: Self.hour + 1000)
        #expect(try store.entity(Self.a, after: nil)?.expiresAt == ends + Self.hour)
        subject.advance(milliseconds: Self.hour)
        #expect(try store.head(Self.a) == nil)
        #expect(try store.entity(Self.a, after: StoredHead(1, 0)) == nil)
        #expect(try store.heads(.session).isEmpty)
        let head = StoredHead(1, 1)
        let misfits: [StoredChange] = [
            .append(Self.a, after: head, StoredRow(2, "y"), expiresAt: nil, holds: []),
            .replace(Self.a, after: head, StoredHead(1, 2), expiresAt: nil, [], holds: []),
            .snapshot(Self.a, life: 1, StoredRow(1, ""), holds: []), .remove(Self.a, after: head),
        ]
        for misfit in misfits {
            #expect(failure { try store.commit([misfit]) } == .conflict, "\(misfit)")
        }
        try store.commit([.create(Self.a, StoredHead(2, 0), expiresAt: nil, [8], holds: [])])
        let entity = try #require(try store.entity(Self.a, after: head))
        #expect(entity.snapshot == StoredRow(revision: 0, bytes: [8]))
        #expect(entity.log.isEmpty)
        try store.expire()
        #expect(try store.head(Self.a) == StoredHead(2, 0))
        #expect(try store.blob("d") == nil)
    }

    @Test(arguments: Implementation.available)
    func blobsStayAsLongAsTheyAreHeld(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let large = [UInt8](repeating: 0xab, count: 3 << 20)
        let blob = StoredBlob(digest: "sha-256:x", bytes: large)
        let known = StoredBlob(digest: "sha-256:x", bytes: nil)
        let create = { (name: StoredName, holds: [StoredBlob]) in
            StoredChange.create(name, StoredHead(1, 0), expiresAt: nil, [], holds: holds)
        }
        #expect(failure { try store.commit([create(Self.a, [known])]) } == .conflict)
        try store.commit([create(Self.a, [blob, blob])])
        try store.commit([create(Self.b, [known])])
        try store.commit([.remove(Self.a, after: StoredHead(1, 0))])
        try store.expire()
        #expect(try store.blob(blob.digest) == large)
        // The same content from somebody else.
        try store.commit([create(Self.a, [blob])])
        try store.commit([
            .remove(Self.a, after: StoredHead(1, 0)), .remove(Self.b, after: StoredHead(1, 0)),
        ])
        try store.expire()
        #expect(try store.blob(blob.digest) == nil)
        #expect(failure { try store.commit([create(Self.a, [known])]) } == .conflict)
    }

    @Test(arguments: Implementation.available)
    func headsComeInTheOrderOfIds(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let store = subject.storage
        let ids = ["b", "a", "B", "a-1", "a1", "a_1", "it's", "é", "x\ny", "100% \\"]
        for (life, id) in ids.enumerated() {
            try store.commit([
                .create(
                    StoredName(.agreement, id), StoredHead(UInt64(life), 1), expiresAt: nil, [], holds: [])
            ])
        }
        #expect(try store.heads(.agreement).map(\.name.id) == ids.sorted())
        #expect(try store.heads(.platform).isEmpty)
        for (life, id) in ids.enumerated() {
            #expect(try store.head(StoredName(.agreement, id)) == StoredHead(UInt64(life), 1))
        }
    }

    @Test(arguments: Implementation.lasting)
    func everythingIsThereAfterwards(implementation: Implementation) throws {
        let subject = try Subject(implementation)
        let ends = subject.storage.now() + Self.hour
        let answer = StoredAnswer(key: "k", expiresAt: ends, bytes: [5])
        try subject.storage.commit([
            .create(
                Self.a, StoredHead(3, 1), expiresAt: ends, [1], holds: [StoredBlob(digest: "d", bytes: [2])]),
            .append(Self.a, after: StoredHead(3, 1), StoredRow(2, "two"), expiresAt: ends + 1, holds: []),
            .answer(answer),
        ])
        let before = try subject.storage.entity(Self.a, after: nil)
        try subject.reopen()
        #expect(try subject.storage.entity(Self.a, after: nil) == before)
        #expect(try subject.storage.blob("d") == [2])
        #expect(try subject.storage.answers() == [answer])
        #expect(subject.storage.trouble == nil)
    }

    @Test(arguments: Implementation.available)
    func callsAfterTheEndFail(implementation: Implementation) throws {
        let store = try Subject(implementation).storage
        store.close()
        let closed = StorageFailure.unavailable("the store is closed")
        #expect(failure { _ = try store.head(Self.a) } == closed)
        #expect(failure { try store.commit([.remove(Self.a, after: StoredHead(1, 1))]) } == closed)
        #expect(store.trouble == "the store is closed")
        store.close()
    }
}
