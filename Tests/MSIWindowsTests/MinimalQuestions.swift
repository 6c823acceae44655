// One minimal question a rule: the smallest circumstances under which a decision takes it. The switch is
// exhaustive, so a new rule does not compile without its question.

import AddressSpaces
import IOVAAllocation
import MSIWindows
import Platforms
import SMMUModel

enum MinimalQuestions {
    typealias W = Worked

    static func question(for rule: Rule) -> Question {
        claim(rule) ?? window(rule) ?? dma(rule) ?? allocator(rule) ?? vfio(rule) ?? iommufd(rule)!
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

    private static func claim(_ rule: Rule) -> Question? {
        let direct = W.pci([W.region(0x1000, 0x1000, .direct)])
        switch rule {
        case .noGroup: return ask(.dmaAPI) { $0.conditions.defaultDomain = .none }
        case .groupDirectRegion: return ask(.iommufd, direct)
        case .directRegionIgnored: return ask(.vfioType1, direct) { $0.conditions.kernel = .v6_1 }
        case .identityDomain: return ask(.dmaAPI) { $0.conditions.defaultDomain = .identity }
        default: return nil
        }
    }

    private static func window(_ rule: Rule) -> Question? {
        let blocked = W.pci([W.region(0x800_0000, 1), W.region(0xa000_0000, 1)])
        switch rule {
        case .windowFixed: return ask(.vfioType1)
        case .windowGiven: return ask(.vfioType1, W.pci([W.region(0x900_0000, W.mib, .softwareMSI)]))
        case .windowReplacedByHardware:
            return ask(.vfioType1, W.pci([W.region(0x809_0000, 0x1000, .msi)])) {
                $0.conditions.driver = .virtio
            }
        case .candidateTaken: return ask(.vfioType1, W.pci(), W.posted)
        case .candidateBlocked, .noneLeft: return ask(.vfioType1, blocked, W.posted)
        case .mustAllocate, .refusedWithoutWindow: return ask(.vfioType1, blocked, W.r2)
        case .dynamicTaken: return ask(.vfioType1, W.pci(), .dynamic(prefer: .lowest, size: W.mib))
        case .sourceNone: return ask(.vfioType1, W.pci(), .none)
        default: return nil
        }
    }

    private static func dma(_ rule: Rule) -> Question? {
        let above4G = W.pci(inbound: [W.inbound(0x8_0000_0000, 0x1_0000_0000)], limit: 0x8_ffff_ffff)
        switch rule {
        case .softwareWindowSkipped, .domainPageMapped, .triedBelow4G: return ask(.dmaAPI)
        case .firstDeviceOnly: return ask(.dmaAPI) { $0.group = IOMMUGroup([W.pci(), W.pci()]) }
        case .regionReserved: return ask(.dmaAPI, W.pci([W.region(0x1000, 0x1000)]))
        case .invertedNode: return ask(.dmaAPI, W.pci([W.region(0x1000, 0)]))
        case .domainSetUpFails:
            return ask(
                .dmaAPI,
                W.pci(inbound: [W.inbound(0x9000, 0x1000, cpu: 0), W.inbound(0, 0x1000, cpu: 1)]))
        case .hardwareIdentity:
            return ask(.dmaAPI, W.pci([W.region(0x809_0000, 0x1000, .msi)]))
        case .domainPageReused: return ask(.dmaAPI, doorbells: [0x40, 0x44])
        case .gaveUpBelow4G: return ask(.dmaAPI, above4G)
        case .exhausted: return ask(.dmaAPI, above4G) { $0.dmaMask = 0xffff_ffff }
        default: return nil
        }
    }

    private static func allocator(_ rule: Rule) -> Question? {
        let above4G = W.pci(inbound: [W.inbound(0x8_0000_0000, 0x1_0000_0000)], limit: 0x8_ffff_ffff)
        switch rule {
        case .earlierMapping, .cacheHit:
            return ask(.dmaAPI) {
                $0.history = [.map(bytes: 1, mask: .max, member: 0), .unmap(index: 0)]
            }
        case .cacheMissed, .startedAtCached32, .searched, .took, .stateChanged: return ask(.dmaAPI)
        case .startedAtCached64: return ask(.dmaAPI) { $0.conditions.forcesDAC = true }
        case .failedFast32:
            return ask(.dmaAPI, above4G) { question in
                question.history = [.map(bytes: 1, mask: 0xffff_ffff, member: 0)]
                question.dmaMask = 0xffff_ffff
            }
        case .flushed: return ask(.dmaAPI, above4G) { $0.dmaMask = 0xffff_ffff }
        default: return nil
        }
    }

    private static func vfio(_ rule: Rule) -> Question? {
        switch rule {
        case .apertureConflict:
            return ask(.vfioType1, W.pci()) { question in
                let wide = Conditions().aperture
                question.earlierGroups = [AttachedGroup(IOMMUGroup(W.pci()), aperture: wide)]
                question.mappings = [IOVARange(proven: 1 << 47, 1 << 47 + 0xfff)]
                question.conditions.aperture = IOVARange(proven: 0, 0xffff_ffff)
            }
        case .regionOverlap:
            return ask(.vfioType1) { $0.mappings = [IOVARange(proven: 0x800_0000, 0x800_0fff)] }
        case .rangesEmpty: return ask(.vfioType1, W.pci([W.region(0, 1 << 48)]))
        case .unsafeInterrupts: return ask(.vfioType1) { $0.conditions.hasIsolatedMSI = false }
        case .domainShared: return ask(.vfioType1) { $0.earlierGroups = [AttachedGroup(IOMMUGroup(W.pci()))] }
        case .hardwareMSIWins: return ask(.vfioType1, W.pci([W.region(0x809_0000, 1, .msi)]))
        case .noCookie: return ask(.vfioType1, W.pci(), .none)
        case .cookieBase, .doorbellMapped, .reachable: return ask(.vfioType1)
        case .pageReused: return ask(.vfioType1, doorbells: [0x40, 0x44])
        case .baseZero: return ask(.vfioType1, W.pci([W.region(0, W.mib, .softwareMSI)]))
        case .pastWindowEnd: return ask(.vfioType1, W.pci([W.region(0x900_0000, 1, .softwareMSI)]))
        case .beyondAperture:
            return ask(.vfioType1) { $0.conditions.aperture = IOVARange(proven: 0, 0xffff) }
        case .pageUnmappable: return ask(.vfioType1) { $0.conditions.smmuPageSizes = .kib64 }
        case .mapAllowed: return ask(.vfioType1) { $0.mapChecks = [.fixed(iova: 0x1000, bytes: 0x1000)] }
        case .mapRefused: return ask(.vfioType1) { $0.mapChecks = [.fixed(iova: 0x1000, bytes: 0)] }
        case .unreachable: return ask(.vfioType1, W.juno)
        default: return nil
        }
    }

    private static func iommufd(_ rule: Rule) -> Question? {
        switch rule {
        case .iommufdAbsent: return ask(.iommufd) { $0.conditions.kernel = .v6_1 }
        case .iommufdNotCoherent: return ask(.iommufd) { $0.conditions.isCacheCoherent = false }
        case .iommufdUnsafeInterrupts: return ask(.iommufd) { $0.conditions.hasIsolatedMSI = false }
        case .iommufdRegionInUse:
            return ask(.iommufd) { $0.allowed = [IOVARange(proven: 0x800_0000, 0x800_0fff)] }
        case .iommufdHardwareAndSoftware: return ask(.iommufd, W.pci([W.region(0x809_0000, 1, .msi)]))
        case .iommufdGranule: return ask(.iommufd) { $0.conditions.smmuPageSizes = .kib64 }
        case .iommufdApertureInUse:
            return ask(.iommufd) { $0.mappings = [IOVARange(proven: 1 << 50, 1 << 50 + 0xfff)] }
        case .iommufdPhysical: return ask(.iommufd, W.pci(), .none)
        case .softwarePageMapped: return ask(.iommufd)
        case .softwarePageReused: return ask(.iommufd, doorbells: [0x40, 0x44])
        case .softwarePagesExhausted: return ask(.iommufd, doorbells: (0...64).map { $0 << 12 })
        case .optionBusy:
            return ask(.iommufd, W.pci(), .user(UserWindow(start: 0x7000_0000, isAttached: true)))
        case .optionMisaligned: return ask(.iommufd, W.pci(), W.user(0x7000_1000))
        case .optionOverflows: return ask(.iommufd, W.pci(), W.user(0xffff_ffff_fff0_0000, 2 * W.mib))
        case .optionOverlaps: return ask(.iommufd, W.pci([W.region(0x7000_0000, 1)]), W.user(0x7000_0000))
        case .optionBeyondAperture: return ask(.iommufd, W.pci(), W.user(1 << 48, W.mib, .asIntended))
        case .optionStored: return ask(.iommufd, W.pci(), W.user(0x7000_0000))
        default: return nil
        }
    }
}
