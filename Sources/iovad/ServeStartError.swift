// Why the server could not start, in words that say what to do.

import Glibc
import MicroHTTP

struct ServeStartError: Error, CustomStringConvertible {
    let description: String

    init(_ error: ListenError, for place: String) {
        description = "\(place): \(Self.reason(error))"
    }

    private static func reason(_ error: ListenError) -> String {
        switch error {
        case .notAnAddress(let host): "\(host) is no numeric address; names are not looked up"
        case .pathTooLong(let count, let limit): "the path has \(count) bytes; sockets take \(limit)"
        case .pathIsNotASocket(let path): "\(path) exists and is no socket; it is left alone"
        case .pathInUse(let path): "another process listens at \(path)"
        case .notAListeningSocket(let descriptor):
            "descriptor \(descriptor) from LISTEN_FDS is no listening stream socket"
        case .system(let call, let code): "\(call) failed: \(String(cString: strerror(code)))"
        case .daemonNotStarted(let lines):
            "libmicrohttpd did not start" + (lines.isEmpty ? "" : ": " + lines.joined(separator: "; "))
        }
    }
}
