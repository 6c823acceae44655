// Failed maps explained: with a host the answer is that of the decision's map checks, whatever the host; the
// region that is hit is named, and the places that are offered can be mapped. Without a host there are
// candidates, and each errno has its own verdict.

import AddressSpaces
import LinuxReleases
import Machines
import TestSupport
import Testing

@testable import MSIWindows

@Suite struct MapExplanationTests {
    private func failure(
        _ iova: UInt64?, _ size: UInt64?, _ errno: Int? = 22, user: UInt64? = nil,
        action: MapFailure.Action = .map
    ) -> MapFailure {
        var failure = MapFailure(.qemu, action, call: "vfio_dma_map", line: 1)
        failure.iova = iova
        failure.size = size
        failure.errorNumber = errno
        failure.userAddress = user
        return failure
    }

    private func explain(_ failure: MapFailure, _ question: MapQuestion = MapQuestion()) -> MapExplanation {
        MapExplanation.explain([failure], question).items[0]
    }

    private func host(_ regions: [ReservedRegion], usable: [IOVARange]? = nil) -> Question {
        Question(
            device: Device(id: "d", kind: .pciFunction, firmwareRegions: regions),
            usable: usable.map { UsableRanges($0, beside: regions) })
    }

    private static func region(
        _ start: UInt64, _ length: UInt64, _ kind: ReservedRegion.Kind = .reserved
    ) -> ReservedRegion {
        ReservedRegion(
            kind: kind, start: start, length: length, provenance: .caller("region \(HexLiteral.text(start))"))
    }

    // MARK: On a host

    @Test func theRegionThatIsHitIsNamed() throws {
        let question = host([Self.region(0xc601_0000, 0x1_0000, .msi)])
        let found = explain(failure(0x4000_0000, 0x1_0000_0000), MapQuestion(question))
        #expect(found.verdict == .reservedRegion && found.certainty == .yes)
        #expect(found.blockers.map(\.range) == [IOVARange(proven: 0xc601_0000, 0xc601_ffff)])
        #expect(found.because.contains("region 0xc6010000"), "\(found.because)")
        #expect(found.changes.contains { $0.contains("2144 MiB") }, "\(found.changes)")
        let window = explain(failure(0x7ff_0000, 0x2_0000), MapQuestion(question))
        #expect(window.verdict == .softwareWindow && window.certainty == .yes)
        #expect(window.blockers.map(\.range) == [DriverWindow.mainline])
    }

    @Test func endsOfTheApertureAndOfTheHostsRanges() {
        let question = host([], usable: [IOVARange(proven: 0, 0xffff_ffff_ffff)])
        let high = explain(failure(0xffff_ffff_f000, 0x2000), MapQuestion(question))
        #expect(high.verdict == .outsideAperture && high.certainty == .yes)
        let narrow = host([], usable: [IOVARange(proven: 0x1000, 0x7f_ffff_ffff)])
        let above = explain(failure(0x80_0000_0000, 0x1000), MapQuestion(narrow))
        #expect(above.verdict == .outsideRanges && above.certainty == .yes, "\(above)")
    }

    @Test func whatIsMappedBefore() {
        var question = host([])
        question.mappings = [IOVARange(proven: 0x4000_0000, 0x4fff_ffff)]
        let found = explain(failure(0x4800_0000, 0x1000, 17), MapQuestion(question))
        #expect(found.verdict == .existingMapping && found.certainty == .yes)
        #expect(found.blockers.map(\.range) == question.mappings)
        #expect(!found.alternatives.isEmpty)
    }

    @Test func memoryOfTheProcessIsAlignedToo() {
        var question = host([])
        question.conditions.pageSize = .kib64
        #expect(explain(failure(0x4000_1000, 0x1_0000), MapQuestion(question)).verdict == .alignment)
        let user = explain(failure(0x4000_0000, 0x1_0000, user: 0x7f00_1000), MapQuestion(question))
        #expect(user.verdict == .alignment && user.because.contains("0x7f001000"))
    }

    /// The kernel pins memory only after the range has passed.
    @Test func anotherErrnoSpeaksForItself() {
        let found = explain(failure(0x800_0000, 0x1000, 12), MapQuestion(host([])))
        #expect(found.verdict == .limit)
        #expect(explain(failure(0x4000_0000, 0x1000, 14), MapQuestion(host([]))).verdict == .badAddress)
        let works = explain(failure(0x4000_0000, 0x1000), MapQuestion(host([])))
        #expect(works.verdict == .notKnown && works.certainty == .unknown && !works.candidates.isEmpty)
    }

    @Test func groupsThatCannotBeAttached() {
        let found = explain(
            failure(0x4000_0000, 0x1000), MapQuestion(host([Self.region(0x1000, 0x1000, .direct)])))
        #expect(found.verdict == .refusedAttach && found.because.contains("one to one"), "\(found.because)")
        var unsafe = host([])
        unsafe.conditions.hasIsolatedMSI = false
        unsafe.conditions.allowsUnsafeInterrupts = false
        let attach = explain(failure(nil, nil, 1, action: .attach), MapQuestion(unsafe))
        #expect(attach.verdict == .refusedAttach && attach.certainty == .yes)
        #expect(attach.changes == RefusalRemedy.isolateInterrupts.changes)
    }

    /// Random hosts and maps: errno and verdict follow the decision's own check; what is offered works.
    @Test(arguments: [Consumer.vfioType1, .iommufd])
    func theDecisionDecides(consumer: Consumer) {
        var random = SeededGenerator.forTest("map failures \(consumer.rawValue)", fallback: 0x14)
        for round in 0..<400 {
            let question = Self.randomHost(&random)
            let failures = (0..<6).map { _ in failure(Self.address(&random), Self.bytes(&random)) }
            var asked = question
            asked.consumer = consumer
            asked.mapChecks = failures.map { .fixed(iova: $0.iova!, bytes: $0.size!) }
            let decision = Decision.decide(asked)
            let found = MapExplanation.explain(failures, MapQuestion(question, consumer: consumer))
            #expect(found.ranges == decision.ranges)
            guard decision.ranges != nil else {
                #expect(found.items.allSatisfy { $0.verdict == .refusedAttach })
                continue
            }
            for (item, result) in zip(found.items, decision.mapResults) {
                Self.check(item, result, asked, decision, "round \(round): \(item) \(result)")
            }
        }
    }

    private static func check(
        _ item: MapExplanation, _ result: Decision.MapResult, _ asked: Question, _ decision: Decision,
        _ comment: @autoclosure () -> String
    ) {
        let comment = Comment(rawValue: comment())
        // The log said EINVAL.
        if result.errno == .invalidArgument {
            #expect(item.certainty == .yes, comment)
            #expect(
                [
                    .reservedRegion, .softwareWindow, .outsideAperture, .outsideRanges, .alignment, .overflow,
                ].contains(item.verdict), comment)
        } else if result.errno == nil {
            #expect(item.verdict == .notKnown, comment)
        }
        let range = item.failure.range
        for blocker in item.blockers {
            #expect(range.map { blocker.range.overlaps($0) } == true, comment)
            if blocker.verdict != .existingMapping {
                #expect(decision.ranges?.contains { $0.contains(blocker.range) } == false, comment)
            }
        }
        var again = asked
        again.mapChecks = item.alternatives.map { start in
            let page = asked.conditions.userPage
            return .fixed(iova: start.value, bytes: page.alignUp(item.failure.size!) ?? 0)
        }
        #expect(Decision.decide(again).mapResults.allSatisfy { $0.errno == nil }, comment)
    }

    private static func randomHost(_ random: inout SeededGenerator) -> Question {
        let kinds: [ReservedRegion.Kind] = [.reserved, .reserved, .msi, .directRelaxable, .direct]
        let regions = (0..<Int.random(in: 0...5, using: &random)).map { _ in
            region(
                UInt64.random(in: 0...0x1_0000, using: &random) << 12,
                UInt64.random(in: 0...64, using: &random) << 12,
                kinds[
                    Int.random(in: 0...(Int.random(in: 0...9, using: &random) == 0 ? 4 : 3), using: &random)])
        }
        var conditions = Conditions(
            kernel: KernelProfile(KernelRelease.allCases.randomElement(using: &random)!),
            pageSize: [.kib4, .kib16, .kib64].randomElement(using: &random)!,
            apertureBits: [32, 39, 48].randomElement(using: &random)!)
        conditions.allowsUnsafeInterrupts = true
        let usable =
            Bool.random(using: &random)
            ? nil
            : UsableRanges([
                IOVARange(proven: 0x10_0000, 0xfff_ffff), IOVARange(proven: 0x1100_0000, 0xffff_ffff),
            ])
        var question = Question(
            device: Device(id: "d", kind: .pciFunction, firmwareRegions: regions), usable: usable,
            conditions: conditions)
        if Bool.random(using: &random) {
            question.mappings = [IOVARange(proven: 0x2000_0000, 0x2fff_ffff)]
        }
        return question
    }

    private static func address(_ random: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0...3, using: &random) {
        case 0: random.edgeBiased()
        case 1: UInt64.random(in: 0x7f0...0x820, using: &random) << 16
        default: UInt64.random(in: 0...0x3_0000, using: &random) << 12
        }
    }

    private static func bytes(_ random: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0...4, using: &random) {
        case 0: UInt64.random(in: 0...0x2000, using: &random)
        case 1: random.edgeBiased()
        default: UInt64.random(in: 1...0x400, using: &random) << 16
        }
    }

    // MARK: Without a host

    @Test func candidatesWithoutAHost() {
        let cases:
            [(
                iova: UInt64, size: UInt64, verdict: MapExplanation.Verdict,
                certainty: MapExplanation.Certainty
            )] = [
                (0x800_0000, 0x1000, .softwareWindow, .likely),
                (0xfee0_0000, 0x1000, .reservedRegion, .likely),
                (0x4000_0000, 0x1_0000_0000, .reservedRegion, .likely),
                (0x38_0000_000000, 0x4000, .outsideAperture, .likely),
                (0x1_0000_0000_0000, 0x1000, .outsideAperture, .likely),
                (0xfd_0000_0000, 0x1000, .outsideAperture, .likely),
                (0x1_0000_0000, 0x1000, .reservedRegion, .unknown),
                (0x4000_0800, 0x1000, .alignment, .yes), (0x4000_0000, 0, .alignment, .yes),
                (.max - 0xfff, 0x2000, .overflow, .yes),
            ]
        for (iova, size, verdict, certainty) in cases {
            let found = explain(failure(iova, size))
            #expect(found.verdict == verdict && found.certainty == certainty, "\(found)")
        }
        let large = explain(failure(0x4000_1000, 0x1000))
        #expect(large.candidates.map(\.verdict) == [.alignment] && large.verdict == .reservedRegion)
        #expect(large.changes.contains { $0.contains("reserved_regions") })
    }

    /// What the message itself names is in the sentence.
    @Test func messagesThatNameTheirReason() {
        var limit = failure(nil, nil, 12)
        (limit.reason, limit.lockedMemoryLimit) = (.lockedMemory, 64 << 20)
        #expect(explain(limit).because.contains("67108864 bytes (64 MiB)"), "\(explain(limit).because)")
        var overlap = failure(0x8000_0000, 0x2000_0000)
        overlap.reason = .overlapsReserved
        #expect(explain(overlap).verdict == .reservedRegion && explain(overlap).blockers.isEmpty)
        overlap.reserved = IOVARange(proven: 0x9000_0000, 0x900f_ffff)
        let found = explain(overlap)
        #expect(found.because.contains("0x90000000...0x900fffff"), "\(found.because)")
        #expect(found.blockers.map(\.range) == [overlap.reserved])
        #expect(found.changes.contains { $0.contains("256 MiB") }, "\(found.changes)")
        var bar = failure(0x38_0000_000000, 0x4000)
        (bar.bar, bar.device) = (.leftOut, "0000:01:00.0")
        #expect(explain(bar).because.contains("BAR of 0000:01:00.0"), "\(explain(bar).because)")
        bar.bar = .named
        #expect(explain(bar).because.contains("peer-to-peer"))
        var direct = failure(nil, nil, 22, action: .attach)
        direct.reason = .directRegion
        #expect(explain(direct).because.contains("1:1, a direct region"))
    }

    /// A host whose architecture the text names has no places of the other.
    @Test func architecturesAreToldApart() {
        var arm = failure(0, 0x1_0000_0000)
        arm.architecture = .arm
        #expect(!explain(arm).candidates.contains { $0.range == DriverWindow.x86 })
        arm.architecture = .x86
        #expect(!explain(arm).candidates.contains { $0.range == DriverWindow.mainline })
        #expect(explain(arm).candidates.contains { $0.range == DriverWindow.x86 })
    }

    @Test func everyErrnoHasAVerdict() {
        let verdicts: [Int: MapExplanation.Verdict] = [
            1: .refusedAttach, 12: .limit, 14: .badAddress, 17: .existingMapping, 22: .reservedRegion,
            28: .limit,
            34: .outsideAperture, 75: .outsideAperture, 98: .reservedRegion, 99: .reservedRegion,
        ]
        for row in LinuxError.rows {
            let found = explain(failure(nil, nil, row.number))
            #expect(found.verdict == verdicts[row.number] ?? .notKnown, "\(found)")
            #expect(!found.changes.isEmpty && found.because.contains(row.name), "\(found)")
            let unmap = explain(failure(0x1000, 0x1000, row.number, action: .unmap))
            #expect(unmap.verdict == .refusedUnmap && unmap.because.contains(row.name), "\(unmap)")
            let attach = explain(failure(nil, nil, row.number, action: .attach))
            #expect(attach.verdict == .refusedAttach && attach.because.contains(row.name), "\(attach)")
        }
        #expect(explain(failure(0x1000, 0x1000, nil)).verdict == .notKnown)
    }
}
