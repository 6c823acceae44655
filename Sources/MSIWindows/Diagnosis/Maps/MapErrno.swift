// What an errno of a map says by itself, and what fits an address of which nothing else is known. Mirrors
// the order of checks in drivers/vfio/vfio_iommu_type1.c: vfio_dma_do_map and
// drivers/iommu/iommufd/io_pagetable.c: iopt_map_pages, Linux 7.2, as far as an errno tells them apart.

import AddressSpaces
import LinuxReleases
import Machines

enum MapErrno {
    /// What the message itself gives as the reason.
    static func explainByReason(_ failure: MapFailure) -> MapExplanation? {
        switch failure.reason {
        case .lockedMemory:
            return lockedMemory(
                failure, .yes,
                because:
                    "The kernel could not pin the memory, because it would exceed RLIMIT_MEMLOCK of the process"
                    + (failure.lockedMemoryLimit.map { ", which is \(bytes($0))" } ?? "") + ": ENOMEM.")
        case .unaligned:
            return MapExplanation(
                failure, .alignment, .yes,
                because: "QEMU does not map a memory region that is not aligned to the host's pages.",
                changes: [MapChanges.alignRegion])
        case .outsideRanges:
            return MapExplanation(
                failure, .outsideRanges, .yes,
                because:
                    "QEMU found \(failure.range?.text ?? "the region") outside every IOVA range that the host reported.",
                changes: MapChanges.sendHost(failure))
        case .overlapsReserved:
            return overReserved(failure)
        case .unsafeInterrupts, .directRegion, .notViable, nil: return nil
        }
    }

    /// kvmtool compares before it maps anything, and names both ranges.
    private static func overReserved(_ failure: MapFailure) -> MapExplanation {
        let memory = "guest \(failure.region ?? "memory") \(failure.range?.text ?? "")"
        var found = MapExplanation(
            failure, .reservedRegion, .yes,
            because: "kvmtool does not start: \(memory) overlaps "
                + (failure.reserved.map { "\($0.text), a reserved region of the host." }
                    ?? "a reserved region of the host."),
            changes: MapChanges.sendHost(failure))
        guard let reserved = failure.reserved, let range = failure.range, reserved.overlaps(range) else {
            return found
        }
        let blocker = MapExplanation.Blocker(
            verdict: .reservedRegion, range: reserved, provenance: "reserved region, named by the message")
        found.blockers = [blocker]
        found.changes = MapChanges.around(blocker, range, failure, .kib4) + found.changes
        return found
    }

    /// "67108864 bytes (64 MiB)"
    private static func bytes(_ count: UInt64) -> String {
        let mebibyte: UInt64 = 1 << 20
        return "\(count) bytes"
            + (count >= mebibyte && count % mebibyte == 0 ? " (\(count / mebibyte) MiB)" : "")
    }

    static func explain(
        _ failure: MapFailure, _ conditions: Conditions, isOnHost: Bool
    ) -> MapExplanation {
        guard let number = failure.errorNumber else {
            var found = MapExplanation(
                failure, .notKnown, .unknown,
                because:
                    "The message has no errno, which tells a reserved range (EINVAL) from a limit (ENOMEM, ENOSPC) "
                    + "and from an existing mapping (EEXIST).",
                changes: [
                    "Send the line with the errno, such as \"vfio_dma_map(...) = -22 (Invalid argument)\"."
                ])
            if !isOnHost { found.candidates = MapCandidates.of(failure, conditions) }
            return found
        }
        switch failure.errno {
        case .invalidArgument: return invalid(failure, conditions, isOnHost: isOnHost)
        case .exists:
            return existing(
                failure, because: "\(place(failure)) is mapped already, at least in part: EEXIST.")
        case .noSpace: return tooMany(failure)
        case .noMemory: return lockedMemory(failure, .likely, because: MapErrno.noMemory)
        case .badAddress: return badAddress(failure)
        case .notPermitted: return notPermitted(failure)
        case .overflow, .outOfRange: return beyond(failure)
        case .addressInUse, .addressNotAvailable:
            return MapExplanation(
                failure, .reservedRegion, .likely,
                because:
                    "iommufd answers \(failure.errnoText ?? "EADDRINUSE") where a mapping and a reserved range meet: "
                    + "\(place(failure)) is reserved by a device, or is mapped where a device reserves.",
                changes: MapChanges.sendHost(failure))
        case .busy:
            return MapExplanation(
                failure, .notKnown, .unknown,
                because:
                    "EBUSY: the container or the group is in use in another way, for example while a live update has "
                    + "invalidated its addresses.", changes: MapChanges.sendHost(failure))
        case .noEntry, nil:
            let name = failure.errnoText ?? "errno \(number)"
            return MapExplanation(
                failure, .notKnown, .unknown,
                because:
                    "\(name) is no errno of the checks of a map: the call reached the wrong file, the kernel lacks "
                    + "it, or no group was attached.",
                changes: [
                    "Check that a group is attached and VFIO_SET_IOMMU succeeded before anything is mapped."
                ])
        }
    }

    private static let noMemory =
        "The kernel could not pin the memory: ENOMEM, nearly always because RLIMIT_MEMLOCK of the process is lower "
        + "than the guest's memory. The address is not at fault."

    /// "0x40000000...0x13fffffff", or words for it.
    static func place(_ failure: MapFailure) -> String { failure.range?.text ?? "The range" }
}

// MARK: Single errnos

extension MapErrno {
    /// EINVAL has several causes; some show in the numbers alone.
    private static func invalid(
        _ failure: MapFailure, _ conditions: Conditions, isOnHost: Bool
    ) -> MapExplanation {
        if let iova = failure.iova, let size = failure.size {
            if size == 0 { return empty(failure) }
            if failure.range == nil { return overflow(failure, .invalidArgument) }
            let numbers = [iova, size, failure.userAddress ?? 0]
            // No IOMMU of these hosts has smaller pages.
            if numbers.contains(where: { !Granule.kib4.isAligned($0) }) {
                return misaligned(failure, page: .kib4)
            }
        }
        let candidates = isOnHost ? [] : MapCandidates.of(failure, conditions)
        // Which pages the host has is open as well, but says nothing for or against them.
        let best = candidates.first { $0.verdict != .alignment }
        var found = MapExplanation(
            failure, best?.verdict ?? .reservedRegion, best == nil ? .unknown : .likely,
            because:
                "\(place(failure)) is refused with EINVAL: it does not fit into any single IOVA range that the group "
                + "allows. A reserved region is in the way, or the end of the IOMMU's aperture. "
                + (best.map { "Most likely: \($0.because)" }
                    ?? "Which one it is takes the group's reserved_regions or a platform."),
            changes: MapChanges.sendHost(failure))
        found.candidates = candidates
        return found
    }

    static func empty(_ failure: MapFailure) -> MapExplanation {
        MapExplanation(
            failure, .alignment, .yes, because: "A mapping of no bytes is refused with EINVAL.",
            changes: ["Map at least one page."])
    }

    static func overflow(_ failure: MapFailure, _ errno: Errno) -> MapExplanation {
        let start = HexLiteral.text(failure.iova ?? 0)
        return MapExplanation(
            failure, .overflow, .yes,
            because:
                "\(HexLiteral.text(failure.size ?? 0)) bytes at \(start) extend past 2^64: \(errno.rawValue).",
            changes: ["Send a size that ends at or below 0xffffffffffffffff."])
    }

    static func misaligned(_ failure: MapFailure, page: Granule) -> MapExplanation {
        let numbers = [
            ("IOVA", failure.iova), ("size", failure.size), ("memory's address", failure.userAddress),
        ]
        let wrong = numbers.compactMap { name, value in
            value.flatMap { page.isAligned($0) ? nil : "the \(name) \(HexLiteral.text($0))" }
        }
        return MapExplanation(
            failure, .alignment, .yes,
            because: "IOVA, size and memory must be multiples of the page, \(HexLiteral.text(page.bytes)); "
                + "\(wrong.joined(separator: " and ")) \(wrong.count == 1 ? "is" : "are") not: EINVAL.",
            changes: [MapChanges.alignRegion])
    }

    static func existing(_ failure: MapFailure, because: String) -> MapExplanation {
        MapExplanation(
            failure, .existingMapping, .yes, because: because,
            changes: [
                "Unmap the range first, or map only what is not mapped yet: VFIO and iommufd never replace a mapping.",
                "Look for a second map of the same memory: a device of another group in the same container, or a BAR "
                    + "that the guest has moved onto memory.",
            ])
    }

    private static func tooMany(_ failure: MapFailure) -> MapExplanation {
        MapExplanation(
            failure, .limit, failure.space == .iommufd ? .unknown : .likely,
            because: "ENOSPC: the container has as many mappings as the module parameter dma_entry_limit of "
                + "vfio_iommu_type1 allows (65535 by default); with iommufd, no free IOVA is left for automatic "
                + "placement. The address is not at fault.",
            changes: [
                "Map fewer and larger pieces: huge pages, one file for the memory, larger virtio-mem blocks.",
                "Raise the limit: echo 1048576 > /sys/module/vfio_iommu_type1/parameters/dma_entry_limit, before the container is opened.",
            ])
    }

    private static func lockedMemory(
        _ failure: MapFailure, _ certainty: MapExplanation.Certainty, because: String
    ) -> MapExplanation {
        MapExplanation(
            failure, .limit, certainty, because: because,
            changes: [
                "Raise the limit of locked memory to more than the guest's RAM and the BARs of its devices: ulimit -l in a shell, "
                    + "LimitMEMLOCK=infinity in a systemd unit, <memtune><hard_limit> with libvirt.",
                "A VM with several VFIO containers, as behind a vIOMMU, needs this once for each of them; iommufd counts the "
                    + "memory once.",
            ])
    }

    private static func badAddress(_ failure: MapFailure) -> MapExplanation {
        MapExplanation(
            failure, .badAddress, .likely,
            because:
                "EFAULT: the memory of the process\(failure.userAddress.map { " at \(HexLiteral.text($0))" } ?? "") "
                + "cannot be pinned. The IOVA is not at fault.",
            changes: [
                "Check what is mapped there: huge pages that ran out, a truncated file, or memory without write access.",
                "A BAR of another device is no memory: iommufd before Linux 6.19 cannot map it. Switch peer-to-peer off "
                    + "(Cloud Hypervisor: vfio_p2p_dma=off), or ignore it: only DMA between the devices is lost.",
            ])
    }

    private static func notPermitted(_ failure: MapFailure) -> MapExplanation {
        MapExplanation(
            failure, .refusedAttach, .likely,
            because:
                "EPERM comes from attaching, not from an address: the platform does not isolate interrupts, or the "
                + "process may not use the container.",
            changes: RefusalRemedy.isolateInterrupts.changes)
    }

    private static func beyond(_ failure: MapFailure) -> MapExplanation {
        guard failure.iova == nil || failure.range != nil || failure.size == 0 else {
            return overflow(failure, failure.errno ?? .overflow)
        }
        return MapExplanation(
            failure, .outsideAperture, .likely,
            because:
                "\(place(failure)) is refused with \(failure.errnoText ?? "ERANGE"): the IOMMU does not translate "
                + "addresses as high.", changes: MapChanges.lowerAddresses(failure))
    }

    static func explainUnmap(_ failure: MapFailure) -> MapExplanation {
        let because =
            switch failure.errno {
            case .invalidArgument:
                "\(place(failure)) is not unmapped (EINVAL): it would cut a mapping in two, or it is not aligned to pages. "
                    + "VFIO and iommufd unmap whole mappings only."
            case .noEntry: "Nothing is mapped in \(place(failure)): ENOENT."
            case .busy:
                "\(place(failure)) is in use, for example by a mediated device or an access that holds its pages: EBUSY."
            case .overflow: "\(place(failure)) extends past 2^64: EOVERFLOW."
            case .noSpace, .noMemory, .notPermitted, .badAddress, .exists, .outOfRange, .addressInUse,
                .addressNotAvailable, nil:
                "Unmapping \(place(failure)) \(failure.failed)"
            }
        return MapExplanation(
            failure, .refusedUnmap, failure.errno == nil ? .unknown : .likely, because: because,
            changes: [
                "Unmap exactly the ranges that were mapped, or several whole ones at once.",
                "Look for an earlier map that failed: what was never mapped cannot be unmapped.",
            ])
    }
}
