// One minimal question a rule: the smallest circumstances under which a decision takes it; for what only the
// allocator does in other calls than a decision's, a minimal trace. The switch is exhaustive, so a new rule
// does not compile without its question.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import MSIWindows
import Machines
import Testing

enum MinimalQuestions {
    typealias W = Worked
    typealias Trace = (inout IOVADomain, inout AllocationStepRecorder) throws -> Void

    /// What takes a rule.
    enum Way {
        case question(Question)
        case trace(Trace)
    }

    static func way(to rule: Rule) -> Way {
        switch rule {
        case .noGroup: decided(.dmaAPI) { $0.conditions.defaultDomain = .none }
        case .identityDomain: decided(.dmaAPI) { $0.conditions.defaultDomain = .identity }
        case .noKernelDMA: decided(.dmaAPI) { $0.conditions.defaultDomain = .blocked }
        case .groupDirectRegion: decided(.iommufd, direct)
        case .directRegionIgnored: decided(.vfioType1, direct) { $0.conditions.kernel = .v6_1 }
        case .windowFixed: decided(.vfioType1)
        case .windowGiven: decided(.vfioType1, W.pci([W.region(0x900_0000, W.mib, .softwareMSI)]))
        case .windowReplacedByHardware:
            decided(.vfioType1, W.pci([W.region(0x809_0000, 0x1000, .msi)])) {
                $0.conditions.driver = .virtio
            }
        case .candidateTaken: decided(.vfioType1, W.pci(), W.posted)
        case .candidateBlocked, .noneLeft: decided(.vfioType1, blocked, W.posted)
        case .mustAllocate, .refusedWithoutWindow: decided(.vfioType1, blocked, W.r2)
        case .dynamicTaken: decided(.vfioType1, W.pci(), .dynamic(prefer: .lowest, size: W.mib))
        case .sourceNone: decided(.vfioType1, W.pci(), .none)
        case .softwareWindowSkipped, .domainPageMapped, .triedBelow4G: decided(.dmaAPI)
        case .firstDeviceOnly: decided(.dmaAPI) { $0.group = IOMMUGroup([W.pci(), W.pci()]) }
        case .regionReserved: decided(.dmaAPI, W.pci([W.region(0x1000, 0x1000)]))
        case .invertedNode: decided(.dmaAPI, W.pci([W.region(0x1000, 0)]))
        case .domainSetUpFails:
            decided(
                .dmaAPI,
                W.pci(inbound: [W.inbound(0x9000, 0x1000, cpu: 0), W.inbound(0, 0x1000, cpu: 1)]))
        case .hardwareIdentity: decided(.dmaAPI, W.pci([W.region(0x809_0000, 0x1000, .msi)]))
        case .domainPageReused: decided(.dmaAPI, doorbells: [0x40, 0x44])
        case .gaveUpBelow4G: decided(.dmaAPI, above4G)
        case .exhausted: decided(.dmaAPI, above4G) { $0.dmaMask = 0xffff_ffff }
        case .earlierMapping, .cacheHit:
            decided(.dmaAPI) {
                $0.history = [.map(bytes: 1, mask: .max, member: 0), .unmap(index: 0)]
            }
        case .cacheMissed, .startedAtCached32, .searched, .took, .stateChanged: decided(.dmaAPI)
        case .startedAtCached64: decided(.dmaAPI) { $0.conditions.forcesDAC = true }
        case .failedFast32:
            decided(.dmaAPI, above4G) { question in
                question.history = [.map(bytes: 1, mask: 0xffff_ffff, member: 0)]
                question.dmaMask = 0xffff_ffff
            }
        case .flushed: decided(.dmaAPI, above4G) { $0.dmaMask = 0xffff_ffff }
        case .groupNotViable: decided(.vfioType1) { $0.conditions.hasForeignDriver = true }
        case .apertureConflict:
            decided(.vfioType1, W.pci()) { question in
                let wide = Conditions().aperture
                question.earlierGroups = [AttachedGroup(IOMMUGroup(W.pci()), aperture: wide)]
                question.mappings = [IOVARange(proven: 1 << 47, 1 << 47 + 0xfff)]
                question.conditions.aperture = IOVARange(proven: 0, 0xffff_ffff)
            }
        case .regionOverlap: decided(.vfioType1) { $0.mappings = [IOVARange(proven: 0x800_0000, 0x800_0fff)] }
        case .rangesEmpty: decided(.vfioType1, W.pci([W.region(0, 1 << 48)]))
        case .unsafeInterrupts: decided(.vfioType1) { $0.conditions.hasIsolatedMSI = false }
        case .domainShared: decided(.vfioType1) { $0.earlierGroups = [AttachedGroup(IOMMUGroup(W.pci()))] }
        case .hardwareMSIWins: decided(.vfioType1, W.pci([W.region(0x809_0000, 1, .msi)]))
        case .x86MSIs:
            decided(.dmaAPI, W.pci([W.region(0xfee0_0000, W.mib, .msi)])) { $0.conditions.driver = .virtio }
        case .noCookie: decided(.vfioType1, W.pci(), .none)
        case .cookieBase, .doorbellMapped, .reachable: decided(.vfioType1)
        case .pageReused: decided(.vfioType1, doorbells: [0x40, 0x44])
        case .baseZero: decided(.vfioType1, W.pci([W.region(0, W.mib, .softwareMSI)]))
        case .pastWindowEnd: decided(.vfioType1, W.pci([W.region(0x900_0000, 1, .softwareMSI)]))
        case .beyondAperture: decided(.vfioType1) { $0.conditions.aperture = IOVARange(proven: 0, 0xffff) }
        case .pageUnmappable: decided(.vfioType1) { $0.conditions.smmuPageSizes = .kib64 }
        case .mapAllowed: decided(.vfioType1) { $0.mapChecks = [.fixed(iova: 0x1000, bytes: 0x1000)] }
        case .mapRefused: decided(.vfioType1) { $0.mapChecks = [.fixed(iova: 0x1000, bytes: 0)] }
        case .unreachable: decided(.vfioType1, W.juno)
        case .iommufdAbsent: decided(.iommufd) { $0.conditions.kernel = .v6_1 }
        case .iommufdNotCoherent: decided(.iommufd) { $0.conditions.isCacheCoherent = false }
        case .iommufdUnsafeInterrupts: decided(.iommufd) { $0.conditions.hasIsolatedMSI = false }
        case .iommufdRegionInUse:
            decided(.iommufd) { $0.allowed = [IOVARange(proven: 0x800_0000, 0x800_0fff)] }
        case .iommufdHardwareAndSoftware: decided(.iommufd, W.pci([W.region(0x809_0000, 1, .msi)]))
        case .iommufdGranule: decided(.iommufd) { $0.conditions.smmuPageSizes = .kib64 }
        case .iommufdApertureInUse:
            decided(.iommufd) { $0.mappings = [IOVARange(proven: 1 << 50, 1 << 50 + 0xfff)] }
        case .iommufdPhysical: decided(.iommufd, W.pci(), .none)
        case .softwarePageMapped: decided(.iommufd)
        case .softwarePageReused: decided(.iommufd, doorbells: [0x40, 0x44])
        case .softwarePagesExhausted: decided(.iommufd, doorbells: (0...64).map { $0 << 12 })
        case .optionBusy: decided(.iommufd, W.pci(), .user(UserWindow(start: 0x7000_0000, isAttached: true)))
        case .optionMisaligned: decided(.iommufd, W.pci(), W.user(0x7000_1000))
        case .optionOverflows: decided(.iommufd, W.pci(), W.user(0xffff_ffff_fff0_0000, 2 * W.mib))
        case .optionOverlaps: decided(.iommufd, W.pci([W.region(0x7000_0000, 1)]), W.user(0x7000_0000))
        case .optionBeyondAperture: decided(.iommufd, W.pci(), W.user(1 << 48, W.mib, .asIntended))
        case .optionStored: decided(.iommufd, W.pci(), W.user(0x7000_0000))
        case .noSecondPass, .memoSet: decided(.dmaAPI, above4G) { $0.dmaMask = 0xffff_ffff }
        case .sizeRounded:
            .trace { _ = try $0.allocateFast(size: 3, limit: top, flushes: false, recorder: &$1) }
        case .cacheNoneLowEnough:
            .trace { domain, recorder in
                try domain.freeFast(try allocated(&domain), size: 1)
                _ = try domain.allocateFast(size: 1, limit: 0xfff, flushes: false, recorder: &recorder)
            }
        case .cacheZero:
            .trace { domain, recorder in
                _ = try domain.allocate(size: 1, limit: 0, isAligned: true)
                try domain.freeFast(0, size: 1)
                _ = try domain.allocateFast(size: 1, limit: top, flushes: false, recorder: &recorder)
            }
        case .limitWraps:
            .trace { _ = try $0.allocate(size: 1, limit: .max, isAligned: true, recorder: &$1) }
        case .magazineFreed:
            .trace { domain, recorder in
                let held = try (0..<1_000).map { _ in try allocated(&domain) }
                for pfn in held { try domain.freeFast(pfn, size: 1) }
                domain.tick(recorder: &recorder)
            }
        case .parked: .trace { try $0.freeFast(try allocated(&$0), size: 1, recorder: &$1) }
        case .freed: .trace { _ = try $0.free(try allocated(&$0), recorder: &$1) }
        case .notHeld: .trace { _ = try $0.free(7, recorder: &$1) }
        case .memoReset:
            .trace { domain, recorder in
                let held = try allocated(&domain)
                _ = try domain.allocate(size: 2, limit: 0, isAligned: true)
                _ = try domain.free(held, recorder: &recorder)
            }
        case .reserved: .trace { _ = try $0.reserve(8, 9, recorder: &$1) }
        case .grew: .trace { _ = (try $0.reserve(8, 9), try $0.reserve(7, 8, recorder: &$1)) }
        case .covered: .trace { _ = (try $0.reserve(8, 9), try $0.reserve(8, 8, recorder: &$1)) }
        case .reservationRefused: .trace { _ = try $0.reserve(8, 1 << 52, recorder: &$1) }
        }
    }

    static func ask(
        _ consumer: Consumer, _ device: Device = W.pci(), _ source: WindowSource = .fixed,
        doorbells: [UInt64] = W.its, _ change: (inout Question) -> Void = { _ in }
    ) -> Question {
        var question = Question(
            device: device, consumer: consumer, source: source,
            doorbells: doorbells.map(PhysicalAddress.init))
        change(&question)
        return question
    }

    private static func decided(
        _ consumer: Consumer, _ device: Device = W.pci(), _ source: WindowSource = .fixed,
        doorbells: [UInt64] = W.its, _ change: (inout Question) -> Void = { _ in }
    ) -> Way {
        .question(ask(consumer, device, source, doorbells: doorbells, change))
    }

    /// The last page frame below 4 GiB.
    private static let top: UInt64 = 0xf_ffff

    private static func allocated(_ domain: inout IOVADomain) throws -> UInt64 {
        try #require(try domain.allocateFast(size: 1, limit: top, flushes: false))
    }

    private static let direct = W.pci([W.region(0x1000, 0x1000, .direct)])
    private static let blocked = W.pci([W.region(0x800_0000, 1), W.region(0xa000_0000, 1)])
    private static let above4G = W.pci(
        inbound: [W.inbound(0x8_0000_0000, 0x1_0000_0000)], limit: 0x8_ffff_ffff)
}
