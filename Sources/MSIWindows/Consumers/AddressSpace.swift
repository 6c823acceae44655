// The address spaces that user space fills, VFIO's container and iommufd's IOAS, in one shape: prepare,
// attach groups, map doorbells. Whatever differs between the two is in one of the switches here.
// `Decision` asks one once; a sandbox keeps one alive.

package import AddressSpaces
package import LinuxReleases
package import Machines

/// A group to be attached, and what decides whether Linux attaches it.
package struct Attempt: Sendable {
    let group: PreparedGroup
    let source: WindowSource
    let conditions: Conditions
    /// What the group's IOMMU translates.
    let aperture: IOVARange
    /// Whether it is the group whose device is asked about; a window of user space's choice is that device's.
    var isSubject = true
    /// Devices that share the address space already.
    var others: [PreparedDevice] = []

    package init(
        _ group: PreparedGroup, beside others: [PreparedDevice], source: WindowSource,
        under conditions: Conditions
    ) {
        self.init(group, source: source, under: conditions, aperture: conditions.aperture)
        self.others = others
    }

    init(
        _ group: PreparedGroup, source: WindowSource, under conditions: Conditions, aperture: IOVARange
    ) {
        self.group = group
        self.source = source
        self.conditions = conditions
        self.aperture = aperture
    }
}

/// A group that was attached, as its doorbells need it.
package struct Attachment: Sendable {
    /// Where doorbells of the group go; nil where they have no window.
    package let window: IOVARange?
    package let hasHardwareMSI: Bool
    /// What the group reports, merged.
    let regions: GroupRegionList
    /// Why nothing is translated for the device, so that doorbells keep their addresses; nil elsewhere.
    package var untranslatedBecause: String?
}

/// An address space of one of the two kinds.
package enum AddressSpace: Sendable {
    case container(VFIOType1)
    case ioas(IOMMUFD)

    /// An address space without devices.
    ///
    /// - Parameters:
    ///   - mappings: what is mapped before the first device.
    ///   - allowed: iommufd: the set of IOMMU_IOAS_ALLOW_IOVAS; empty for none.
    package init(
        _ consumer: Consumer, mappings: [IOVARange] = [], allowed: [IOVARange] = [],
        under conditions: Conditions
    ) {
        switch consumer {
        case .vfioType1: self = .container(VFIOType1(conditions: conditions, mappings: mappings))
        case .iommufd:
            self = .ioas(IOMMUFD(conditions: conditions, allowed: allowed, mappings: mappings))
        case .dmaAPI: preconditionFailure("the DMA layer has no address space of user space")
        }
    }

    /// Whether the kernel has what opens it.
    package func checkKernel<R: Recorder>(_ recorder: inout R) throws(Refusal) {
        switch self {
        case .container: return
        case .ioas(let space): try space.checkKernel(&recorder)
        }
    }

    /// Attaches a group; an unchanged address space when Linux refuses. What a running host left out of the
    /// ranges that it offered for one of its devices cannot be mapped from then on; what is mapped already
    /// stays, as the list does not say why.
    package mutating func attach<R: Recorder>(
        _ attempt: Attempt, _ recorder: inout R
    ) throws(Refusal) -> Attachment {
        let attachment: Attachment
        switch self {
        case .container(var container):
            attachment = try container.attach(attempt, &recorder)
            self = .container(container)
        case .ioas(let space):
            let next: IOMMUFD
            (next, attachment) = try space.attaching(attempt, &recorder)
            self = .ioas(next)
        }
        for usable in attempt.group.devices.compactMap(\.usable) { bound(by: usable) }
        return attachment
    }

    /// What user space may map. A container has no ranges before its first group.
    package var ranges: [IOVARange] {
        switch self {
        case .container(let container): container.ranges
        case .ioas(let space): space.ranges
        }
    }

    /// Bounds the ranges by those that a running host offered: the rest cannot be mapped.
    private mutating func bound(by usable: UsableRanges) {
        switch self {
        case .container(var container):
            container.bound(by: usable)
            self = .container(container)
        case .ioas(var space):
            space.reserve(usable.gaps)
            self = .ioas(space)
        }
    }

    /// What mapping `bytes` at an address fails with; nil when it works.
    package func errno(iova: UInt64, bytes: UInt64) -> Errno? {
        switch self {
        case .container(let container): container.errno(iova: iova, bytes: bytes)
        case .ioas(let space): space.errno(iova: iova, bytes: bytes)
        }
    }

    /// Where automatic placement looks; nowhere with VFIO. O(ranges).
    package var holes: IOVASet {
        switch self {
        case .container: .empty
        case .ioas(let space): space.holes
        }
    }

    /// Where in `holes` a mapping goes that names no address. VFIO cannot choose an address.
    package func place(
        bytes: UInt64, userAddress: UInt64, in holes: IOVASet
    ) throws(Refusal) -> UInt64 {
        switch self {
        case .container:
            throw Refusal(errno: .invalidArgument, because: "VFIO type1 maps at a given address only.")
        case .ioas(let space): return try space.place(bytes: bytes, userAddress: userAddress, in: holes)
        }
    }

    /// Replaces all mappings.
    package mutating func setMappings(_ mappings: [IOVARange]) {
        switch self {
        case .container(var container):
            container.mappings = mappings
            self = .container(container)
        case .ioas(var space):
            space.mapped = IOVASet(mappings)
            self = .ioas(space)
        }
    }

    /// Notes that user space has mapped `range`, which is one of `mappings` now.
    package mutating func add(_ range: IOVARange, to mappings: [IOVARange]) {
        switch self {
        case .container(var container):
            container.mappings = mappings
            self = .container(container)
        case .ioas(var space):
            space.mapped = space.mapped.union(IOVASet([range]))
            self = .ioas(space)
        }
    }
}

// MARK: Doorbells

extension AddressSpace {
    /// Whether doorbell pages are the context's, which all of its address spaces share.
    package func usesContext(_ conditions: Conditions) -> Bool {
        switch self {
        case .container: false
        case .ioas: conditions.kernel.iommufdKeepsOwnMap
        }
    }

    /// What names the domain whose cookie a device uses: its SMMUs in a container; an IOAS has one domain.
    package func domainKey(of device: Device) -> Set<String> {
        switch self {
        case .container: Set(device.smmus)
        case .ioas: []
        }
    }

    /// The map that doorbells of a window go through, before any is mapped.
    package func doorbellMap<R: Recorder>(
        in window: IOVARange, _ conditions: Conditions, _ recorder: inout R
    ) -> DoorbellMap {
        switch self {
        case .container: return .cookie(MSICookie(window: window, conditions: conditions))
        case .ioas:
            if conditions.kernel.iommufdKeepsOwnMap {
                return .context(DoorbellContext(), window, conditions)
            }
            recorder.record(
                .cookieBase, .noted, candidate: window, MSICookie.begins(at: window))
            return .cookie(MSICookie(window: window, conditions: conditions))
        }
    }

    /// What becomes of a doorbell of a group without a window.
    package func mapWithoutWindow(
        _ doorbell: PhysicalAddress, _ attachment: Attachment, _ conditions: Conditions
    ) throws(Refusal) -> DoorbellMap.Mapped {
        if case .container = self, conditions.kernel.refusesDomainsWithoutCookie {
            throw Refusal(
                errno: .noSpace,
                because: "The group has no MSI cookie: since Linux 6.15 setting up interrupts fails.")
        }
        let untranslated = Decision.Doorbell.untranslated(doorbell, conditions.pageSize)
        if let because = attachment.untranslatedBecause { return (untranslated, because) }
        return (
            untranslated,
            attachment.hasHardwareMSI
                ? "The device has hardware MSI regions: the doorbell keeps its address."
                : "There is no window: the doorbell keeps its physical address, which is not mapped."
        )
    }
}
