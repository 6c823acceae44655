// Disks that are full, folders that cannot be written, files that are something else or damaged: a sentence
// with the path, nothing lost of what was acknowledged, and a store that goes on where the fault has gone.

import Foundation
import Glibc
import Storage
import TestSupport
import Testing

@testable import SQLiteStorage

@Suite struct SQLiteFaultTests {
    static let a = StoredName(.session, "a")

    private func folder(_ files: FileTree) -> String { files.folder.path + "/state" }

    private func sentence(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return (error as? StorageOpening)?.description ?? "\(error)" }
        return nil
    }

    /// Appends rows until one fails, and gives the last that was acknowledged and the failure.
    private func fill(
        _ store: SQLiteStorage, from revision: UInt64, bytes: Int, most: UInt64 = 5000
    ) -> (last: UInt64, failure: StorageFailure?) {
        for next in (revision + 1)...most {
            let row = StoredRow(revision: next, bytes: [UInt8](repeating: UInt8(next % 251), count: bytes))
            let failed = failure {
                try store.commit([
                    .append(Self.a, after: StoredHead(1, next - 1), row, expiresAt: nil, holds: [])
                ])
            }
            if failed != nil { return (next - 1, failed) }
        }
        return (most, nil)
    }

    private func expectRows(_ store: SQLiteStorage, _ last: UInt64, bytes: Int) throws {
        let entity = try #require(try store.entity(Self.a, after: nil))
        #expect(entity.head == StoredHead(1, last))
        #expect(entity.log.map(\.revision) == Array(1...last))
        #expect(
            entity.log.allSatisfy {
                $0.bytes == [UInt8](repeating: UInt8($0.revision % 251), count: bytes)
            })
    }

    /// Waits for what the store finds out by itself once somebody asked.
    private func expectNoTrouble(_ store: SQLiteStorage) {
        for _ in 0..<500 where store.trouble != nil { usleep(10_000) }
        #expect(store.trouble == nil)
    }

    /// Pages are bounded as a disk would.
    @Test func fullDatabaseIsSaidSo() throws {
        let files = try FileTree()
        let store = try SQLiteStorage(folder: folder(files)) { 0 }
        defer { store.close() }
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        store.limit(pages: 100)
        let (last, failed) = fill(store, from: 0, bytes: 9000)
        #expect(last > 10)
        #expect(failed == .unavailable("\(folder(files))/iovad.sqlite: database or disk is full"))
        #expect(store.trouble == "\(folder(files))/iovad.sqlite: database or disk is full")
        try expectRows(store, last, bytes: 9000)
        store.limit(pages: 10_000)
        expectNoTrouble(store)
        #expect(fill(store, from: last, bytes: 9000, most: last + 50).failure == nil)
        try expectRows(store, last + 50, bytes: 9000)
    }

    /// A commit that has no room takes no other of its batch with it.
    @Test func fullDatabaseFailsOnlyWhatHasNoRoom() throws {
        let files = try FileTree()
        let store = try SQLiteStorage(folder: folder(files)) { 0 }
        defer { store.close() }
        store.limit(pages: 100)
        inParallel(12) { thread in
            let name = StoredName(.platform, "p\(thread)")
            let bytes = [UInt8](repeating: 1, count: thread % 3 == 0 ? 2 << 20 : 100)
            let failed = failure {
                try store.commit([.create(name, StoredHead(1, 0), expiresAt: nil, bytes, holds: [])])
            }
            #expect((failed != nil) == (thread % 3 == 0))
        }
        #expect(try store.heads(.platform).count == 8)
    }

    /// A real file system that fills up, where this process may mount one.
    @Test func fullDiskLosesNothing() throws {
        let files = try FileTree()
        let place = folder(files)
        guard let mounted = try Mount.small(place) else { return }
        defer { mounted.end() }
        var store = try SQLiteStorage(folder: place) { 0 }
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        try Data(count: 1 << 20).write(to: URL(fileURLWithPath: place + "/ballast"))
        let (last, failed) = fill(store, from: 0, bytes: 20_000)
        #expect(last > 10 && last < 1000)
        guard case .unavailable(let why)? = failed else {
            Issue.record("\(String(describing: failed))")
            return
        }
        #expect(why == "\(place)/iovad.sqlite: database or disk is full")
        #expect(store.trouble == why)
        #expect(fill(store, from: last, bytes: 20_000).last == last)
        try expectRows(store, last, bytes: 20_000)
        store.close()
        // A process that starts with a full disk reads all, or says why not.
        store = try SQLiteStorage(folder: place) { 0 }
        try expectRows(store, last, bytes: 20_000)
        try FileManager.default.removeItem(atPath: place + "/ballast")
        #expect(fill(store, from: last, bytes: 20_000, most: last + 5).failure == nil)
        expectNoTrouble(store)
        try expectRows(store, last + 5, bytes: 20_000)
        store.close()
    }

    @Test func readOnlyFolderIsRefused() throws {
        let files = try FileTree()
        let place = folder(files)
        if let mounted = try Mount.small(place) {
            defer { mounted.end() }
            try SQLiteStorage(folder: place) { 0 }.close()
            try mounted.makeReadOnly()
            #expect(
                sentence { _ = try SQLiteStorage(folder: place) { 0 } }
                    == "\(place)/iovad.lock cannot be opened for writing: Read-only file system")
        }
        // Nobody makes a folder there, root neither.
        let said = sentence { _ = try SQLiteStorage(folder: "/proc/iovad") { 0 } }
        #expect(said == "the folder /proc/iovad cannot be made: No such file or directory")
        try files.add("file", "")
        let file = files.folder.path + "/file"
        #expect(
            sentence { _ = try SQLiteStorage(folder: file) { 0 } }
                == "\(file)/iovad.lock cannot be opened for writing: Not a directory")
    }

    @Test func onlyTheOwnerReads() throws {
        let files = try FileTree()
        let place = folder(files)
        let store = try SQLiteStorage(folder: place) { 0 }
        defer { store.close() }
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        let names = try FileManager.default.contentsOfDirectory(atPath: place)
        #expect(names.contains("iovad.sqlite") && names.contains("iovad.sqlite-wal"))
        for name in names {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(place)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test func otherFilesAreRefused() throws {
        let files = try FileTree()
        let place = folder(files)
        let file = place + "/iovad.sqlite"
        try files.add("state/iovad.sqlite", String(repeating: "no database. ", count: 1000))
        #expect(
            sentence { _ = try SQLiteStorage(folder: place) { 0 } }
                == "\(file) cannot be opened: file is not a database")
        try FileManager.default.removeItem(atPath: file)
        try files.add("state/iovad.sqlite", "")
        try Database(path: file).execute("CREATE TABLE songs (title TEXT)")
        #expect(
            sentence { _ = try SQLiteStorage(folder: place) { 0 } }
                == "\(file) is a database of another program")
    }

    @Test func newerSchemaIsRefused() throws {
        let files = try FileTree()
        let place = folder(files)
        try SQLiteStorage(folder: place) { 0 }.close()
        try Database(path: place + "/iovad.sqlite").execute("PRAGMA user_version = 41")
        #expect(
            sentence { _ = try SQLiteStorage(folder: place) { 0 } }
                == "\(place)/iovad.sqlite has schema 41, and this release knows schemas up to "
                + "\(Schema.steps.count): use the release that wrote it, or a later one")
    }

    /// Pages of junk in a file that was fine: calls fail with SQLite's words; no byte of junk is an answer.
    @Test func damageIsSaidSo() throws {
        let files = try FileTree()
        let place = folder(files)
        var store = try SQLiteStorage(folder: place) { 0 }
        try store.commit([.create(Self.a, StoredHead(1, 0), expiresAt: nil, [], holds: [])])
        #expect(fill(store, from: 0, bytes: 3000, most: 60).failure == nil)
        store.close()
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: place + "/iovad.sqlite"))
        let end = try file.seekToEnd()
        #expect(end > 100_000)
        for page in 1..<(end / 4096) {
            try file.seek(toOffset: page * 4096)
            try file.write(contentsOf: Data(repeating: 0x5a, count: 4096))
        }
        try file.close()
        store = try SQLiteStorage(folder: place) { 0 }
        defer { store.close() }
        for failed in [
            failure { _ = try store.entity(Self.a, after: nil) },
            failure { try store.commit([.remove(Self.a, after: StoredHead(1, 60))]) },
        ] {
            #expect(failed == .unavailable("\(place)/iovad.sqlite: database disk image is malformed"))
        }
        #expect(store.trouble != nil)
    }

    @Test func revisionsThatSQLiteCannotCompareAreRefused() throws {
        let files = try FileTree()
        let store = try SQLiteStorage(folder: folder(files)) { 0 }
        defer { store.close() }
        let failed = failure {
            try store.commit([.create(Self.a, StoredHead(1, 1 << 63), expiresAt: nil, [], holds: [])])
        }
        #expect(
            failed
                == .unavailable(
                    "revision 9223372036854775808 is above 9223372036854775807, the highest that the store compares"
                ))
        #expect(store.trouble == nil)
    }
}

/// A small file system in memory.
struct Mount {
    let path: String

    /// nil where this process may mount none; says so.
    static func small(_ path: String) throws -> Mount? {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("tmpfs", path, "tmpfs", 0, "size=4m,mode=0700") == 0 else {
            print("skipped: this process may not mount a file system: \(String(cString: strerror(errno)))")
            return nil
        }
        return Mount(path: path)
    }

    func makeReadOnly() throws {
        try #require(mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), nil) == 0)
    }

    func end() { umount(path) }
}
