// The lane for requests whose cost has no small bound. A few threads of its own compute them, at a lower
// priority than the threads that answer at once. Its threads start with the first such request, so that a
// server which never gets one has none.

import Glibc
import Locking

/// Computes what is heavy. Several servers may share one. Its threads end with it.
public final class HeavyLane: Sendable {
    /// How much may wait.
    public struct Bounds: Hashable, Sendable {
        /// Requests that wait, of all clients and of one. A client is an address.
        public var requestsMax = 1_024
        public var requestsPerClientMax = 512
        /// Sum of the bodies of waiting requests, of all clients and of one.
        public var bytesMax = 256 << 20
        public var bytesPerClientMax = 128 << 20
        /// CPU time for one request.
        public var cpuSecondsMax = 10
        /// Threads that compute; nil is one for each online core, and at least two.
        public var threadCount: Int?

        public init() {}

        /// Of a lane whose threads wait for a store most of the time: so many requests share its commits.
        public static let waiting: Self = {
            var bounds = Self()
            bounds.threadCount = 64
            bounds.niceness = 0
            return bounds
        }()

        /// How much lower than the process the threads' priority is, on Linux' scale of 0 ... 19.
        public var niceness = 10
        /// What a client that is turned away should wait.
        public static let retryAfterSeconds = 1

        var threads: Int { threadCount ?? max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

        /// Names on the wire and values, for the service's list of limits.
        public var table: [(name: String, value: Int)] {
            [
                ("heavy_requests_max", requestsMax), ("heavy_requests_per_client_max", requestsPerClientMax),
                ("heavy_bytes_max", bytesMax), ("heavy_bytes_per_client_max", bytesPerClientMax),
                ("heavy_cpu_seconds_max", cpuSecondsMax), ("heavy_threads", threads),
                ("heavy_retry_after_seconds", Self.retryAfterSeconds),
            ]
        }
    }

    /// What the lane does now and has done.
    public struct Gauges: Hashable, Sendable {
        public var waiting = 0
        public var waitingBytes = 0
        public var running = 0
        /// Since the start.
        public var refused: UInt64 = 0
        public var cancelled: UInt64 = 0
    }

    /// A computation that waits or runs.
    public final class Job: Sendable {
        fileprivate let client: String
        fileprivate let run: @Sendable () -> Void

        init(client: String, run: @escaping @Sendable () -> Void) {
            self.client = client
            self.run = run
        }
    }

    private struct State {
        var queue: FairQueue<Job>
        var gauges = Gauges()
        var threads: WorkerThreads?
    }

    /// Apart from the lane, whose last owner must not be one of its own threads.
    private let state: Locked<State>
    public let bounds: Bounds

    public init(_ bounds: Bounds = Bounds()) {
        self.bounds = bounds
        state = Locked(State(queue: FairQueue(bounds)))
    }

    /// `run` is called once on a thread of the lane, unless the job is withdrawn before. Returns nil when too
    /// much waits, or when the system has no thread for it.
    /// - Parameters:
    ///   - client: whose turn it takes.
    ///   - bytes: what it holds while it waits.
    ///   - isUnderWay: whether it continues an answer that has begun, and so is taken whatever waits.
    public func submit(
        of client: String, bytes: Int, isUnderWay: Bool = false, _ run: @escaping @Sendable () -> Void
    ) -> Job? {
        let job = Job(client: client, run: run)
        let threads = state.withLock { state -> WorkerThreads? in
            if state.threads == nil {
                let started = WorkerThreads(count: bounds.threads, niceness: bounds.niceness) {
                    [weak shared = self.state] in
                    if let shared { Self.runOne(shared) }
                }
                if started.count > 0 { state.threads = started }
            }
            guard let threads = state.threads,
                state.queue.add(job, of: client, bytes: bytes, isForced: isUnderWay)
            else {
                state.gauges.refused += 1
                return nil
            }
            return threads
        }
        guard let threads else { return nil }
        threads.wakeOne()
        return job
    }

    /// Takes back a job that has not begun. False when it runs or has run: then `run` is or was called.
    public func withdraw(_ job: Job) -> Bool {
        state.withLock { state in
            guard state.queue.remove(job, of: job.client) else { return false }
            state.gauges.cancelled += 1
            return true
        }
    }

    /// Counts a job that ran, or was about to run, when its client had gone.
    public func noteCancelled() { state.withLock { $0.gauges.cancelled += 1 } }

    public var gauges: Gauges {
        state.withLock { state in
            var gauges = state.gauges
            gauges.waiting = state.queue.count
            gauges.waitingBytes = state.queue.bytes
            return gauges
        }
    }

    private static func runOne(_ state: Locked<State>) {
        // A job that was withdrawn has left its wake-up.
        let job = state.withLock { state -> Job? in
            guard let job = state.queue.next() else { return nil }
            state.gauges.running += 1
            return job
        }
        guard let job else { return }
        job.run()
        state.withLock { $0.gauges.running -= 1 }
    }

    deinit { state.withLock { $0.threads }?.stop() }
}
