// SIGTERM and SIGINT as something to wait for, without a handler that may do next to nothing.

import Glibc

/// The signals that end the process in good order.
public enum TerminationSignal {
    /// Blocks the signals in this thread and in all that it starts: call before any thread exists. A write
    /// to a closed socket becomes an error instead of a signal.
    public static func block() {
        signal(SIGPIPE, SIG_IGN)
        var set = signals
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for one of them and gives its number.
    public static func wait() -> Int32 {
        var set = signals
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    private static var signals: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        return set
    }
}
