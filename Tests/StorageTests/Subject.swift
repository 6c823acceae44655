// The stores under test, all behind one handle: how each is opened, opened once more, and how its time goes
// on.

import Foundation
import Locking
import SQLiteStorage
import Storage
import TestSupport
import Testing

@testable import PostgreSQLStorage

/// A store that lasts or not.
enum Implementation: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case memory, sqlite, postgresql

    var testDescription: String { rawValue }

    static let available = allCases.filter { $0 != .postgresql || PrivatePostgreSQL.shared != nil }
    /// What survives the process.
    static let lasting = available.filter { $0 != .memory }
}

/// A clock that goes on when a test says so.
final class TestClock: Sendable {
    private let time = Locked<UInt64>(1_800_000_000_000)

    func now() -> UInt64 { time.withLock { $0 } }
    func advance(milliseconds: UInt64) { time.withLock { $0 += milliseconds } }
}

/// One store under test, empty at first.
final class Subject: Sendable {
    private let opened: Locked<any Storage>
    private let open: @Sendable () throws -> any Storage
    private let advancing: @Sendable (UInt64) -> Void
    private let files: FileTreeBox

    /// `@unchecked Sendable`: the tree is kept, and not touched until it goes.
    final class FileTreeBox: @unchecked Sendable {
        let tree: FileTree
        init() throws { tree = try FileTree() }
    }

    init(_ implementation: Implementation) throws {
        let files = try FileTreeBox()
        self.files = files
        let clock = TestClock()
        switch implementation {
        case .memory:
            open = { MemoryStorage { clock.now() } }
            advancing = { clock.advance(milliseconds: $0) }
        case .sqlite:
            open = { try SQLiteStorage(folder: files.tree.folder.path + "/state") { clock.now() } }
            advancing = { clock.advance(milliseconds: $0) }
        case .postgresql:
            // Its clock is the server's, which a store is told to be ahead of.
            let server = try #require(PrivatePostgreSQL.shared)
            let conninfo = server.conninfo(try server.database())
            let (ahead, current) = (Locked<UInt64>(0), Locked<PostgreSQLStorage?>(nil))
            open = {
                let store = try PostgreSQLStorage(conninfo: conninfo)
                store.advance(milliseconds: ahead.withLock { $0 })
                current.withLock { $0 = store }
                return store
            }
            advancing = { milliseconds in
                ahead.withLock { $0 += milliseconds }
                current.withLock { $0?.advance(milliseconds: milliseconds) }
            }
        }
        opened = Locked(try open())
    }

    deinit { storage.close() }

    var storage: any Storage { opened.withLock { $0 } }

    func advance(milliseconds: UInt64) { advancing(milliseconds) }

    /// Ends the store and opens it once more.
    func reopen() throws {
        storage.close()
        let next = try open()
        opened.withLock { $0 = next }
    }
}

extension StoredRow {
    init(_ revision: UInt64, _ text: String) { self.init(revision: revision, bytes: Array(text.utf8)) }
}

extension StoredHead {
    init(_ life: UInt64, _ revision: UInt64) { self.init(life: life, revision: revision) }
}

/// How a call of a store failed; nil where it did not.
func failure(_ body: () throws -> Void) -> StorageFailure? {
    do { try body() } catch { return error as? StorageFailure }
    return nil
}
