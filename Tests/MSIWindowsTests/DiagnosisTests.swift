// Diagnoses of generated faults: every class of address, with every offset, access and cause, on a known
// machine and on none. The properties are what a reader relies on: "no" only where the log rules an MSI out,
// "yes" only with a known window and a known doorbell, no requester is made up, and a reason fits its cause.

import AddressSpaces
import Machines
import Testing

@testable import MSIWindows

@Suite struct DiagnosisTests {
    private static let bases: [UInt64] = [
        0, 0x800_0000, 0x809_0000, 0x810_0000, 0x7ff_f000, 0xa000_0000, 0x603_0000, 0x2c1c_0000, 0x4567_8000,
        0xffff_e000, 0xffff_f000, 0xf_ffff_e000, 0xff_ffff_e000, 0xffff_ffff_e000, 0x9_ffff_f000,
        0x9_0000_f000,
        1 << 48, 0xffff_ffff_ffff_f000,
    ]
    private static let offsets: [UInt64] = [0x40, 0, 0x8, 0x44]
    private static let accesses: [(isWrite: Bool?, isFetch: Bool?)] = [
        (true, false), (false, false), (false, true), (nil, nil),
    ]
    private static let causes: [SMMUFault.Cause] = [
        .translation, .permission, .accessFlag, .addressSize, .externalAbort, .tlbConflict,
        .unsupportedTransaction, .configuration, .pageRequest, .commandQueue, .other,
    ]
    private static let streams: [UInt32?] = [nil, 0, 0x11, 0x102, 0x4_0000]
    private static let client = "0002:21:00.0"

    /// An i.MX 95 in small: bus bits are left out of what is looked up, and a controller without a doorbell.
    private static func folded(hasDoorbell: Bool) -> Platform {
        var host = Device(
            id: "/soc/pcie@4c300000", kind: .pciHost,
            streams: [
                StreamMapping(smmu: "/smmu", kind: .idMap(idBase: 0x100, length: 7, output: [0x11]))
            ],
            msiControllers: ["/its"])
        host.requesterMask = 0x1ff
        return Platform(
            source: .deviceTree,
            smmus: [
                SMMU(
                    id: "/smmu", version: .v3, compatible: [], registers: [], enabled: true, iommuCells: 1,
                    coherentWalk: true)
            ],
            msiControllers: [
                MSIController(
                    id: "/its", kind: hasDoorbell ? .its : .preITS, compatible: [],
                    doorbell: hasDoorbell ? PhysicalAddress(0x4805_0040) : nil, enabled: true)
            ],
            devices: [host])
    }

    private static let platforms: [Platform?] =
        [nil] + BuiltInCatalogue.all.map { $0.platform } + [
            folded(hasDoorbell: true), folded(hasDoorbell: false),
        ]

    private static func faults() -> [SMMUFault] {
        var made: [SMMUFault] = []
        for base in bases {
            for offset in offsets {
                for access in accesses {
                    for cause in causes {
                        let number = made.count
                        var fault = SMMUFault(
                            number % 2 == 0 ? .armSMMUv3 : .armSMMU, smmu: "", line: 1, event: "F",
                            cause: cause)
                        if cause != .commandQueue { fault.iova = base + offset }
                        (fault.isWrite, fault.isInstruction) = (access.isWrite, access.isFetch)
                        fault.streamID = streams[number % streams.count]
                        if number % 7 == 0 { fault.client = client }
                        if number % 11 == 0 { fault.substreamID = 1 }
                        if number % 22 == 0 { fault.isStalled = true }
                        made.append(fault)
                    }
                }
            }
        }
        return made
    }

    private static let doorbells: [[UInt64]] = [[], [0x4805_0040], [0x5000_0008]]
    private static let windows: [[IOVARange]] = [[], [IOVARange(proven: 0x9000_0000, 0x900f_ffff)]]

    @Test(arguments: platforms.indices, doorbells.indices) func properties(platform: Int, doorbells: Int) {
        let faults = Self.faults()
        for windows in Self.windows {
            let question = FaultQuestion(
                platform: Self.platforms[platform],
                doorbells: Self.doorbells[doorbells].map(PhysicalAddress.init), windows: windows)
            let explanations = FaultExplanation.explain(faults, question)
            #expect(explanations.count == faults.count)
            for explanation in explanations { check(explanation, question) }
        }
    }

    private func check(_ made: FaultExplanation, _ question: FaultQuestion) {
        let fault = made.fault
        let shown =
            "\(fault) \(made.verdict) \(made.isMSI) \(String(describing: made.reason)): \(made.because)"
        let controllers = question.platform?.msiControllers ?? []
        let known = Set(question.doorbells + controllers.compactMap(\.doorbell)).map(\.value)
        let isOpen = known.isEmpty || controllers.contains { $0.doorbell == nil }
        let iova = fault.iova
        let isAtOffset =
            iova.map { iova in
                known.contains { $0 & 0xfff == iova & 0xfff } || isOpen && iova & 0xfff == 0x40
            } ?? true
        let isRuledOut =
            fault.isWrite == false || fault.isInstruction == true || !isAtOffset
            || fault.cause == .pageRequest
        if made.verdict == .notMSI || made.isMSI == .no {
            #expect(isRuledOut || fault.cause == .commandQueue, "\(shown)")
        }
        if made.isMSI == .yes {
            let sent = question.windows + [DriverWindow.mainline]
            let isInWindow = made.window.map { window in
                sent.contains(window) && (iova.map { window.contains(IOVA($0)) } ?? false)
            }
            #expect(fault.isWrite == true, "\(shown)")
            #expect(known.contains(iova ?? 0) || isInWindow == true && !known.isEmpty, "\(shown)")
        }
        #expect((made.isMSI == .likely) == (made.doorbellWrite == .likely), "\(shown)")
        checkReason(made, shown)
        checkRequesters(made, question, shown)
        #expect(made.because.hasSuffix(".") && !made.because.contains("  "), "\(shown)")
    }

    private func checkReason(_ made: FaultExplanation, _ shown: String) {
        let isUnmapped = [.translation, .other].contains(made.fault.cause)
        switch made.reason {
        case .notMapped, .inDMARangesGap, .inPCIWindow, .inReservedRegion, .aboveDMALimit,
            .movedUnderGuestRMR:
            #expect(isUnmapped, "\(shown)")
        case .notPermitted: #expect(made.fault.cause == .permission, "\(shown)")
        case .beyondAperture: #expect(isUnmapped || made.fault.cause == .addressSize, "\(shown)")
        case .baseStripped, .hardwareMSITranslated, .untranslated, nil: break
        }
        if !isUnmapped {
            #expect(
                !made.because.contains("dma-ranges gap") && !made.because.contains("PCI window"), "\(shown)")
        }
    }

    /// "00:01.0" and its like.
    private func checkRequesters(_ made: FaultExplanation, _ question: FaultQuestion, _ shown: String) {
        for word in made.because.split(whereSeparator: { " ,()".contains($0) }) {
            let parts = word.split(separator: ":")
            guard parts.count > 1, let last = parts.last, last.count == 4, last.dropFirst(2).first == "."
            else {
                continue
            }
            if word.hasPrefix(made.fault.client ?? "-") { continue }
            let address = "\(parts[parts.count - 2]):\(last)"
            let requester = question.platform.flatMap { _ in Platform.requester("0000:\(address)") }
            let maps = question.platform?.devices.contains { device in
                requester.flatMap { device.stream(ofRequester: $0) }?.id == made.fault.streamID
            }
            #expect(maps == true, "\(word) is made up: \(shown)")
        }
    }

    /// Each event has its own sentence and its own advice, and none is left with nothing to do.
    @Test func eventsHaveTheirOwnAdvice() {
        let rows = ConfigurationEvent.allCases.map(\.advice)
        #expect(Set(rows.map(\.meaning)).count == rows.count)
        #expect(Set(rows.map(\.changes)).count == rows.count)
        #expect(
            rows.allSatisfy { !$0.changes.isEmpty && $0.meaning.hasSuffix(".") && $0.cause.hasSuffix(".") })
    }

    @Test func catalogueIsSortedAndHasGICsOffset() {
        let rows = DoorbellCatalogue.rows
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.doorbell <= $1.doorbell })
        #expect(rows.allSatisfy { $0.doorbell.value & 0xfff == DoorbellCatalogue.offsetOfGICs })
        #expect(rows.allSatisfy { !$0.machines.isEmpty })
        #expect(DoorbellCatalogue.rows(at: 0x809_0040).flatMap(\.machines) == ["QEMU virt"])
        #expect(DoorbellCatalogue.rows(at: 0x603_0040).flatMap(\.machines).contains("fsl,ls2088a"))
        #expect(DoorbellCatalogue.rows(at: 0x40).isEmpty && DoorbellCatalogue.rows(at: .max).isEmpty)
    }
}
