// What only the shared store has: several instances on one database, what they tell each other, connections
// that break around COMMIT, a server that goes and comes back, and schemas of other releases.

import Foundation
import Locking
import Storage
import TestSupport
import Testing

@testable import PostgreSQLStorage

@Suite(.enabled(if: PrivatePostgreSQL.shared != nil)) struct PostgreSQLTests {
    static let a = StoredName(.session, "a")

    private func server() throws -> PrivatePostgreSQL { try #require(PrivatePostgreSQL.shared) }

    private func conninfo() throws -> String {
        let server = try server()
        return server.conninfo(try server.database())
    }

    private func create(_ name: StoredName) -> StoredChange {
        .create(name, StoredHead(1, 0), expiresAt: nil, [], holds: [])
    }

    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    /// Appends rows, each with a text of its own, until `most` are acknowledged or time is over.
    private func append(
        _ store: PostgreSQLStorage, _ name: StoredName, _ label: String, most: Int,
        said: (_ text: String, _ result: StorageFailure?) -> Void
    ) {
        var done = 0
        for number in 0..<10_000 where done < most {
            let text = "\(label)-\(number)"
            guard let head = try? store.head(name) else {
                usleep(20_000)
                continue
            }
            let failed = failure {
                try store.commit([
                    .append(
                        name, after: head, StoredRow(head.revision + 1, text), expiresAt: nil,
                        holds: [StoredBlob(digest: text, bytes: Array(text.utf8))])
                ])
            }
            said(text, failed)
            if failed == nil { done += 1 }
        }
    }

    @Test func instancesShareEveryRevision() throws {
        let conninfo = try conninfo()
        // All three make the schema, or find it made.
        let opened = Locked<[PostgreSQLStorage]>([])
        inParallel(3) { _ in
            do {
                let store = try PostgreSQLStorage(conninfo: conninfo)
                opened.withLock { $0.append(store) }
            } catch { Issue.record(error) }
        }
        let stores = opened.withLock { $0 }
        try #require(stores.count == 3)
        defer { for store in stores { store.close() } }
        let names = (0..<3).map { StoredName(.session, "s\($0)") }
        try stores[0].commit(names.map(create))
        let acknowledged = Locked<Set<String>>([])
        inParallel(12) { thread in
            let name = names[thread % 4 % 3]
            append(stores[thread % 3], name, "\(thread)", most: 30) { text, failed in
                if failed == nil {
                    acknowledged.withLock { _ = $0.insert(text) }
                } else {
                    #expect(failed == .conflict)
                }
            }
        }
        var rows: [String] = []
        for name in names {
            let entity = try #require(try stores[1].entity(name, after: nil))
            #expect(entity.log.map(\.revision) == Array(1...entity.head.revision))
            rows += entity.log.map { String(decoding: $0.bytes, as: UTF8.self) }
        }
        #expect(rows.count == 12 * 30)
        #expect(Set(rows) == acknowledged.withLock { $0 })
    }

    /// Commits of two entities in opposite orders: they wait for each other, and none hangs or gets lost.
    @Test func oppositeOrdersEnd() throws {
        let conninfo = try conninfo()
        let stores = try (0..<2).map { _ in try PostgreSQLStorage(conninfo: conninfo) }
        defer { for store in stores { store.close() } }
        let names = [StoredName(.session, "x"), StoredName(.session, "y")]
        try stores[0].commit(names.map(create))
        let done = Locked(0)
        inParallel(8) { thread in
            var left = 15
            while left > 0 {
                let order = thread % 2 == 0 ? names : names.reversed()
                let changes = order.compactMap { name -> StoredChange? in
                    guard let head = try? stores[thread % 2].head(name) else { return nil }
                    return .append(
                        name, after: head, StoredRow(head.revision + 1, "r"), expiresAt: nil, holds: [])
                }
                let failed = failure { try stores[thread % 2].commit(changes) }
                if failed == nil {
                    done.withLock { $0 += 1 }
                    left -= 1
                } else {
                    #expect(failed == .conflict)
                }
            }
        }
        for name in names { #expect(try stores[0].head(name)?.revision == UInt64(done.withLock { $0 })) }
    }

    @Test func othersHearWhatWasCommitted() throws {
        let conninfo = try conninfo()
        let (first, second) = (
            try PostgreSQLStorage(conninfo: conninfo), try PostgreSQLStorage(conninfo: conninfo)
        )
        defer { for store in [first, second] { store.close() } }
        let (heard, own) = (Locked<[[StoredName]?]>([]), Locked(0))
        second.follow { names in heard.withLock { $0.append(names) } }
        first.follow { _ in own.withLock { $0 += 1 } }
        let b = StoredName(.platform, "it's/b")
        try first.commit([create(b), create(Self.a)])
        #expect(eventually { heard.withLock { $0.count == 1 } })
        #expect(heard.withLock { $0.first } == [b, Self.a])
        // Nobody hears of what was taken back, nor of an answer.
        #expect(
            failure { try first.commit([.remove(b, after: StoredHead(1, 0)), create(Self.a)]) } == .conflict)
        try first.commit([.answer(StoredAnswer(key: "k", expiresAt: .max, bytes: []))])
        // More names than a message has room for.
        let many = (0..<300).map { StoredName(.agreement, String(repeating: "n", count: 30) + "\($0)") }
        try first.commit(many.map(create))
        #expect(eventually { heard.withLock { $0.count == 2 } })
        #expect(heard.withLock { $0.last } == .some(nil))
        #expect(own.withLock { $0 } == 0)
    }

    /// The network takes the connection away before COMMIT is sent, or after it: the store finds out which.
    @Test(arguments: [1, 8]) func brokenCommitsAreFoundOut(threads: Int) throws {
        let conninfo = try conninfo()
        let store = try PostgreSQLStorage(conninfo: conninfo)
        defer { store.close() }
        let names = (0..<threads).map { StoredName(.session, "s\($0)") }
        try store.commit(names.map(create))
        let acknowledged = Locked<Set<String>>([])
        let cuts = Locked(0)
        inParallel(threads) { thread in
            append(store, names[thread], "\(thread)", most: 24) { text, failed in
                #expect(failed == nil, "\(text)")
                if failed == nil { acknowledged.withLock { _ = $0.insert(text) } }
                let count = cuts.withLock { cuts in
                    cuts += 1
                    return cuts
                }
                if count % 4 == 0 { store.cut(count % 8 == 0 ? .beforeCommit : .afterCommit) }
            }
        }
        var rows: [String] = []
        for name in names {
            let entity = try #require(try store.entity(name, after: nil))
            rows += entity.log.map { String(decoding: $0.bytes, as: UTF8.self) }
        }
        #expect(rows.count == threads * 24)
        #expect(Set(rows) == acknowledged.withLock { $0 })
        for row in rows { #expect(try store.blob(row) == Array(row.utf8)) }
    }

    @Test func passwordsAreRefused() throws {
        for text in [
            "host=/x password=s3cret", "postgresql://me:s3cret@example.org/x", "sslpassword=s3cret",
            "postgresql://h/x?password=s3cret",
        ] {
            let said = sentence { _ = try PostgreSQLStorage(conninfo: text) }
            #expect(
                said?.contains("which others could read: put it into a file") == true,
                "\(text): \(said ?? "")")
            #expect(said?.contains("s3cret") == false)
        }
        let said = sentence { _ = try PostgreSQLStorage(conninfo: "hots=x") }
        #expect(said == "the store's connection string is invalid: invalid connection option \"...\"")
    }

    @Test func schemasOfLaterReleases() throws {
        let server = try server()
        let database = try server.database()
        let conninfo = server.conninfo(database)
        try PostgreSQLStorage(conninfo: conninfo).close()
        let next = Schema.steps.count + 1
        // A step that this release can live with: instances are exchanged one by one.
        try server.ask("INSERT INTO iovad.migrations VALUES (\(next), \(next - 1))", database)
        let store = try PostgreSQLStorage(conninfo: conninfo)
        try store.commit([create(Self.a)])
        store.close()
        try server.ask("INSERT INTO iovad.migrations VALUES (\(next + 1), \(next + 1))", database)
        let said = sentence { _ = try PostgreSQLStorage(conninfo: conninfo) }
        #expect(
            said
                == "PostgreSQL database \(database) on \(server.folder) has schema \(next + 1), and this release "
                + "knows schemas up to \(next - 1): use the release that wrote it, or a later one")
    }

    @Test func missingRightsAreSaid() throws {
        let server = try server()
        let database = try server.database()
        try server.ask("CREATE ROLE guest\(database) LOGIN", database)
        let conninfo = "host=\(server.folder) user=guest\(database) dbname=\(database)"
        let said = sentence { _ = try PostgreSQLStorage(conninfo: conninfo) }
        #expect(said?.hasSuffix("permission denied for database \(database)") == true, "\(said ?? "")")
    }

    @Test func timeIsTheServers() throws {
        let server = try server()
        let database = try server.database()
        let store = try PostgreSQLStorage(conninfo: server.conninfo(database))
        defer { store.close() }
        let asked = try server.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint", database)
            .output
        let time = try #require(Int64(asked.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(abs(Int64(store.now()) - time) < 3000)
    }

    private func sentence(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return (error as? StorageOpening)?.description ?? "\(error)" }
        return nil
    }
}

/// A server of their own, which they stop.
@Suite(.enabled(if: PrivatePostgreSQL.shared != nil), .serialized) struct PostgreSQLAwayTests {
    static let a = StoredName(.session, "a")

    private func eventually(_ condition: () -> Bool) -> Bool {
        for _ in 0..<1000 {
            if condition() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func callsFailInTimeAndGoOnAfterwards() throws {
        let server = try PrivatePostgreSQL()
        defer { server.remove() }
        let database = try server.database()
        server.stop()
        let store = try PostgreSQLStorage(conninfo: server.conninfo(database))
        defer { store.close() }
        #expect(store.trouble?.contains("No such file or directory") == true, "\(store.trouble ?? "none")")
        let create = StoredChange.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])
        let start = MonotonicClock.milliseconds()
        inParallel(6) { thread in
            let failed = failure {
                if thread % 2 == 0 { try store.commit([create]) } else { _ = try store.head(Self.a) }
            }
            guard case .unavailable(let why)? = failed else {
                Issue.record("\(String(describing: failed))")
                return
            }
            #expect(why.hasPrefix("PostgreSQL database \(database) on \(server.folder): "))
        }
        #expect(MonotonicClock.milliseconds() - start < 3 * Link.patienceMilliseconds)
        // By then calls do not wait any more.
        let late = MonotonicClock.milliseconds()
        #expect(failure { try store.commit([create]) } != nil)
        #expect(MonotonicClock.milliseconds() - late < 2500)
        let heard = Locked<[[StoredName]?]>([])
        store.follow { names in heard.withLock { $0.append(names) } }
        try server.start()
        #expect(eventually { store.trouble == nil })
        try store.commit([create])
        #expect(try store.head(Self.a) == StoredHead(1, 0))
        #expect(eventually { heard.withLock { $0 } == [nil] })
    }

    @Test func restartsLoseNothing() throws {
        let server = try PrivatePostgreSQL()
        defer { server.remove() }
        let conninfo = server.conninfo(try server.database())
        let stores = try (0..<2).map { _ in try PostgreSQLStorage(conninfo: conninfo) }
        defer { for store in stores { store.close() } }
        let names = (0..<3).map { StoredName(.session, "s\($0)") }
        try stores[0].commit(names.map { .create($0, StoredHead(1, 0), expiresAt: nil, [], holds: []) })
        let (acknowledged, open) = (Locked<Set<String>>([]), Locked<Set<String>>([]))
        let isOver = Locked(false)
        inParallel(9) { thread in
            if thread == 8 {
                for restart in 0..<3 {
                    usleep(700_000)
                    server.stop(atOnce: restart == 1)
                    usleep(300_000)
                    do { try server.start() } catch { Issue.record(error) }
                }
                usleep(500_000)
                isOver.withLock { $0 = true }
                return
            }
            let (store, name) = (stores[thread % 2], names[thread % 3])
            for number in 0... {
                if isOver.withLock({ $0 }) { break }
                guard let head = try? store.head(name) else {
                    usleep(10_000)
                    continue
                }
                let text = "\(thread)-\(number)"
                let row = StoredRow(head.revision + 1, text)
                let failed = failure {
                    try store.commit([.append(name, after: head, row, expiresAt: nil, holds: [])])
                }
                if failed == nil { acknowledged.withLock { _ = $0.insert(text) } }
                if case .unavailable(let why)? = failed, why.hasSuffix("is not known") {
                    open.withLock { _ = $0.insert(text) }
                }
            }
        }
        var rows: [String] = []
        for name in names {
            let entity = try #require(try stores[0].entity(name, after: nil))
            #expect(entity.log.map(\.revision) == Array(1...entity.head.revision))
            rows += entity.log.map { String(decoding: $0.bytes, as: UTF8.self) }
        }
        let (said, unknown) = (acknowledged.withLock { $0 }, open.withLock { $0 })
        print("3 restarts: \(said.count) commits acknowledged, \(unknown.count) not known")
        #expect(Set(rows).count == rows.count)
        #expect(said.isSubset(of: rows), "lost: \(said.subtracting(rows))")
        #expect(Set(rows).subtracting(said).isSubset(of: unknown), "more: \(Set(rows).subtracting(said))")
        #expect(said.count > 100)
    }
}
