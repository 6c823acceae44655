// Starting a thread, the same way everywhere: with a stack of our own size, so that a small `ulimit -s` ends
// nobody in the middle of a request, and without the signals that the process waits for in one place.

import Glibc

/// The stack of a thread.
public enum ThreadStack {
    /// What Linux gives a thread as a rule. Pages that are not touched cost addresses only.
    public static let bytes = 8 << 20
}

enum SystemThread {
    /// Code that a thread runs.
    private final class Box: Sendable {
        let body: @Sendable () -> Void

        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a thread of its own. Returns errno's number where the system has none for us.
    static func start(_ thread: inout pthread_t, _ body: @escaping @Sendable () -> Void) -> Int32 {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, ThreadStack.bytes)
        // A thread begins with the mask of the one that starts it.
        var (signals, before) = (sigset_t(), sigset_t())
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let box = Unmanaged.passRetained(Box(body))
        let code = pthread_create(
            &thread, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, box.toOpaque())
        if code != 0 { box.release() }
        return code
    }
}
