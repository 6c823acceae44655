// 10,000 random traces: product and reference must agree on every call. A failure prints the seed of its
// trace; IOVAD_TEST_TRACES multiplies the number of traces.

import Foundation
import IOVAAllocation
import LinuxReleases
import MSIWindows
import TestSupport
import Testing

@Suite struct RandomTraceTests {
    static let factor = ProcessInfo.processInfo.environment["IOVAD_TEST_TRACES"].flatMap(Int.init) ?? 1

    /// Runs one trace; false, with the difference reported, when the twins differ.
    private func agrees(seed: UInt64, calls: Int, burstMax: Int, checked: Bool) -> Bool {
        var generator = TraceGenerator(seed: seed, burstMax: burstMax)
        var twins = TwinDomain(
            granule: generator.granule, startPFN: generator.startPFN, release: generator.release,
            onlineCPUs: generator.onlineCPUs, checked: checked)
        for index in 0..<calls {
            let call = generator.next()
            let outcome = twins.make(call)
            guard let agreed = outcome.agreed else {
                let place = "trace 0x\(String(seed, radix: 16)), call \(index), \(call)"
                Issue.record("\(place): product \(outcome.product), reference \(outcome.reference)")
                return false
            }
            generator.note(call, agreed.pfn)
        }
        guard twins.holdsTheSame else {
            Issue.record("trace 0x\(String(seed, radix: 16)): held ranges differ after \(calls) calls")
            return false
        }
        return true
    }

    private func run(
        _ name: String, _ fallback: UInt64, traces: Int, calls: ClosedRange<Int>, burstMax: Int = 0,
        checked: Bool = false
    ) {
        var random = SeededGenerator.forTest(name, fallback: fallback)
        for _ in 0..<traces * Self.factor {
            let length = Int.random(in: calls, using: &random)
            guard agrees(seed: random.next(), calls: length, burstMax: burstMax, checked: checked) else {
                return
            }
        }
    }

    @Test func shortTracesAgree() { run("short traces", 0x51, traces: 8_000, calls: 5...200) }

    @Test func invariantsHoldAfterEveryCall() {
        run("checked traces", 0x52, traces: 1_600, calls: 5...60, checked: true)
    }

    /// Long enough to split and join tree nodes, and to fill magazines.
    @Test func longTracesAgree() {
        run("long traces", 0x53, traces: 200, calls: 400...2_500)
        run("long traces with bursts", 0x54, traces: 200, calls: 1_000...4_000, burstMax: 600)
    }

    /// Long enough to fill the depots of 6.1.
    @Test func veryLongTracesAgree() {
        run("very long traces", 0x55, traces: 10, calls: 6_000...20_000)
        run("very long traces with bursts", 0x56, traces: 20, calls: 20_000...40_000, burstMax: 12_000)
    }

    /// A generator that misses a rule would prove nothing about it.
    @Test func everyRuleIsReached() {
        var random = SeededGenerator.forTest("rules", fallback: 0x57)
        var reached: Set<Rule> = []
        for trace in 0..<610 {
            var generator = TraceGenerator(seed: random.next(), burstMax: trace < 600 ? 0 : 4_000)
            var domain = ExplainingDomain(
                granule: generator.granule, startPFN: generator.startPFN, release: generator.release,
                onlineCPUs: generator.onlineCPUs)
            domain.isListening = true
            for _ in 0..<(trace < 600 ? 100 : 20_000) {
                domain.recorder = AllocationStepRecorder(limit: 64)
                let call = generator.next()
                generator.note(call, TwinDomain.make(call, on: &domain).pfn)
                for step in domain.recorder.steps {
                    reached.insert(step.rule)
                    #expect(step.sentence.hasSuffix("."))
                }
            }
        }
        let allocators = Rule.allCases.filter { rule in
            // That nothing is left is the DMA layer's finding, not the allocator's.
            rule != .exhausted
                && ["alloc.", "cache.", "free.", "reserve."].contains { rule.rawValue.hasPrefix($0) }
        }
        #expect(Set(allocators).subtracting(reached).map(\.rawValue).sorted() == [])
        #expect(reached.subtracting(allocators).isEmpty)
    }
}
