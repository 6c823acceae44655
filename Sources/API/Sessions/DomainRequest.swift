// The bodies that make a domain and attach devices to it. The same members come back in exported state. A
// device is named on a platform that the server knows, or described in the request.

import AddressSpaces
import IOVAAllocation
import Ingestion
import JSON
import LinuxReleases
import MSIWindows
import Machines
import Sandboxes

/// What a domain is made with: the body of POST .../domains, and the head of an exported domain.
struct DomainRequest: Sendable {
    private(set) var id: WireID?
    private(set) var consumer = Consumer.dmaAPI
    private(set) var source = WindowSource.fixed
    /// What is left open, the first device's platform knows.
    var stated = StatedConditions()
    /// Devices to attach at once, in order.
    private(set) var devices: [SessionDeviceRequest] = []

    init(_ root: JSONNode, kernel: KernelProfile, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        readHead(&reader, kernel: kernel, problems)
        if let node = reader.optional("devices"),
            let nodes = node.elements(countMax: Limits.devicesPerDomainMax, problems)
        {
            devices = nodes.compactMap { SessionDeviceRequest($0, problems) }
        }
        reader.finish()
    }

    /// For readers of exported domains, which go on with members of their own.
    init(head reader: inout ObjectReader, kernel: KernelProfile, _ problems: ProblemList) {
        readHead(&reader, kernel: kernel, problems)
        // What an export tells decides the domain's own answers.
        stated.hostFacts = HostFact.list(reader.optional("host_facts"), problems)
    }

    private mutating func readHead(
        _ reader: inout ObjectReader, kernel: KernelProfile, _ problems: ProblemList
    ) {
        stated.adopt(kernel)
        id = reader.optional("id").flatMap { WireID($0, problems) }
        if let node = reader.optional("consumer"), let consumer = node.choice(WireWords.consumers, problems) {
            self.consumer = consumer
        }
        if let node = reader.optional("window_source"), let source = WindowSource(node, problems) {
            self.source = source
        }
        readPages(&reader, problems)
        readAperture(&reader, problems)
        stated.read(
            [
                .forcedac, .isolatedMSI, .driver, .iommuRegions, .unsafeInterrupts, .cacheCoherent,
                .defaultDomain,
            ], from: &reader)
    }

    /// Takes over what the platform of the first device knows.
    ///
    /// - Parameters:
    ///   - origin: who said which kernel the session is of.
    ///   - isKernelOpen: whether this host may still say it.
    mutating func adopt(
        _ device: Device, of platform: Platform, _ origin: KernelOrigin, isKernelOpen: Bool,
        _ problems: ProblemList
    ) {
        let kernel = stated.conditions.kernel
        // The kernel is a host's fact where a host said it, and only if this one says the same.
        let isOfHost = isKernelOpen || origin == .host && platform.host?.kernelProfile == kernel
        if !isOfHost { stated.state(kernel) }
        stated.adopt(platform.host)
        stated.adopt(device, of: platform, driver: platform.driver(of: device))
        stated.conditions = stated.conditions(for: consumer)
        checkAperture(at: "/aperture", problems)
    }

    /// `granule` is what the IOMMU maps, `page_size` the CPU's; each is the other's default.
    private mutating func readPages(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let granuleValue = reader.value("granule")
        let granule = granuleValue.flatMap { Condition.pageSize($0, problems) }
        if let granule { stated.state(pageSize: granule) }
        stated.read([.pageSize], from: &reader)
        guard let granuleValue, let granule else { return }
        stated.conditions.smmuPageSizes = PageSizes(bitmap: granule.bytes)
        // VFIO and iommufd give their own answers when a device is attached.
        if consumer == .dmaAPI, stated.conditions.hasGranuleAbovePage {
            granuleValue.add(
                "granule-above-page",
                "Linux refuses an IOVA granule above the CPU's page size; send a page_size at least as large.",
                problems)
        }
    }

    private mutating func readAperture(_ reader: inout ObjectReader, _ problems: ProblemList) {
        guard let node = reader.optional("aperture") else {
            stated.read([.apertureBits], from: &reader)
            return
        }
        if let bits = reader.value("aperture_bits") {
            bits.add("conflict", "Send \"aperture\" or \"aperture_bits\", not both.", problems)
            return
        }
        guard let range = IOVARange(wire: node, problems) else { return }
        stated.conditions.aperture = range
        checkAperture(at: node.pointer, problems)
    }

    private func checkAperture(at pointer: String, _ problems: ProblemList) {
        let granule = stated.conditions.granule
        guard !granule.isWhole(stated.conditions.aperture) else { return }
        problems.add(
            pointer, "not-aligned",
            "An aperture consists of whole pages of \(HexLiteral.text(granule.bytes)) bytes.")
    }

    /// The setup under an id.
    func setup(id: String) -> DomainSetup {
        DomainSetup(
            id: id, consumer: consumer, source: source, conditions: stated.conditions,
            hostFacts: stated.hostFacts)
    }
}

/// The body of POST .../devices, and an element of `devices`.
struct SessionDeviceRequest: Sendable {
    enum Subject: Sendable {
        case named(platform: String, device: String)
        case described(Device)
    }

    /// nil when it was wrong; the problem is in the list then.
    private(set) var subject: Subject?
    /// Under which the domain knows it: the platform's name for it, unless given.
    private(set) var id: String?
    /// The platform from which a described device was taken.
    private(set) var origin: String?
    /// What of its host does not count in the exported domain; elsewhere, that is found out again.
    private(set) var unusedFacts: [HostFact] = []
    /// Where the request stands in the body.
    let pointer: String

    /// - Parameter isExported: the state of a domain, in which an `msi` is no copy of a host's list any more.
    init(_ node: JSONNode, isExported: Bool = false, _ problems: ProblemList) {
        pointer = node.pointer
        guard var reader = ObjectReader(node, problems) else { return }
        id = reader.optional("id").flatMap { $0.string(bytesMax: Limits.nameBytesMax, problems) }
        var idPointer = reader.pointer("id")
        let platform = reader.optional("platform")
        let device = reader.optional("device")
        let description = reader.optional("description")
        if let description {
            if let device {
                problems.add(device.pointer, "conflict", "Send \"device\" or \"description\", not both.")
            }
            origin = platform.flatMap { $0.string(bytesMax: Limits.platformIDBytesMax, problems) }
            unusedFacts = HostFact.list(reader.optional("unused_host_facts"), problems)
            var made = Self.described(description, isExported: isExported, problems)
            let group = reader.optional("group")
            made?.groupNumber = Self.group(group, problems)
            // States of before have such devices: their groups bind nobody.
            if let group, platform == nil, !isExported {
                problems.add(
                    group.pointer, "conflict", "A group is one of a machine; send \"platform\" as well.")
            }
            subject = made.map(Subject.described)
            if id == nil {
                id = made?.id
                idPointer = description.pointer + "/id"
            }
        } else {
            let platform = (platform ?? reader.required("platform"))?
                .string(bytesMax: Limits.platformIDBytesMax, problems)
            let device = (device ?? reader.required("device"))?
                .string(bytesMax: Limits.nameBytesMax, problems)
            if let platform, let device { subject = .named(platform: platform, device: device) }
            if id == nil {
                id = device
                idPointer = reader.pointer("device")
            }
        }
        if let id { Self.check(id, idPointer, problems) }
        reader.finish()
    }

    /// The number of a group as platforms name it.
    private static func group(_ node: JSONNode?, _ problems: ProblemList) -> UInt64? {
        guard let node, let name = node.string(bytesMax: Limits.nameBytesMax, problems) else { return nil }
        if let number = Device.groupNumber(ofID: name) { return number }
        problems.add(node.pointer, "bad-id", "A group is named \"group:\" and its number.")
        return nil
    }

    /// An attached device must be reachable by its id, or it could not be detached.
    private static func check(_ id: String, _ pointer: String, _ problems: ProblemList) {
        if id.isEmpty {
            problems.add(pointer, "empty", NativePlatform.emptyID)
        } else if !WireName.isReachable(id) {
            problems.add(pointer, "bad-id", WireName.sentence)
        }
    }

    /// The native model's members, as far as attaching depends on them; PCI unless the kind says otherwise.
    private static func described(
        _ node: JSONNode, isExported: Bool, _ problems: ProblemList
    ) -> Device? {
        guard var reader = ObjectReader(node, problems) else { return nil }
        let kinds = Device.Kind.allCases.map { (word: $0.rawValue, value: $0) }
        let id = reader.optional("id").map { $0.string(bytesMax: Limits.nameBytesMax, problems) } ?? "device"
        let kind = reader.optional("kind").map { $0.choice(kinds, problems) } ?? .pciFunction
        let limit = reader.optional("dma_limit").map { $0.u64(problems) } ?? .max
        let smmus = list(reader.optional("smmus"), Limits.smmusPerDeviceMax, problems) {
            $0.string(bytesMax: Limits.nameBytesMax, problems)
        }
        let windows = list(reader.optional("pci_windows"), Limits.windowsPerDeviceMax, problems) {
            PCIWindow($0, problems)
        }
        func isKnown(_ fact: StaticString) -> Bool {
            reader.optional(fact).map { $0.bool(problems) ?? true } ?? true
        }
        let knowsWindows = isKnown("pci_windows_known")
        let knowsInbound = isKnown("inbound_windows_known")
        let knowsConfiguration = isKnown("preserve_config_known")
        let knowsFirmware = isKnown("firmware_known")
        let knowsMates = isKnown("group_mates_known")
        let knowsShare = isKnown("group_joined")
        let knowsRegions = isKnown("reserved_regions_known")
        let inbound = list(reader.optional("dma_ranges"), Limits.windowsPerDeviceMax, problems) {
            InboundWindow($0, problems)
        }
        let regions = list(reader.optional("reserved_regions"), Limits.inlineRegionsMax, problems) {
            ReservedRegion($0, isDescribed: true, isExported: isExported, problems)
        }
        let ranges = reader.optional("iova_ranges")?.elements(countMax: Limits.inlineRegionsMax, problems)?
            .compactMap { IOVARange(wire: $0, problems) }
        reader.finish()
        guard let id, let kind, let limit else { return nil }
        var device = Device(
            id: id, kind: kind, streams: smmus.map { StreamMapping(smmu: $0, kind: .specifier([])) },
            dmaLimit: limit, pciWindows: windows, inboundWindows: inbound,
            firmwareRegions: isExported ? regions : regions.withoutDriverWindowNamedMSI())
        device.hasUnknownPCIWindows = !knowsWindows
        device.hasUnknownInboundWindows = !knowsInbound
        device.hasUnknownConfiguration = !knowsConfiguration
        device.hasUnknownFirmware = !knowsFirmware
        device.hasUnknownMates = !knowsMates
        device.hasUnknownShare = !knowsShare
        device.hasUnknownRegions = !knowsRegions
        // What an export tells has been compared with the regions already.
        device.usableRanges = ranges.map { UsableRanges($0, beside: isExported ? [] : regions) }
        return device
    }

    private static func list<T>(
        _ node: JSONNode?, _ countMax: Int, _ problems: ProblemList, _ read: (JSONNode) -> T?
    ) -> [T] {
        node?.elements(countMax: countMax, problems)?.compactMap(read) ?? []
    }
}
