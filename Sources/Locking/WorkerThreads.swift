// A few threads that do one piece of work for each call that they get. They run at a lower priority than
// the rest of the process, so that a thread which answers at once does not wait for them. What the work is,
// and in which order, the owner of a queue knows.

import Glibc

/// Running worker threads. `@unchecked Sendable`: `threads` is written by `init` and read by `stop`, which is
/// called once; the semaphore lies at a fixed address and is only touched by its own calls.
public final class WorkerThreads: @unchecked Sendable {
    private final class Shared: @unchecked Sendable {
        /// The lowest priority, in Linux.
        private static let nicenessMax: Int32 = 19

        let semaphore: UnsafeMutablePointer<sem_t>
        let isStopping = Locked(false)
        let niceness: Int32
        let work: @Sendable () -> Void

        init(niceness: Int32, work: @escaping @Sendable () -> Void) {
            semaphore = .allocate(capacity: 1)
            let code = sem_init(semaphore, 0, 0)
            precondition(code == 0, "sem_init failed with \(errno)")
            self.niceness = niceness
            self.work = work
        }

        deinit {
            sem_destroy(semaphore)
            semaphore.deallocate()
        }

        func run() {
            // Linux takes 0 for the calling thread, not for the process; it begins with the priority of the
            // thread that made it.
            if niceness > 0 {
                let which = __priority_which_t(PRIO_PROCESS.rawValue)
                _ = setpriority(which, 0, min(getpriority(which, 0) + niceness, Self.nicenessMax))
            }
            while true {
                // EINTR is no call.
                guard sem_wait(semaphore) == 0 else { continue }
                if isStopping.withLock({ $0 }) { return }
                work()
            }
        }
    }

    private let shared: Shared
    private var threads: [pthread_t] = []

    /// How many threads run: as many as the system gave, 0 ... `count`.
    public var count: Int { threads.count }

    /// Starts up to `count` threads that call `work` once for each `wakeOne`. `niceness` 0 ... 19 is added to
    /// the priority of the process.
    public init(count: Int, niceness: Int, work: @escaping @Sendable () -> Void) {
        shared = Shared(niceness: Int32(clamping: niceness), work: work)
        for _ in 0..<count {
            var thread = pthread_t()
            guard SystemThread.start(&thread, { [shared] in shared.run() }) == 0 else { return }
            threads.append(thread)
        }
    }

    /// One of the threads calls `work` once, now or as soon as one is free.
    public func wakeOne() { sem_post(shared.semaphore) }

    /// Ends the threads and waits for the work that they are at. Call once. When `work` calls it, that thread
    /// ends after it and is not waited for.
    public func stop() {
        shared.isStopping.withLock { $0 = true }
        for _ in threads { sem_post(shared.semaphore) }
        for thread in threads {
            if pthread_equal(thread, pthread_self()) != 0 {
                pthread_detach(thread)
            } else {
                pthread_join(thread, nil)
            }
        }
    }
}
