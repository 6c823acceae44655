// A PostgreSQL server of the tests: a folder of its own below the system's temporary one, a socket that only
// this machine's user reaches, no port. It runs as an ordinary user, and ends with the process that started
// it.

import Foundation
import Glibc
import Locking
import TestSupport

/// A server that can be stopped and started. `@unchecked Sendable`: `process` and `leash` are touched only
/// while `lock` is held.
final class PrivatePostgreSQL: @unchecked Sendable {
    /// Where Debian puts the programs of a server; the newest.
    static let programs: String? = {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap(
            Int.init)
        return versions.sorted().reversed().map { "\(root)/\($0)/bin" }
            .first { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") }
    }()

    /// One for all tests of the process, each with a database of its own; nil where there is no PostgreSQL.
    static let shared: PrivatePostgreSQL? = {
        guard programs != nil else {
            print("skipped: the tests of PostgreSQL, which is not installed (apt install postgresql)")
            return nil
        }
        do {
            let server = try PrivatePostgreSQL()
            atexit { PrivatePostgreSQL.shared?.remove() }
            return server
        } catch {
            print("skipped: the tests of PostgreSQL, which does not start: \(error)")
            return nil
        }
    }()

    struct Failure: Error, CustomStringConvertible { let description: String }

    let folder: String
    private let lock = Lock()
    private var process: Process?
    /// A pipe: the server's shell reads it, and ends the server at its end.
    private var leash: Pipe?

    init() throws {
        // A socket's path has 107 bytes at most.
        var template = Array(("/tmp/iovad-pg-" + String(repeating: "X", count: 6)).utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(description: "mkdtemp failed") }
        folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if geteuid() == 0 {
            guard let user = getpwnam("postgres") else { throw Failure(description: "no user postgres") }
            chown(folder, user.pointee.pw_uid, user.pointee.pw_gid)
        }
        let made = try run(
            Self.user + [
                "\(Self.programs!)/initdb", "-D", "\(folder)/data", "-A", "trust", "-U", "iovad", "-E",
                "UTF8",
                "--locale=C", "--no-sync",
            ])
        guard made.status == 0 else { throw Failure(description: "initdb: \(made.output)") }
        try start()
    }

    /// initdb and postgres refuse root.
    private static let user =
        geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] : []

    /// Ends the server at the end of standard input, and that is when the tests' process ends, however it
    /// does.
    private static let leashed =
        "exec 3<&0; (read -r end <&3; kill -QUIT $$) & cd / && exec \"$0\" \"$@\" </dev/null 3<&- >\"$PGLOG\" 2>&1"

    /// For libpq.
    func conninfo(_ database: String) -> String { "host=\(folder) user=iovad dbname=\(database)" }

    /// Starts it and waits until it answers.
    func start() throws {
        try lock.withLock {
            let started = Process()
            let pipe = Pipe()
            started.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            started.arguments =
                Self.user + [
                    "sh", "-c",
                    Self.leashed,
                    "\(Self.programs!)/postgres", "-D", "\(folder)/data", "-k", folder, "-h", "",
                    "-c", "fsync=on", "-c", "max_connections=100", "-c", "deadlock_timeout=200ms",
                ]
            started.environment = ["PATH": "/usr/bin:/bin", "PGLOG": "\(folder)/log"]
            started.standardInput = pipe
            try started.run()
            (process, leash) = (started, pipe)
        }
        for _ in 0..<300 {
            if try ask("SELECT 1", "postgres").status == 0 { return }
            usleep(50_000)
        }
        throw Failure(
            description: (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "no log")
    }

    /// Ends it, as an administrator would; or at once, as a machine that fails: what was committed is there
    /// after the next start in both cases.
    func stop(atOnce: Bool = true) {
        lock.withLock {
            if !atOnce {
                process?.interrupt()
                // The process counts as running as long as the shell that waits for the end of the leash.
                for _ in 0..<3000
                where FileManager.default.fileExists(atPath: "\(folder)/data/postmaster.pid") {
                    usleep(10_000)
                }
            }
            try? leash?.fileHandleForWriting.close()
            process?.waitUntilExit()
            (process, leash) = (nil, nil)
        }
    }

    /// Runs SQL in a database, as its owner.
    @discardableResult
    func ask(_ sql: String, _ database: String) throws -> (status: Int32, output: String) {
        try TestSupport.run(
            "\(Self.programs!)/psql", "-X", "-q", "-A", "-t", "-h", folder, "-U", "iovad", "-d", database,
            "-c", sql)
    }

    /// A fresh database.
    func database() throws -> String {
        let name = "d" + String(UInt64.random(in: 0 ... .max), radix: 16)
        let made = try ask("CREATE DATABASE \(name) TEMPLATE template0", "postgres")
        guard made.status == 0 else { throw Failure(description: made.output) }
        return name
    }

    func remove() {
        stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
