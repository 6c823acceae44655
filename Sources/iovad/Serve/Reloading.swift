// What SIGHUP reads again while the server runs: the token file, certificate and key, and the host that is
// offered. Each is replaced as a whole or, when its file cannot be used, kept as it is; why is said. The
// files are read as they are at the start, and on a thread of their own: a file that nobody writes, or a file
// system that does not answer, holds up neither requests nor SIGTERM.

import API
import ArgumentParser
import Locking
import MicroHTTP

/// The thread that reads again, once for each time that it is asked.
final class Rereading: Sendable {
    private let reloading: Reloading
    /// Readings that were asked for and are not over.
    private let pending: Locked<Int>
    private let thread: WorkerThreads

    init(_ reloading: Reloading) throws {
        let pending = Locked(0)
        self.reloading = reloading
        self.pending = pending
        thread = WorkerThreads(count: 1, niceness: 0) {
            reloading.again()
            pending.withLock { $0 -= 1 }
        }
        guard thread.count > 0 else { throw NoThread() }
    }

    var isReading: Bool { pending.withLock { $0 > 0 } }

    /// Never waits. What is read at the moment is read again after that.
    func ask() {
        if isReading {
            reloading.log.say(
                "what an earlier signal asked for is still being read: it is read again after that")
        }
        pending.withLock { $0 += 1 }
        thread.wakeOne()
    }
}

/// The server cannot run without one of its own threads.
struct NoThread: Error, CustomStringConvertible {
    let description = "the system has no thread for the server (ulimit -u, TasksMax, memory)"
}

struct Reloading {
    let settings: Settings
    let service: Service
    let identity: TLSIdentity?
    let host: OfferedHost?
    let log: ServerLog

    func again() {
        if let file = settings.tokenFile {
            replace("tokens", of: file) {
                service.accept(try Settings.readTokens(file))
            }
        }
        if let identity, let files = settings.tlsFiles {
            replace("certificate and key", of: "\(files.certificate) and \(files.key)") {
                try files.replace(identity)
            }
        }
        host?.read()
    }

    private func replace(_ what: String, of files: String, _ read: () throws -> Void) {
        do {
            try read()
            log.say("read again: \(what) of \(files)")
        } catch {
            let reason = (error as? ValidationError)?.message ?? "\(error)"
            log.say("\(what) stay as they were: \(Report.printable(reason))")
        }
    }
}

/// Where certificate and key are.
struct TLSFiles {
    let certificate: String
    let key: String

    func identity() throws -> TLSIdentity {
        try checked { credentials throws(TLSFault) in try TLSIdentity(credentials) }
    }

    func replace(_ identity: TLSIdentity) throws {
        try checked { credentials throws(TLSFault) in try identity.replace(with: credentials) }
    }

    private func checked<Value>(_ use: (TLSCredentials) throws(TLSFault) -> Value) throws -> Value {
        let credentials = TLSCredentials(
            certificate: try Self.pem(certificate, of: "--tls-cert"), key: try Self.pem(key, of: "--tls-key"))
        do throws(TLSFault) {
            return try use(credentials)
        } catch {
            throw ValidationError("\(certificate) and \(key) cannot be used: \(error.reason)")
        }
    }

    private static func pem(_ path: String, of flag: String) throws -> [UInt8] {
        let bytes = try Files.contents(path, named: flag)
        guard String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ") else {
            throw ValidationError("\(path) contains no PEM text")
        }
        return bytes
    }
}
