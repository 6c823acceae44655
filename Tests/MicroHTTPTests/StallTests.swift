// How many connections fit the descriptors of a process, and deadlines of a process that did not run for a
// while.

import HTTP
import Testing

@testable import MicroHTTP

@Suite struct StallTests {
    @Test func connectionsFitTheDescriptors() {
        let limits = ServerLimits()
        for daemons in 1...3 {
            let needed = limits.descriptorCount(daemons: daemons)
            #expect(limits.fitting(descriptors: needed, daemons: daemons) == limits)
            #expect(limits.fitting(descriptors: .max, daemons: daemons) == limits)
            for descriptors in [0, 1, 2, 16, 64, 511, 512, 1_024, 4_096, needed - 1] {
                let fitting = limits.fitting(descriptors: descriptors, daemons: daemons)
                let most = fitting.maximumConnectionCount
                #expect(most >= 1 && most < limits.maximumConnectionCount)
                // Some are left for files, and one address never has all.
                if descriptors >= 16 {
                    #expect(most * daemons <= descriptors - min(256, descriptors / 2))
                    #expect(fitting.maximumConnectionCountPerAddress <= max(1, most / 2))
                }
            }
        }
    }

    @Test func deadlinesMoveByTheTimeThatWasLost() {
        var limits = ServerLimits()
        limits.wholeRequestSeconds = 30
        let table = ConnectionTable()
        let second: Int64 = 1_000_000
        let record = ConnectionRecord(
            connection: OpaquePointer(bitPattern: 8)!, descriptor: -1, peer: "p", now: 0)
        table.open(record)
        table.requestStarted(on: record, now: 0)
        func isOverdue(_ seconds: Int64) -> Bool {
            !table.overdue(now: seconds * second, limits: limits).isEmpty
        }
        #expect(!isOverdue(29) && isOverdue(30))
        // After 10 s, 50 s were lost: 20 are left.
        table.forgive(microseconds: 50 * second, now: 60 * second)
        #expect(!isOverdue(79) && isOverdue(80))
        // Nobody gets more than a new request has.
        table.forgive(microseconds: 500 * second, now: 60 * second)
        #expect(!isOverdue(89) && isOverdue(90))
        table.close(record)
    }
}
