// A device that was prepared ahead answers as one that is prepared for the question: by whichever way the
// conditions changed in between, with and without a domain kept beside it, and however often it is asked.

import AddressSpaces
import LinuxReleases
import MSIWindows
import Machines
import TestSupport
import Testing

@Suite struct PreparedDeviceTests {
    typealias W = Worked

    private struct Answer: Equatable {
        var decision: Decision
        var steps: [Step]
    }

    private static func answer(_ question: Question) -> Answer {
        var recorder = StepRecorder(limit: 512)
        let decision = Decision.decide(question, recorder: &recorder)
        return Answer(decision: decision, steps: recorder.steps)
    }

    /// Asked about `group`, otherwise as `question`.
    private static func asking(_ question: Question, _ group: PreparedGroup) -> Question {
        var asked = Question(
            group: group, consumer: question.consumer, source: question.source,
            conditions: question.conditions, doorbells: question.doorbells)
        asked.dmaMask = question.dmaMask
        asked.history = question.history
        asked.earlierGroups = question.earlierGroups
        asked.mappings = question.mappings
        asked.allowed = question.allowed
        asked.mapChecks = question.mapChecks
        return asked
    }

    private static func usable(_ random: inout SeededGenerator) -> UsableRanges? {
        switch Int.random(in: 0...2, using: &random) {
        case 0: nil
        case 1:
            UsableRanges([IOVARange(proven: 0, 0x7ff_ffff), IOVARange(proven: 0x810_0000, 0xffff_ffff_ffff)])
        default: UsableRanges([IOVARange(proven: 0, random.edgeBiased())])
        }
    }

    @Test func preparedAheadAnswersAsPreparedAfresh() {
        var random = SeededGenerator.forTest("prepared ahead", fallback: 0x9e9a_4ed0)
        for _ in 0..<2_000 {
            var question = RandomQuestions.question(&random)
            question.usable = Self.usable(&random)
            let fresh = Self.answer(question)
            // For these conditions, with and without what is kept with a device.
            for extras: PreparedDevice.Extras in [[], .domain, .window, [.domain, .window]] {
                let devices = question.group.devices.enumerated().map { index, device in
                    PreparedDevice(
                        device, usable: index == question.group.subject ? question.usable : nil,
                        under: question.conditions, including: extras)
                }
                let group = PreparedGroup(devices, subject: question.group.subject)
                let asked = Self.asking(question, group)
                #expect(Self.answer(asked) == fresh, "\(question)")
                #expect(Self.answer(asked) == fresh, "asked again: \(question)")
            }
            // For others, and then asked under these: in the initialiser, and by a change.
            let others = RandomQuestions.question(&random).conditions
            let elsewhere = PreparedGroup(question.group, usable: question.usable, under: others)
            var changed = Self.asking(question, elsewhere)
            #expect(Self.answer(changed) == fresh, "\(question)")
            changed.conditions = others
            changed.conditions = question.conditions
            #expect(Self.answer(changed) == fresh, "there and back: \(question)")
        }
    }

    /// The driver, the page and the aperture reach earlier groups too, whichever is assigned last.
    @Test func earlierGroupsFollowTheConditions() {
        var random = SeededGenerator.forTest("earlier groups", fallback: 0xea41_1e45)
        for _ in 0..<1_000 {
            var question = RandomQuestions.question(&random)
            question.consumer = Bool.random(using: &random) ? .vfioType1 : .iommufd
            let others = RandomQuestions.question(&random).conditions
            let earlier = RandomQuestions.question(&random).group
            let aperture: IOVARange? =
                Bool.random(using: &random) ? nil : IOVARange(proven: 0, random.edgeBiased())
            var first = question
            first.earlierGroups = [AttachedGroup(earlier, aperture: aperture)]
            var last = question
            last.conditions = others
            last.earlierGroups = [
                AttachedGroup(PreparedGroup(earlier, under: others), aperture: aperture)
            ]
            last.conditions = question.conditions
            #expect(Self.answer(last) == Self.answer(first), "\(question)")
        }
    }

    /// Usable ranges of a mate bound its own choice of a window; a change of the subject's leaves them alone.
    @Test func matesKeepTheirUsableRanges() {
        let conditions = Conditions()
        let low = UsableRanges([IOVARange(proven: 0, 0xfff_ffff)])
        let high = UsableRanges([IOVARange(proven: 0x2000_0000, 0xffff_ffff)])
        let group = PreparedGroup(
            [
                PreparedDevice(W.pci(), usable: high, under: conditions),
                PreparedDevice(W.pci(), usable: nil, under: conditions),
            ], subject: 1)
        var question = Question(
            group: group, source: .dynamic(prefer: .nearestDefault, size: W.mib), conditions: conditions)
        question.usable = low
        #expect(question.prepared.devices[0].usable == high && question.usable == low)
        // VFIO takes the highest window of the group, which is the mate's.
        #expect(Decision.decide(question).window?.start.value == 0x2000_0000)
        question.conditions.pageSize = .kib16
        #expect(question.prepared.devices[0].usable == high && question.usable == low)
    }

    /// A trace of a device behind a virtio-iommu counts in that driver's pages, whatever the question says.
    @Test func tracesTakeTheDriverOfTheirDevice() {
        var conditions = Conditions(pageSize: .kib64)
        conditions.smmuPageSizes = PageSizes(bitmap: .max << 12)
        var own = conditions
        own.driver = .virtio
        for extras: PreparedDevice.Extras in [[], .domain] {
            let device = PreparedDevice(W.pci(), under: own, including: extras)
            let question = TraceQuestion(conditions: conditions, prepared: device)
            #expect(question.conditions.granule == .kib4)
            let trace = TraceReconstruction(
                [
                    MappingEvent(
                        line: 1, task: "a-1", kind: .map(iova: 0xffff_f000, physical: 0x1000, size: 0x1000))
                ], question)
            #expect(trace.domains.map(\.kind) == [.dmaLayer] && trace.domains[0].oddities.isEmpty)
        }
    }

    /// The blocker is the region that the sentence names, not another that is lower, skipped or relaxable.
    @Test func blockersAreTheRegionsThatSentencesName() {
        var direct = W.pci([W.region(0x9000_0000, W.mib, .direct), W.region(0x8000_0000, W.mib, .direct)])
        direct.unappliedRegions = [
            UnappliedRegion(
                reason: .rmrWithoutPreservedConfiguration, region: W.region(0x1000, 0x1000, .direct),
                location: "IORT node at 0x100")
        ]
        let claimed = W.ask(.vfioType1, direct)
        #expect(claimed.because.contains("0x90000000"))
        #expect(claimed.blockers.map(\.range.start.value) == [0x9000_0000])

        let two = W.pci([W.region(0x808_0000, 0x1000), W.region(0x800_0000, 0x1000)])
        var recorder = StepRecorder(limit: 512)
        _ = Decision.decide(Question(device: two, source: W.posted), recorder: &recorder)
        let blocked = recorder.steps.filter { $0.rule == .candidateBlocked }
        #expect(blocked.map(\.blocker?.range.start.value) == [0x808_0000])
        #expect(blocked.allSatisfy { $0.text.contains("0x8080000") })

        let relaxable = W.pci([
            W.region(0x7000_0000, 0x1000, .directRelaxable), W.region(0x7008_0000, 0x1000),
        ])
        let option = W.ask(.iommufd, relaxable, W.user(0x7000_0000, W.mib))
        #expect(option.errno == .addressInUse && option.because.contains("0x70080000"))
        #expect(option.blockers.map(\.range.start.value) == [0x7008_0000])
    }

    /// Doorbell pages in two withheld ranges: each warning is about the page that lies in its range.
    @Test func everyBlockedPageHasItsOwnWarning() {
        let usable = UsableRanges([
            IOVARange(proven: 0, 0xffff_cfff), IOVARange(proven: 0xffff_e000, 0xffff_efff),
            IOVARange(proven: 0x1_0000_0000, 0xffff_ffff_ffff),
        ])
        let decision = W.ask(
            .dmaAPI, W.pci([W.region(0xffff_e000, 0x1000)]), doorbells: [0x809_0040, 0x80a_0040]
        ) { $0.usable = usable }
        #expect(decision.doorbells.map(\.page.value) == [0xffff_f000, 0xffff_d000])
        #expect(!decision.isReachable && decision.blockers.count == 2)
        let warnings = decision.warnings.filter { $0.code == .windowOutsideIOVARanges }
        #expect(warnings.map(\.range?.start.value) == [0xffff_d000, 0xffff_f000])
        for warning in warnings {
            #expect(warning.range.map { warning.detail.hasPrefix($0.text) } == true, "\(warning.detail)")
        }
    }
}
