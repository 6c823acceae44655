// A VFIO container or an iommufd address space inside a session, with what the session lists. The model is
// MSIWindows'; reservations are those of the attached devices, as VFIO and iommufd have no call to add one.

import AddressSpaces
import MSIWindows
import Platforms
import SMMUModel

struct UserSandbox: Sendable {
    var domain: UserSpaceDomain
    private(set) var devices: [SessionDevice] = []
    /// Doorbell pages as they were mapped in this domain: physical page and IOVA.
    private(set) var doorbells: [(physical: PhysicalAddress, page: IOVA)] = []
    /// Every attempt that a cookie may remember, for export: physical address and device.
    private(set) var attempts: [(physical: PhysicalAddress, device: Int)] = []

    init(consumer: Consumer, source: WindowSource, under conditions: Conditions) {
        domain = UserSpaceDomain(consumer: consumer, source: source, under: conditions)
    }

    var mappingCount: Int { domain.mappings.count }
    var ranges: [IOVARange] { domain.ranges }
    var window: IOVARange? { domain.window }

    var regionCount: Int { devices.reduce(0) { $0 + $1.device.firmwareRegions.count } }

    /// What the devices' firmware withholds, in order of attachment.
    var regions: [SessionRegion] {
        devices.flatMap { attached in
            attached.device.firmwareRegions.compactMap { region in
                region.range.map {
                    SessionRegion(
                        range: $0, kind: region.kind,
                        provenance: "\(attached.id): \(region.provenanceText)")
                }
            }
        }
    }

    mutating func attach(_ device: SessionDevice) throws(SessionRefusal) {
        var ignored = NoRecorder()
        do {
            try domain.attach(device.device, recorder: &ignored)
        } catch {
            throw .attachRefused(error.errno, because: error.because)
        }
        devices.append(device)
    }

    mutating func detach(_ index: Int) {
        domain.detach(index)
        devices.remove(at: index)
    }

    mutating func map(_ iova: UInt64?, bytes: UInt64, userAddress: UInt64) throws(SessionRefusal) -> Holding {
        do {
            return holding(try domain.map(iova, bytes: bytes, userAddress: userAddress))
        } catch {
            if let iova, let asked = IOVARange(start: IOVA(iova), size: bytes) {
                if error.errno == .exists {
                    let mapping = domain.mappings.first { $0.overlaps(asked) }
                    throw .inUse(mapping ?? asked, .mapping)
                }
                let usable = IOVASet(domain.ranges)
                if !domain.ranges.isEmpty, !usable.contains(asked) { throw .overlapsReserved(asked) }
            }
            throw .refused(error.errno, because: error.because)
        }
    }

    mutating func unmap(_ address: IOVA) throws(SessionRefusal) -> Holding {
        guard let range = domain.unmap(address) else { throw .notAllocated(address) }
        return holding(range)
    }

    mutating func map(
        _ doorbell: PhysicalAddress, for asker: Requester, context: inout DoorbellContext
    ) throws(SessionRefusal) -> MappedDoorbell {
        let index: Int
        switch asker {
        case .device(let id):
            guard let found = devices.firstIndex(where: { $0.id == id }) else { throw .noDevice(id) }
            index = found
        case .anonymous:
            guard !devices.isEmpty else {
                throw .refused(.noEntry, because: "No device is attached, so nothing can raise an interrupt.")
            }
            index = devices.count - 1
        }
        let physical = PhysicalAddress(domain.conditions.pageSize.alignDown(doorbell.value))
        var ignored = NoRecorder()
        let made: UserSpaceDomain.Doorbell
        do {
            made = try domain.map(doorbell, for: index, context: &context, recorder: &ignored)
        } catch {
            // A cookie at address 0 has moved on though nothing is mapped.
            if domain.window?.start.value == 0 { attempts.append((doorbell, index)) }
            throw .refused(error.errno, because: error.because)
        }
        let isNew = !doorbells.contains { $0.physical == physical && $0.page == made.page }
        if isNew {
            doorbells.append((physical, made.page))
            attempts.append((doorbell, index))
        }
        return MappedDoorbell(
            physical: doorbell, iova: made.iova, page: made.page, isNew: isNew,
            reason: AllocationReason(sentence: made.because))
    }

    private func holding(_ range: IOVARange) -> Holding {
        let page = domain.conditions.userPage
        return Holding(
            range: range, kind: .mapping,
            pages: page.frame(of: range.last.value) - page.frame(of: range.start.value) + 1)
    }

    func holding(at address: IOVA) -> Holding? { domain.mapping(at: address).map(holding) }

    func holdings(from address: IOVA, limit: Int) -> (items: [Holding], hasMore: Bool) {
        var first = domain.place(of: address)
        if first > 0, domain.mappings[first - 1].contains(address) { first -= 1 }
        let rest = domain.mappings[first...]
        return (rest.prefix(limit).map(holding), rest.count > limit)
    }
}
