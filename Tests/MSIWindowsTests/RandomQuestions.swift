// Questions over random machines: regions of every kind and shape, windows in any order, groups, histories,
// every consumer and source.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import TestSupport

enum RandomQuestions {
    static func question(_ random: inout SeededGenerator) -> Question {
        let devices = (0...Int.random(in: 0...2, using: &random)).map { index in
            device("d\(index)", &random)
        }
        var question = Question(
            group: IOMMUGroup(devices, subject: Int.random(in: 0..<devices.count, using: &random)),
            consumer: Consumer.allCases.randomElement(using: &random)!, source: source(&random),
            conditions: conditions(&random),
            doorbells: (0..<Int.random(in: 0...3, using: &random)).map { _ in
                PhysicalAddress(random.edgeBiased())
            })
        question.dmaMask = max(random.edgeBiased(), 0xfff)
        question.history = history(devices.count, &random)
        if Bool.random(using: &random) {
            question.earlierGroups = [AttachedGroup(IOMMUGroup(device("e", &random)))]
        }
        question.mappings = ranges(&random)
        question.allowed = ranges(&random)
        question.mapChecks = [
            .fixed(iova: random.edgeBiased(), bytes: random.edgeBiased()),
            .fixed(iova: 0x800_0000, bytes: 0x1000),
            .automatic(bytes: random.edgeBiased(), userAddress: random.edgeBiased()),
        ]
        return question
    }

    private static func near(_ random: inout SeededGenerator) -> UInt64 {
        Bool.random(using: &random)
            ? random.edgeBiased() : 0x7f0_0000 + UInt64.random(in: 0...0x30_0000, using: &random)
    }

    private static func device(_ id: String, _ random: inout SeededGenerator) -> Device {
        let regions = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            ReservedRegion(
                kind: ReservedRegion.Kind.allCases.randomElement(using: &random)!, start: near(&random),
                length: Bool.random(using: &random)
                    ? random.edgeBiased() : UInt64.random(in: 0...0x20_0000, using: &random),
                provenance: [.caller("test"), .deviceTreeNode(path: "/r"), .hostBridgeNode(path: "/h")]
                    .randomElement(using: &random)!)
        }
        let inbound = (0..<Int.random(in: 0...3, using: &random)).map { _ in
            let bus = near(&random)
            return InboundWindow(
                busStart: bus, cpuStart: Bool.random(using: &random) ? bus : near(&random),
                size: min(max(1, random.edgeBiased()), UInt64.max - bus &+ 1 == 0 ? 1 : UInt64.max - bus + 1))
        }
        let windowStart = near(&random) >> 1
        return Device(
            id: id, kind: [.pciHost, .platform, .pciFunction].randomElement(using: &random)!,
            dmaLimit: Bool.random(using: &random) ? .max : random.edgeBiased(),
            pciWindows: [
                PCIWindow(
                    kind: .memory, busStart: windowStart, cpuStart: 0, size: 0x10_0000, is64Bit: false,
                    isPrefetchable: false)
            ], inboundWindows: inbound, firmwareRegions: regions)
    }

    private static func source(_ random: inout SeededGenerator) -> WindowSource {
        let start = Bool.random(using: &random) ? near(&random) & ~0xf_ffff : near(&random)
        return [
            .fixed, .posted, Worked.r1, Worked.r3r2, .none,
            .candidates(bases: [0x800_0000], size: 0x10_0000, avoid: .everything),
            .dynamic(
                prefer: WindowSource.Preference.allCases.randomElement(using: &random)!, size: 0x10_0000),
            Worked.user(start, 0x20_0000), Worked.user(start, nil, .asIntended), Worked.user(nil),
        ].randomElement(using: &random)!
    }

    private static func conditions(_ random: inout SeededGenerator) -> Conditions {
        var conditions = Conditions(
            kernel: KernelProfile(KernelRelease.allCases.randomElement(using: &random)!),
            pageSize: [.kib4, .kib16, .kib64].randomElement(using: &random)!,
            apertureBits: [16, 27, 32, 48, 64].randomElement(using: &random)!)
        conditions.smmuPageSizes = [.all, .kib4, .kib64].randomElement(using: &random)!
        conditions.driver = [.v2, .v3, .virtio].randomElement(using: &random)!
        conditions.defaultDomain = [.translated, .translated, .identity, .none].randomElement(using: &random)!
        conditions.forcesDAC = Bool.random(using: &random)
        conditions.hasIsolatedMSI = Bool.random(using: &random)
        conditions.allowsUnsafeInterrupts = [nil, true, false].randomElement(using: &random)!
        return conditions
    }

    private static func history(_ members: Int, _ random: inout SeededGenerator) -> [DMAOperation] {
        (0..<Int.random(in: 0...5, using: &random)).map { _ in
            Bool.random(using: &random)
                ? .map(
                    bytes: UInt64.random(in: 0...0x30_0000, using: &random), mask: random.edgeBiased(),
                    member: Int.random(in: 0..<members, using: &random))
                : .unmap(index: Int.random(in: 0...4, using: &random))
        }
    }

    private static func ranges(_ random: inout SeededGenerator) -> [IOVARange] {
        guard Int.random(in: 0...3, using: &random) == 0 else { return [] }
        return [IOVARange(start: IOVA(near(&random)), size: 0x1000)].compactMap { $0 }
    }
}
