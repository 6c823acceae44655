// The lane's threads: everything that is submitted runs once unless it is taken back, and the threads end.

import Glibc
import Locking
import TestSupport
import Testing

@testable import HTTP

@Suite struct HeavyLaneTests {
    private func lane(_ threads: Int, _ change: (inout HeavyLane.Bounds) -> Void = { _ in }) -> HeavyLane {
        var bounds = HeavyLane.Bounds()
        bounds.threadCount = threads
        change(&bounds)
        return HeavyLane(bounds)
    }

    private func waitUntil(_ condition: () -> Bool) { while !condition() { usleep(500) } }

    @Test func everyJobRunsOnceUnlessItIsTakenBack() throws {
        let lane = lane(3)
        let ran = Locked([Int: Int]())
        var withdrawn: Set<Int> = []
        for number in 0..<500 {
            let job = lane.submit(of: "\(number % 7)", bytes: 1) {
                ran.withLock { $0[number, default: 0] += 1 }
            }
            if number % 3 == 0, lane.withdraw(try #require(job)) { withdrawn.insert(number) }
        }
        waitUntil { ran.withLock { $0.count } == 500 - withdrawn.count && lane.gauges.running == 0 }
        #expect(ran.withLock { $0.values.allSatisfy { $0 == 1 } })
        #expect(ran.withLock { Set($0.keys) } == Set(0..<500).subtracting(withdrawn))
        #expect(lane.gauges == HeavyLane.Gauges(cancelled: UInt64(withdrawn.count)))
    }

    @Test func oneThreadServesClientsInTurn() {
        let lane = lane(1)
        let gate = Gate()
        let order = Locked([String]())
        #expect(lane.submit(of: "a", bytes: 0) { gate.pass() } != nil)
        gate.wait(for: 1)
        for name in ["a1", "a2", "a3", "b1", "b2", "c1"] {
            #expect(
                lane.submit(of: String(name.first!), bytes: 3) { order.withLock { $0.append(name) } } != nil)
        }
        #expect(lane.gauges == HeavyLane.Gauges(waiting: 6, waitingBytes: 18, running: 1))
        gate.open()
        waitUntil { order.withLock { $0.count } == 6 }
        #expect(order.withLock { $0 } == ["a1", "b1", "c1", "a2", "b2", "a3"])
    }

    @Test func whatDoesNotFitIsRefused() {
        let lane = lane(1) { $0.requestsMax = 2 }
        let gate = Gate()
        #expect(lane.submit(of: "a", bytes: 0) { gate.pass() } != nil)
        gate.wait(for: 1)
        for expected in [true, true, false] {
            #expect((lane.submit(of: "b", bytes: 0) {} != nil) == expected)
        }
        #expect(lane.gauges.refused == 1)
        gate.open()
    }

    /// The last owner of a lane may be one of its own jobs.
    @Test func theLaneMayEndInAJob() {
        let done = Locked(0)
        for _ in 0..<50 {
            let kept = Locked<HeavyLane?>(lane(2))
            _ = kept.withLock { $0 }?.submit(of: "a", bytes: 0) {
                kept.withLock { $0 = nil }
                done.withLock { $0 += 1 }
            }
        }
        waitUntil { done.withLock { $0 } == 50 }
    }
}
