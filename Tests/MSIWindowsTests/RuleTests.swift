// Rules, sentences, citations and minimal questions are one set; and explaining never changes a decision.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Platforms
import SMMUModel
import TestSupport
import Testing

@Suite struct RuleTests {
    @Test(arguments: Rule.allCases)
    func itsMinimalQuestionTakesTheRule(rule: Rule) {
        var recorder = StepRecorder(limit: 512)
        _ = Decision.decide(MinimalQuestions.question(for: rule), recorder: &recorder)
        let steps = recorder.steps.filter { $0.rule == rule }
        #expect(!steps.isEmpty, "taken were \(Set(recorder.steps.map(\.rule.rawValue)).sorted())")
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

    @Test func reachableMeansThatNothingIsInTheWay() {
        var random = SeededGenerator.forTest("reachable", fallback: 0xdec1de)
        for _ in 0..<4_000 {
            var question = RandomQuestions.question(&random)
            question.group = IOMMUGroup(question.device)
            question.history = []
            let decision = Decision.decide(question)
            guard decision.outcome == .window, let window = decision.window else { continue }
            let withheld = Withheld(for: question.device, under: question.conditions)
            let isClear =
                withheld.items.allSatisfy { !$0.range.overlaps(window) }
                && window.last.value <= question.device.dmaLimit
                && question.conditions.aperture.contains(window)
            #expect(decision.isReachable == isClear, "\(question)")
            #expect(isClear || !decision.warnings.isEmpty, "\(question)")
        }
    }
}
