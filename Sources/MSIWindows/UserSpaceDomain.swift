// A VFIO container or an iommufd address space that lives on between questions: devices come and go, memory
// is mapped and unmapped, doorbells are mapped one by one. It adds no rule of its own: every verb is that
// of the model which also answers single questions. Each device is a group of its own here.

package import AddressSpaces
import IOVAAllocation
package import Platforms

/// A domain whose mappings user space makes.
package struct UserSpaceDomain: Sendable {
    /// Why a verb is refused.
    package struct Refused: Error, Hashable {
        package let errno: Errno
        package let because: String
    }

    /// What a doorbell came to.
    package struct Doorbell: Hashable, Sendable {
        package let iova: IOVA
        package let page: IOVA
        package let because: String
    }

    /// Where an attached device's doorbells go.
    private struct Member {
        var device: Device
        var window: IOVARange?
        var hasHardwareMSI: Bool
    }

    private let consumer: Consumer
    private let source: WindowSource
    package let conditions: Conditions
    private var members: [Member] = []
    private var container: VFIOContainer
    private var attachment: IOMMUFD.Attachment
    /// By the SMMUs of a container's domain; iommufd before Linux 6.15 has one.
    private var cookies: [Set<String>: MSICookie] = [:]
    /// Ascending; each as it was mapped.
    package private(set) var mappings: [IOVARange] = []

    package init(consumer: Consumer, source: WindowSource, under conditions: Conditions) {
        precondition(consumer != .dmaAPI, "a DMA domain is no user-space domain")
        self.consumer = consumer
        self.source = source
        self.conditions = conditions
        container = VFIOContainer(conditions: conditions, mappings: [])
        attachment = Self.empty(consumer, source, conditions)
    }

    private static func empty(
        _ consumer: Consumer, _ source: WindowSource, _ conditions: Conditions
    ) -> IOMMUFD.Attachment {
        IOMMUFD.Attachment(
            Question(
                device: Device(id: "none", kind: .platform), consumer: consumer, source: source,
                conditions: conditions))
    }

    package var devices: [Device] { members.map(\.device) }

    /// The window of the device attached last.
    package var window: IOVARange? { members.last?.window }

    /// What user space may map. A VFIO container has no ranges before its first group.
    package var ranges: [IOVARange] {
        consumer == .vfioType1 ? container.list.ranges : attachment.space.ranges
    }

    /// Attaches a device in a group of its own; nothing changes when Linux refuses.
    package mutating func attach<R: Recorder>(
        _ device: Device, recorder: inout R
    ) throws(Refused) {
        let group = IOMMUGroup(device)
        let question = Question(group: group, consumer: consumer, source: source, conditions: conditions)
        if consumer == .vfioType1 {
            switch VFIOType1.attach(group, question, &container, &recorder) {
            case .success(let attached):
                members.append(
                    Member(
                        device: device, window: attached.domain.window,
                        hasHardwareMSI: attached.domain.hasHardwareMSI))
            case .failure(let error): throw Refused(error.refusal)
            }
            return
        }
        guard conditions.kernel.hasIOMMUFD else {
            throw Refused(
                errno: .noEntry, because: "Linux \(conditions.kernel.rawValue) has no iommufd.")
        }
        let before = attachment
        if let refusal = IOMMUFD.attach(group, question, isSubject: true, &attachment, &recorder) {
            attachment = before
            throw Refused(refusal)
        }
        members.append(
            Member(
                device: device, window: attachment.window, hasHardwareMSI: attachment.hasHardwareMSI))
    }

    /// Detaches a device: what was withheld for it alone is free again. The cookie of a domain lives while a
    /// device is in it.
    package mutating func detach(_ index: Int) {
        let kept = members.enumerated().filter { $0.offset != index }.map(\.element)
        let left = Set(kept.map { Set($0.device.smmus) })
        cookies = cookies.filter { left.contains($0.key) }
        var rebuilt = UserSpaceDomain(consumer: consumer, source: source, under: conditions)
        var ignored = NoRecorder()
        for member in kept {
            // What was attached beside more devices can be attached beside fewer.
            do {
                try rebuilt.attach(member.device, recorder: &ignored)
            } catch {
                preconditionFailure("\(member.device.id) cannot stay: \(error)")
            }
        }
        members = kept
        container = rebuilt.container
        attachment = rebuilt.attachment
        setMappings()
    }

    // MARK: Memory

    private mutating func setMappings() {
        container.mappings = mappings
        attachment.space.mapped = IOVASet(mappings)
    }

    /// Maps memory at an address, or, with iommufd, wherever it fits.
    package mutating func map(
        _ iova: UInt64?, bytes: UInt64, userAddress: UInt64
    ) throws(Refused) -> IOVARange {
        let start: UInt64
        if let iova {
            let errno =
                consumer == .vfioType1
                ? container.errno(iova: iova, bytes: bytes) : attachment.space.errno(iova: iova, bytes: bytes)
            if let errno {
                throw Refused(
                    errno: errno,
                    because: "\(HexLiteral.text(bytes)) bytes at \(HexLiteral.text(iova)) cannot be mapped.")
            }
            start = iova
        } else if consumer == .vfioType1 {
            throw Refused(errno: .invalidArgument, because: "VFIO type1 maps at a given address only.")
        } else {
            switch attachment.space.place(
                bytes: bytes, userAddress: userAddress, in: attachment.space.holes)
            {
            case .success(let place): start = place
            case .failure(let error):
                throw Refused(
                    errno: error.errno, because: "No place for \(HexLiteral.text(bytes)) bytes.")
            }
        }
        guard let range = IOVARange(start: IOVA(start), size: bytes) else {
            throw Refused(errno: .overflow, because: "The mapping passes 2^64.")
        }
        mappings.insert(range, at: place(of: range.start))
        if consumer == .vfioType1 {
            container.mappings = mappings
        } else {
            attachment.space.mapped = attachment.space.mapped.union(IOVASet([range]))
        }
        return range
    }

    /// The mapping that contains an address.
    package func mapping(at address: IOVA) -> IOVARange? {
        let index = place(of: address)
        if index < mappings.count, mappings[index].start == address { return mappings[index] }
        return index > 0 && mappings[index - 1].contains(address) ? mappings[index - 1] : nil
    }

    /// Removes the mapping that contains an address; nil when there is none.
    package mutating func unmap(_ address: IOVA) -> IOVARange? {
        guard let range = mapping(at: address) else { return nil }
        mappings.remove(at: place(of: range.start))
        setMappings()
        return range
    }

    /// Index of the first mapping that starts at or above an address.
    package func place(of address: IOVA) -> Int {
        var low = 0
        var high = mappings.count
        while low < high {
            let middle = (low + high) / 2
            if mappings[middle].start < address { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Doorbells

    /// Sets an interrupt up for the device at `index`: maps the doorbell's page, or finds it.
    package mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, for index: Int, context: inout DoorbellContext, recorder: inout R
    ) throws(Refused) -> Doorbell {
        let member = members[index]
        guard let window = member.window else {
            if consumer == .vfioType1, conditions.kernel.refusesDomainsWithoutCookie {
                throw Refused(
                    errno: .noSpace,
                    because: "The group has no MSI cookie: since Linux 6.15 setting up interrupts fails.")
            }
            return Doorbell(
                iova: IOVA(doorbell.value), page: IOVA(conditions.pageSize.alignDown(doorbell.value)),
                because: member.hasHardwareMSI
                    ? "The device has hardware MSI regions: the doorbell keeps its address."
                    : "There is no window: the doorbell keeps its physical address, which is not mapped.")
        }
        let mapped: MappedDoorbells
        if consumer == .iommufd, conditions.kernel.iommufdKeepsOwnMap {
            mapped = context.map(doorbell, in: window, conditions, &recorder)
        } else {
            let key = consumer == .vfioType1 ? Set(member.device.smmus) : []
            var cookie = cookies[key] ?? MSICookie(window: window, conditions: conditions)
            cookie.mapped = MappedDoorbells()
            cookie.map(doorbell, &recorder)
            mapped = cookie.mapped
            cookies[key] = cookie
        }
        guard let made = mapped.doorbells.last else {
            throw Refused(
                errno: mapped.errno ?? .noSpace,
                because: mapped.warnings.first?.detail ?? "The doorbell's page cannot be mapped.")
        }
        return Doorbell(
            iova: made.iova, page: made.page,
            because: mapped.warnings.first?.detail ?? "The page lies in the window \(window.text).")
    }
}

extension UserSpaceDomain.Refused {
    init(_ refusal: Refusal) {
        errno = refusal.errno
        because = refusal.because
    }
}
