// What of the machine matters to one fault: the SMMU that the log names, the devices behind the stream ID,
// their doorbells and windows.

import AddressSpaces
import Platforms
import SMMUModel

struct FaultScene {
    /// The fault at hand: one of many that happened in this scene.
    var fault: SMMUFault
    private let conditions: Conditions
    let smmu: SMMU?
    /// Devices with the fault's stream ID on the SMMU.
    let devices: [Device]
    /// What is withheld from each of them.
    private let withheld: [Withheld]
    /// Known doorbells: the devices' own first.
    let doorbells: [PhysicalAddress]
    /// Software-MSI windows that are in use: mainline's, then those that the caller or the host told.
    let windows: [IOVARange]
    /// Where the posted series may have put one.
    let possibleWindows: [IOVARange]
    /// Where the DMA layer maps the devices' doorbells when nothing was mapped before.
    let dmaPages: [Decision.Doorbell]

    /// Offset in its page of the register that takes MSIs, in a GICv2m frame and in an ITS.
    private static let offsetOfGICs: UInt64 = 0x40
    /// Devices that are looked at; more have the same stream ID on no machine.
    private static let devicesMax = 4

    var hasDoorbells: Bool { !doorbells.isEmpty }
    var pageBytes: UInt64 { conditions.pageSize.bytes }

    init(_ fault: SMMUFault, _ question: FaultQuestion) {
        self.fault = fault
        conditions = question.conditions
        let smmu = question.platform.flatMap { Self.smmu(named: fault, in: $0) }
        self.smmu = smmu
        let devices = question.platform.map { Self.devices(of: fault, smmu, in: $0) } ?? []
        self.devices = devices
        withheld = devices.map { Withheld(for: $0, under: question.conditions) }
        let controllers = question.platform?.msiControllers ?? []
        let own = devices.flatMap(\.msiControllers)
        let known =
            question.doorbells + controllers.filter { own.contains($0.id) }.compactMap(\.doorbell)
            + controllers.compactMap(\.doorbell)
        var seen: Set<PhysicalAddress> = []
        let doorbells = known.filter { seen.insert($0).inserted }
        self.doorbells = doorbells
        let reported = devices.flatMap { $0.reportedRegions ?? [] }.filter { $0.kind == .softwareMSI }
        func window(_ base: UInt64) -> IOVARange {
            IOVARange(proven: base, base + WindowSource.mainlineSize - 1)
        }
        windows = [window(WindowSource.mainlineBase)] + question.windows + reported.compactMap(\.range)
        possibleWindows = [window(WindowSource.postedSecondBase)]
        dmaPages = devices.flatMap { device in
            Decision.decide(
                Question(
                    device: device, consumer: .dmaAPI, conditions: question.conditions,
                    doorbells: Array(doorbells.prefix(1)))
            ).doorbells
        }
    }

    /// `64000000.iommu` by its registers; `arm-smmu-v3.2.auto` by its place; the only one by being alone.
    private static func smmu(named fault: SMMUFault, in platform: Platform) -> SMMU? {
        let candidates = platform.smmus.filter { ($0.version == .v3) == (fault.driver == .armSMMUv3) }
        if let base = UInt64(fault.smmu.prefix { $0 != "." }, radix: 16) {
            if let found = candidates.first(where: { $0.registers.first?.start.value == base }) {
                return found
            }
        }
        let parts = fault.smmu.split(separator: ".")
        if parts.count == 3, parts[2] == "auto", let place = Int(parts[1]), candidates.indices.contains(place)
        {
            return candidates[place]
        }
        return candidates.count == 1 ? candidates[0] : nil
    }

    private static func devices(of fault: SMMUFault, _ smmu: SMMU?, in platform: Platform) -> [Device] {
        if let client = fault.client,
            let device = platform.pciFunction(client) ?? platform.devices.first(where: { $0.id == client })
        {
            return [device]
        }
        guard let stream = fault.streamID else { return [] }
        let found = platform.devices.filter { device in
            device.streams.contains { ($0.smmu == smmu?.id || smmu == nil) && $0.holds(stream) }
        }
        return Array(found.prefix(devicesMax))
    }

    /// ", stream ID 0x102 (as a PCI requester 01:00.2)"
    var streamPhrase: String {
        guard let stream = fault.streamID else { return "" }
        let id = HexLiteral.text(UInt64(stream))
        if let client = fault.client { return " (stream ID \(id), \(client))" }
        if let first = devices.first { return " (stream ID \(id), \(first.id))" }
        guard stream <= 0xffff else { return " (stream ID \(id))" }
        func hex(_ value: UInt32) -> String { (value < 16 ? "0" : "") + String(value, radix: 16) }
        return
            " (stream ID \(id); as a PCI requester \(hex(stream >> 8)):\(hex(stream >> 3 & 31)).\(stream & 7))"
    }

    /// A doorbell whose offset in its page the address has; of unknown doorbells the offset of GICs.
    func doorbell(atOffsetOf iova: UInt64) -> (address: PhysicalAddress?, isKnown: Bool)? {
        let mask = conditions.pageSize.mask
        if hasDoorbells {
            return doorbells.first { $0.value & mask == iova & mask }.map { ($0, true) }
        }
        return iova & mask == Self.offsetOfGICs ? (nil, false) : nil
    }

    /// A device behind an SMMU that, says firmware, lets MSIs through.
    var hasUntranslatedITS: Bool {
        devices.contains { device in
            device.firmwareRegions.contains {
                if case .untranslatedITS = $0.provenance { true } else { false }
            }
        }
    }

    /// Why an MSI in a window does not arrive.
    func obstacle(to window: IOVARange, at iova: UInt64) -> (FaultExplanation.Reason, String) {
        for (device, withheld) in zip(devices, withheld) {
            if let range = guestRange(of: device, holding: iova) {
                return (
                    .movedUnderGuestRMR,
                    "this machine's firmware promises it as memory range at \(range), and the host beneath has moved its "
                        + "window elsewhere."
                )
            }
            if let item = withheld.firstItem(overlapping: window) {
                let reason: FaultExplanation.Reason =
                    switch item.kind {
                    case .dmaRangesGap: .inDMARangesGap
                    case .pciWindow: .inPCIWindow
                    default: .inReservedRegion
                    }
                return (
                    reason,
                    "the window touches a \(item.kind.phrase) of \(device.id) at \(item.range.text), so its writes are "
                        + "not sure to arrive."
                )
            }
            if window.last.value > device.dmaLimit {
                return (.aboveDMALimit, "it lies above the DMA limit \(HexLiteral.text(device.dmaLimit)).")
            }
        }
        if window.last > conditions.aperture.last {
            return (.beyondAperture, "it lies beyond what the SMMU translates, \(conditions.aperture.text).")
        }
        if fault.cause == .permission {
            return (.notPermitted, "it is mapped, but not for writing.")
        }
        if fault.cause == .addressSize {
            return (.beyondAperture, "the SMMU finds the address too large for its tables.")
        }
        return (
            .notMapped,
            "nothing is mapped there for the stream\(streamPhrase), so the doorbell's page was not set up in this domain."
        )
    }

    /// An RMR around the address, as a nested guest's firmware has for the host's window.
    private func guestRange(of device: Device, holding iova: UInt64) -> String? {
        let regions = device.firmwareRegions + device.unappliedRegions.compactMap(\.region)
        let found = regions.first { region in
            guard case .rmr = region.provenance else { return false }
            return region.range?.contains(IOVA(iova)) == true
        }
        return found?.range?.text
    }

    /// Bases that would do for every device, nearest first.
    func alternatives(avoiding window: IOVARange?) -> [IOVA] {
        guard let first = withheld.first else { return [] }
        var free = withheld.dropFirst().reduce(first.free) { $0.intersection($1.free) }
        if let window { free = free.subtracting(IOVASet([window])) }
        let size = WindowSource.mainlineSize
        guard let alignment = Granule(bytes: size) else { return [] }
        let picks = [
            free.nearestFit(to: IOVA(WindowSource.mainlineBase), size: size, alignment: alignment),
            free.clipped(to: IOVARange(proven: 0, 0xffff_ffff)).highestFit(size: size, alignment: alignment),
        ]
        var seen: Set<IOVA> = []
        return picks.compactMap { $0?.start }.filter { seen.insert($0).inserted }
    }

    /// What an ordinary fault at this address is about.
    func ordinaryPhrase(_ iova: UInt64) -> String {
        for (device, withheld) in zip(devices, withheld) {
            let items = withheld.items(overlapping: IOVARange(proven: iova, iova))
            if let item = items.first(where: { $0.kind == .pciWindow }) {
                return
                    "It lies in the PCI window \(item.range.text) of \(device.id): a transfer between devices that "
                    + "came up to the SMMU."
            }
            if iova > device.dmaLimit {
                return "It lies above the DMA limit \(HexLiteral.text(device.dmaLimit)) of \(device.id)."
            }
        }
        let what =
            switch fault.cause {
            case .translation: "Nothing is mapped there"
            case .permission: "It is mapped, but not for this access"
            case .accessFlag: "The mapping's access flag is not set"
            case .addressSize: "The address is larger than its tables or its output allow"
            case .externalAbort: "The memory or a table walk answered with an abort"
            case .tlbConflict: "Two TLB entries contradict each other"
            case .unsupportedTransaction: "The transaction is of a kind that is not supported"
            case .configuration, .pageRequest, .other: "The SMMU gives no reason that is known"
            }
        return
            "\(what)\(streamPhrase): a driver's DMA after unmapping, or past the end of a buffer, looks like this."
    }
}

extension StreamMapping {
    /// Whether a stream ID is among the mapping's. An SMMUv2 specifier may have a mask of ignored bits behind
    /// the ID.
    func holds(_ stream: UInt32) -> Bool {
        switch kind {
        case .specifier(let cells):
            guard let id = cells.first else { return false }
            let mask = cells.count > 1 ? cells[1] : 0
            return id & ~mask == stream & ~mask
        case .constant(_, _, let output): return output == stream
        case .idMap(_, let length, let output):
            guard let first = output.first, stream >= first else { return false }
            return stream - first < length
        }
    }
}
