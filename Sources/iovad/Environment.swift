// Waiting for SIGTERM or SIGINT without a signal handler: both are blocked in every thread and one thread
// takes them with sigwait. No code ever runs in signal context.

import Glibc

/// SIGTERM and SIGINT as something to wait for.
public enum TerminationSignal {
    /// Blocks both signals in the calling thread. Call it before any thread is started: threads inherit it.
    public static func block() {
        var signals = set()
        let code = pthread_sigmask(SIG_BLOCK, &signals, nil)
        precondition(code == 0, "pthread_sigmask failed with \(code)")
    }

    /// Waits until one of the two comes and returns its number. `block()` must have been called.
    public static func wait() -> Int32 {
        var signals = set()
        var number: Int32 = 0
        while sigwait(&signals, &number) != 0 {}
        return number
    }

    private static func set() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }
}
