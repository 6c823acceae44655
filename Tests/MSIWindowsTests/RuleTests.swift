// Rules, sentences, citations and minimal questions are one set; and explaining never changes a decision.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct RuleTests {
    @Test(arguments: Rule.allCases)
    func itsMinimalQuestionTakesTheRule(rule: Rule) throws {
        let taken: [(rule: Rule, text: String)]
        switch MinimalQuestions.way(to: rule) {
        case .question(let question):
            var recorder = StepRecorder(limit: 512)
            _ = Decision.decide(question, recorder: &recorder)
            taken = recorder.steps.map { ($0.rule, $0.text) }
        case .trace(let run):
            var recorder = AllocationStepRecorder(limit: 512)
            var domain = IOVADomain(granule: .kib4, startPFN: 0, release: .newest, onlineCPUs: 1)
            try run(&domain, &recorder)
            taken = recorder.steps.map { ($0.rule, $0.sentence) }
        }
        let steps = taken.filter { $0.rule == rule }
        #expect(!steps.isEmpty, "taken were \(Set(taken.map(\.rule.rawValue)).sorted())")
        #expect(steps.allSatisfy { !$0.text.isEmpty && $0.text.hasSuffix(".") })
    }

    @Test func everyRuleHasItsWordsAndIsUnique() {
        for rule in Rule.allCases {
            #expect(rule.sentence.hasSuffix(".") && rule.sentence.count > 20)
            #expect(!rule.citation.isEmpty)
            #expect(rule.rawValue.allSatisfy { $0.isLowercase || $0.isNumber || "._".contains($0) })
        }
        #expect(Set(Rule.allCases.map(\.sentence)).count == Rule.allCases.count)
    }

    @Test func explainingChangesNothing() {
        var random = SeededGenerator.forTest("explain", fallback: 0xe4b1a1)
        for _ in 0..<4_000 {
            let question = RandomQuestions.question(&random)
            let plain = Decision.decide(question)
            for limit in [0, 1, 512] {
                var recorder = StepRecorder(limit: limit)
                #expect(Decision.decide(question, recorder: &recorder) == plain, "\(question)")
            }
        }
    }

    /// Looked up by bisection over items that nest and overlap; a walk over all of them is the model.
    @Test func itemsThatOverlapAreFound() {
        var random = SeededGenerator.forTest("withheld items", fallback: 0x0b57_ac1e)
        var found = 0
        for _ in 0..<2_000 {
            let regions = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                ReservedRegion(
                    kind: .reserved, start: UInt64.random(in: 0..<64, using: &random) << 12,
                    length: UInt64.random(in: 1...16, using: &random) << 12, provenance: .caller("test"))
            }
            let device = Device(id: "d", kind: .group, firmwareRegions: regions)
            let withheld = PreparedDevice(device, under: Conditions()).withheld
            for _ in 0..<16 {
                let start = UInt64.random(in: 0..<(80 << 12), using: &random)
                let range = IOVARange(proven: start, start + UInt64.random(in: 0..<(8 << 12), using: &random))
                let wanted = withheld.items.filter { $0.range.overlaps(range) }
                #expect(withheld.items(overlapping: range) == wanted, "\(regions) at \(range.text)")
                #expect(withheld.firstItem(overlapping: range) == wanted.first)
                found += wanted.count
            }
        }
        #expect(found > 10_000)
    }

    @Test func reachableMeansThatNothingIsInTheWay() {
        var random = SeededGenerator.forTest("reachable", fallback: 0xdec1de)
        for _ in 0..<4_000 {
            var question = RandomQuestions.question(&random)
            question.group = IOMMUGroup(question.device)
            question.history = []
            let decision = Decision.decide(question)
            guard decision.outcome == .window, let window = decision.window else { continue }
            let withheld = PreparedDevice(question.device, under: question.conditions).withheld
            let isClear =
                withheld.items.allSatisfy { item in
                    // The kernel's own DMA keeps clear of relaxable regions; user space need not.
                    !item.range.overlaps(window) || (item.isRelaxable && question.consumer != .dmaAPI)
                }
                && window.last.value <= question.device.dmaLimit
                && question.conditions.aperture.contains(window)
            #expect(decision.isReachable == isClear, "\(question)")
            #expect(isClear || !decision.warnings.isEmpty, "\(question)")
        }
    }
}
