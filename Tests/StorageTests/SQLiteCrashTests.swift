// SIGKILL at random moments: what a store acknowledged to a process that was killed is there afterwards, and
// no commit is there by half. IOVAD_TEST_KILLS sets how often.

import Foundation
import SQLiteStorage
import Storage
import TestSupport
import Testing

@Suite struct SQLiteCrashTests {
    static let kills = ProcessInfo.processInfo.environment["IOVAD_TEST_KILLS"].flatMap { Int($0) } ?? 40

    /// Beside the test bundle, where SwiftPM puts both.
    static let driver = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        .deletingLastPathComponent().appendingPathComponent("StorageDriver")

    private struct Said {
        let id: String
        let revision: UInt64
        let text: String
    }

    /// Starts the driver, kills it after `microseconds`, and gives what it said in whole lines.
    private func killedDriver(_ folder: String, after microseconds: UInt32) throws -> [Said] {
        let process = Process()
        process.executableURL = Self.driver
        process.arguments = [folder, "6"]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let timer = Thread {
            usleep(microseconds)
            kill(process.processIdentifier, SIGKILL)
        }
        timer.start()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return lines.filter { $0 != "ready" }.compactMap { line in
            let words = line.split(separator: " ")
            guard words.count == 3, let revision = UInt64(words[1]) else {
                Issue.record("the driver said \(line)")
                return nil
            }
            return Said(id: String(words[0]), revision: revision, text: String(words[2]))
        }
    }

    @Test func nothingAcknowledgedIsLost() throws {
        let files = try FileTree()
        let folder = files.folder.path + "/state"
        var generator = SeededGenerator.forTest("nothingAcknowledgedIsLost", fallback: 9)
        var heads: [StoredName: StoredHead] = [:]
        var acknowledged = 0
        for kill in 0..<Self.kills {
            let said = try killedDriver(folder, after: UInt32.random(in: 5000...200_000, using: &generator))
            acknowledged += said.count
            let store = try SQLiteStorage(folder: folder) { 0 }
            for (id, rows) in Dictionary(grouping: said, by: \.id) {
                let name = StoredName(.session, id)
                let entity = try #require(try store.entity(name, after: heads[name]), "kill \(kill)")
                let there = Dictionary(uniqueKeysWithValues: entity.log.map { ($0.revision, $0.bytes) })
                for row in rows {
                    #expect(there[row.revision] == Array(row.text.utf8), "kill \(kill): \(row)")
                }
                #expect(entity.log.last?.revision ?? 0 == entity.head.revision)
                // Each row came with its blob and its answer, whether it was acknowledged or not.
                for row in entity.log {
                    let text = String(decoding: row.bytes, as: UTF8.self)
                    #expect(try store.blob(text) == row.bytes)
                    #expect(try store.answer(text)?.bytes == row.bytes)
                }
                heads[name] = entity.head
            }
            store.close()
        }
        print("\(Self.kills) kills, \(acknowledged) commits acknowledged")
        let store = try SQLiteStorage(folder: folder) { 0 }
        defer { store.close() }
        var rows = 0
        for name in heads.keys {
            let entity = try #require(try store.entity(name, after: nil))
            #expect(entity.log.map(\.revision) == Array(1...entity.head.revision))
            rows += entity.log.count
        }
        #expect(rows >= acknowledged && acknowledged > Self.kills)
        #expect(try store.answers().count == rows)
    }

    @Test func secondProcessIsRefused() throws {
        let files = try FileTree()
        let folder = files.folder.path + "/state"
        let store = try SQLiteStorage(folder: folder) { 0 }
        let process = Process()
        process.executableURL = Self.driver
        process.arguments = [folder, "1"]
        let pipe = Pipe()
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(
            output
                == "\(folder) is in use by another process, which has locked \(folder)/iovad.lock\n")
        // The same within one process, until the first is closed.
        #expect(throws: StorageOpening.self) { try SQLiteStorage(folder: folder) { 0 } }
        store.close()
        try SQLiteStorage(folder: folder) { 0 }.close()
    }
}
