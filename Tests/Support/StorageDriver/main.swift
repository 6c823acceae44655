// A process that appends to a store until it is killed, and says of each commit that it was acknowledged,
// after it was: tests kill it, and hold the store against what it said.
//
//   StorageDriver FOLDER THREADS

import Foundation
import SQLiteStorage
import Storage
import TestSupport

let arguments = CommandLine.arguments
guard arguments.count == 3, let threads = Int(arguments[2]) else {
    FileHandle.standardError.write(Data("usage: StorageDriver FOLDER THREADS\n".utf8))
    exit(64)
}

let store: SQLiteStorage
do {
    store = try SQLiteStorage(folder: arguments[1]) { UInt64(Date().timeIntervalSince1970 * 1000) }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}

/// In one write, so that lines of threads do not mix and a kill leaves a whole line or a part of the last.
@Sendable func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
}

say("ready")
inParallel(threads) { thread in
    for number in 0... {
        let name = StoredName(.session, "s\((thread + number) % 3)")
        let text = "\(getpid())-\(thread)-\(number)"
        let blob = StoredBlob(digest: text, bytes: Array(text.utf8))
        do {
            guard let head = try store.head(name) else {
                try store.commit([
                    .create(name, StoredHead(life: 1, revision: 0), expiresAt: nil, [], holds: [])
                ])
                continue
            }
            let row = StoredRow(revision: head.revision + 1, bytes: Array(text.utf8))
            let answer = StoredAnswer(key: text, expiresAt: .max, bytes: row.bytes)
            try store.commit([
                .append(name, after: head, row, expiresAt: nil, holds: [blob]), .answer(answer),
            ])
            say("\(name.id) \(row.revision) \(text)")
        } catch StorageFailure.conflict {
            continue
        } catch {
            say("failed \(error)")
        }
    }
}
