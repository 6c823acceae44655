// What the process gets from its system besides its arguments: environment variables, the binary's own
// path, the limit of open descriptors, and the signals that end it.

import Glibc
import Locking

enum Environment {
    /// Variables that start with IOVAD_, without that prefix. Those of tests (IOVAD_TEST_...) are not ours.
    static func iovad() -> [String: String] {
        var found: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let parts = String(cString: text).split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2, parts[0].hasPrefix("IOVAD_"), !parts[0].hasPrefix("IOVAD_TEST_") {
                found[String(parts[0].dropFirst(6))] = String(parts[1])
            }
            entry += 1
        }
        return found
    }

    /// The path of the running binary; nil without /proc.
    static func executablePath() -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { space in
            space.withMemoryRebound(to: CChar.self) { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    /// Opens on /dev/null what of standard input, output and error was closed: otherwise the next socket
    /// would get that number, and log lines would go to a client.
    static func openStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
            // The lowest free number, which is this one: those below it are open.
            _ = open("/dev/null", O_RDWR)
        }
    }

    /// Lets this process open `count` descriptors, or as many as it may without being root; returns how many
    /// it may open. The usual limit of 1,024 is far below the connections that the server takes.
    static func raiseDescriptorLimit(to count: Int) -> Int { raise(RLIMIT_NOFILE, to: count) }

    /// How many descriptors this process may open.
    static var descriptorLimit: Int { raise(RLIMIT_NOFILE, to: 0) }

    /// Whether this process may open so many descriptors more.
    static func canOpen(_ count: Int) -> Bool {
        let opened = (0..<count).map { _ in open("/dev/null", O_RDONLY | O_CLOEXEC) }
        for descriptor in opened where descriptor >= 0 { close(descriptor) }
        return !opened.contains(-1)
    }

    /// Below this, code of ours may run out of stack in its first calls.
    private static let stackBytesMin = 1 << 20

    /// Gives the main thread the stack that other threads have, or what it may have without being root. False
    /// where that is too little to run.
    static func raiseStackLimit() -> Bool { raise(RLIMIT_STACK, to: ThreadStack.bytes) >= stackBytesMin }

    /// Raises a limit of this process up to what it may have; returns what it has.
    private static func raise(_ resource: __rlimit_resource, to count: Int) -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(resource.rawValue), &limit) == 0 else { return count }
        let wanted = min(rlim_t(count), limit.rlim_max)
        let current = limit.rlim_cur
        guard current < wanted else { return Int(clamping: current) }
        limit.rlim_cur = wanted
        let code = setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
        return Int(clamping: code == 0 ? wanted : current)
    }
}

/// SIGTERM, SIGINT and SIGHUP as something to wait for, without a signal handler: they are blocked in every
/// thread, and one thread takes them with sigwait. No code ever runs in signal context. Until the server is
/// ready, SIGTERM and SIGINT end the process as they do by default, whatever it waits for.
enum ServerSignal {
    case end(number: Int32)
    /// SIGHUP.
    case reread

    /// SIGHUP waits from here on, it never ends the process; the others do, whatever whoever started it had
    /// blocked.
    static func prepare() {
        mask(SIG_BLOCK, set(SIGHUP))
        mask(SIG_UNBLOCK, set(SIGTERM, SIGINT))
    }

    /// All of them wait from here on. To be called before libmicrohttpd starts threads: they inherit it.
    static func block() { mask(SIG_BLOCK, set(SIGTERM, SIGINT, SIGHUP)) }

    private static func mask(_ how: Int32, _ signals: sigset_t) {
        var signals = signals
        let code = pthread_sigmask(how, &signals, nil)
        precondition(code == 0, "pthread_sigmask failed with \(code)")
    }

    /// Waits until one of them comes. `block` must have been called.
    static func wait() -> ServerSignal {
        var signals = set(SIGTERM, SIGINT, SIGHUP)
        var number: Int32 = 0
        while sigwait(&signals, &number) != 0 {}
        return number == SIGHUP ? .reread : .end(number: number)
    }

    /// Waits for the next signal that ends the server, at most so long.
    static func wait(seconds: Int) {
        var signals = set(SIGTERM, SIGINT)
        let end = MonotonicClock.milliseconds() + Int64(seconds) * 1_000
        while true {
            let rest = end - MonotonicClock.milliseconds()
            guard rest > 0 else { return }
            var time = timespec(tv_sec: Int(rest / 1_000), tv_nsec: Int(rest % 1_000) * 1_000_000)
            if sigtimedwait(&signals, nil, &time) > 0 { return }
        }
    }

    private static func set(_ numbers: Int32...) -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        return signals
    }
}
