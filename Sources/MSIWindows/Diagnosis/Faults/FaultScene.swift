// What of the machine matters to one fault: the SMMU that the log names, the devices behind the stream ID,
// their doorbells and windows.

import AddressSpaces
import Machines

struct FaultScene {
    /// The fault at hand: one of many that happened in this scene.
    var fault: SMMUFault
    let conditions: Conditions
    let smmu: SMMU?
    /// The SMMUs of which the stream ID may be: that one, or all of the driver.
    let smmuIDs: Set<String>
    /// Devices with the fault's stream ID on the SMMU.
    let devices: [Device]
    /// The ids that questions name them by.
    let deviceIDs: [String]
    /// Those of them that share regions with others, each with its group.
    let groups: [PreparedGroup]
    /// What is withheld from each of them.
    let withheld: [Withheld]
    /// Where a window for all of them could be; nil without devices.
    let free: IOVASet?
    /// Known doorbells: the devices' own first.
    let doorbells: [PhysicalAddress]
    /// Software-MSI windows that are in use: those that the caller or the host reported, and mainline's
    /// unless the host's own list is without it.
    let windows: [IOVARange]
    /// Where mainline or the posted series may have put one besides.
    let possibleWindows: [IOVARange]
    /// Whether the windows are facts of a machine or of the caller, not only Linux's default.
    let knowsWindows: Bool
    /// MSI controllers of the devices, or of the machine, whose doorbell firmware does not tell.
    private let controllersWithoutDoorbell: [MSIController]
    /// Whether a platform was given for this fault.
    let hasPlatform: Bool
    /// What the log names that the platform has not; nil where the log may be of it.
    let stranger: Stranger?
    /// Whether the platform says which device has which stream ID.
    let knowsStreams: Bool
    /// Whether windows were reported, and mainline's is not among them.
    let isWindowMoved: Bool
    /// That a virtio-iommu decides about devices of the machine, or that it is an x86 host, where the fault's
    /// own devices are not known.
    let undecided: [Warning]
    /// Where the DMA layer maps the devices' doorbells when nothing was mapped before.
    let dmaPages: [Decision.Doorbell]

    /// Most reported windows that are used.
    private static let windowsMax = 64

    /// False when the devices are known and firmware names an MSI controller for none of them.
    var mayRaiseMSIs: Bool { devices.isEmpty || devices.contains { !$0.msiControllers.isEmpty } }
    /// For the end of a sentence that takes a fault for an MSI.
    var controllerDoubt: String {
        mayRaiseMSIs ? "" : " Firmware names no MSI controller for the device, though."
    }
    var hasDoorbells: Bool { !doorbells.isEmpty }
    /// Whether an MSI may go to a place that is not known here.
    var hasUnknownDoorbells: Bool { !controllersWithoutDoorbell.isEmpty }
    /// Whether one of these may have any offset in its page, which GICs' have not.
    var hasUnknownOffsets: Bool {
        controllersWithoutDoorbell.contains { controller in
            switch controller.kind {
            case .its, .gicv2m, .mbi: false
            case .preITS, .other: true
            }
        }
    }
    var pageBytes: UInt64 { conditions.pageSize.bytes }

    init(_ fault: SMMUFault, _ question: FaultQuestion) {
        self.fault = fault
        var question = question
        stranger = question.platform.flatMap { Self.stranger(of: fault, on: $0) }
        // What finds devices prepared finds those of the machine as it is described, and keeps them.
        if let platform = question.platform, Self.isRefuted(by: fault, platform) { question.preparer = nil }
        conditions = question.conditions
        let smmu = question.platform.flatMap { Self.smmu(named: fault, in: $0) }
        self.smmu = smmu
        smmuIDs = question.platform.map { Self.smmuIDs(of: fault, smmu, in: $0) } ?? []
        let devices = question.platform.map { Self.devices(of: fault, smmu, in: $0) } ?? []
        self.devices = devices
        deviceIDs = devices.map { question.platform?.askedID(of: $0) ?? $0.id }
        groups = devices.filter(\.sharesRegions).map(question.group)
        let prepared = devices.map { question.prepare($0, .whole) }
        let withheld = prepared.map(\.withheld)
        self.withheld = withheld
        free = withheld.first.map { first in
            withheld.dropFirst().reduce(first.freeForWindow) { $0.intersection($1.freeForWindow) }
        }
        let controllers = question.platform?.msiControllers ?? []
        let own = devices.flatMap(\.msiControllers)
        hasPlatform = question.platform != nil
        knowsStreams = question.platform?.devices.contains { $0.streams.contains(where: \.hasIDs) } ?? false
        controllersWithoutDoorbell = controllers.filter {
            $0.enabled && $0.doorbell == nil && (own.isEmpty || own.contains($0.id))
        }
        let doorbells = Self.eachOnce(
            question.doorbells + controllers.filter { own.contains($0.id) }.compactMap(\.doorbell)
                + controllers.compactMap(\.doorbell))
        self.doorbells = doorbells
        // A list of reserved regions names no devices; all groups of the machine stand in then.
        let listed = (devices.isEmpty ? question.platform?.devices ?? [] : devices)
            .compactMap(\.reportedRegions)
        let listedWindows = listed.joined().filter { $0.kind == .softwareMSI }.compactMap(\.range)
        let mainline = DriverWindow.mainline
        let reported = Array(Self.eachOnce(question.windows + listedWindows).prefix(Self.windowsMax))
        let isOffered = listed.isEmpty && question.mayOfferWindow(to: prepared)
        windows = isOffered && !reported.contains(mainline) ? reported + [mainline] : reported
        knowsWindows = hasPlatform || !reported.isEmpty
        possibleWindows = DriverWindow.known
        isWindowMoved = !reported.isEmpty && !reported.contains { $0.overlaps(mainline) }
        undecided =
            question.unusedWarnings
            + (devices.isEmpty ? question.undecidedWarnings + question.x86Warnings : [])
        dmaPages = devices.flatMap { Self.dmaPages(of: $0, Array(doorbells.prefix(1)), question) }
    }

    /// Each place that the DMA layer may have chosen first: the group's order decides at times.
    private static func dmaPages(
        of device: Device, _ doorbells: [PhysicalAddress], _ question: FaultQuestion
    ) -> [Decision.Doorbell] {
        let group = question.group(of: device)
        // Its own driver, so that it need not be prepared again.
        var conditions = question.conditions
        conditions.driver = group.device.conditions.driver
        if let domain = Conditions.DefaultDomain(of: device) { conditions.defaultDomain = domain }
        // Nothing is mapped for kernel drivers where nothing is translated.
        guard conditions.translates(for: .dmaAPI) else { return [] }
        var asked = Question(group: group, consumer: .dmaAPI, conditions: conditions, doorbells: doorbells)
        asked.findsDevicesInBusOrder = question.platform?.findsDevicesInBusOrder ?? false
        return GroupOrder.orders(of: asked).flatMap { Decision.decide($0).doorbells }
    }

    private static func eachOnce<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return values.filter { seen.insert($0).inserted }
    }

    /// A doorbell whose offset in its page the address has; of unknown doorbells the offset of GICs.
    func doorbell(atOffsetOf iova: UInt64) -> (address: PhysicalAddress?, isKnown: Bool)? {
        let mask = conditions.pageSize.mask
        if let known = doorbells.first(where: { $0.value & mask == iova & mask }) { return (known, true) }
        guard !hasDoorbells || hasUnknownDoorbells else { return nil }
        return iova & mask == DoorbellCatalogue.offsetOfGICs ? (nil, false) : nil
    }

    /// Whether an address is in the page that the DMA layer of a PCI device gives first, where nothing is
    /// known of the device.
    func isTopPage(_ iova: UInt64) -> Bool {
        let end = IOVARange.below4GiB.last.value
        return iova <= end && iova >= end - conditions.granule.mask
    }

    /// Whether firmware says that a device's SMMU passes MSIs untranslated.
    var hasUntranslatedITS: Bool {
        devices.contains { device in
            device.firmwareRegions.contains {
                if case .untranslatedITS = $0.provenance { true } else { false }
            }
        }
    }

    /// Bases that would do for every device, nearest first.
    func alternatives(avoiding window: IOVARange?) -> [IOVA] {
        free.map { WindowRemedy.bases(in: $0, avoiding: window) } ?? []
    }
}
