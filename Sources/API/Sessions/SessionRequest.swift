// The bodies that make and renew sessions and their domains, read with all their mistakes at once.

import AddressSpaces
import IOVAAllocation
public import JSON
public import LinuxReleases
import Machines
public import MSIWindows
public import Sandboxes

/// The body of POST /v1/sessions: a fresh session, or an exported one.
public struct SessionRequest: Sendable {
    /// nil when the server names it.
    public private(set) var id: WireID?
    public private(set) var kernel = KernelRelease.newest
    public private(set) var ttlSeconds = Limits.sessionTTLSecondsDefault
    /// What was exported, nil for a fresh session.
    public private(set) var snapshot: SessionSnapshot?

    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        if let node = reader.optional("id") { id = WireID(node, problems) }
        if let value = reader.value("kernel"), let kernel = Condition.kernel(value, problems) {
            self.kernel = kernel
        }
        if let node = reader.optional("ttl_seconds"), let seconds = Self.ttl(node, problems) {
            ttlSeconds = seconds
        }
        if reader.node.member("domains") != nil {
            snapshot = SessionSnapshot(
                &reader, id: id?.text ?? "", kernel: kernel, ttlSeconds: ttlSeconds, problems)
        }
        reader.finish()
    }

    static func ttl(_ node: JSONNode, _ problems: ProblemList) -> Int? {
        node.int(in: 1...Limits.sessionTTLSecondsMax, problems)
    }
}

/// The body of PATCH /v1/sessions/{session}.
public struct SessionPatch: Sendable {
    public private(set) var ttlSeconds: Int?

    public init(_ root: JSONNode, _ problems: ProblemList) {
        guard var reader = ObjectReader(root, problems) else { return }
        ttlSeconds = reader.required("ttl_seconds").flatMap { SessionRequest.ttl($0, problems) }
        reader.finish()
    }
}

/// What a domain is made with: the body of POST .../domains, and the head of an exported domain.
public struct DomainRequest: Sendable {
    public private(set) var id: WireID?
    public private(set) var consumer = Consumer.dmaAPI
    public private(set) var source = WindowSource.fixed
    /// What is left open, the first device's platform knows.
    public var stated = StatedConditions()
    /// Devices to attach at once, in order.
    public private(set) var devices: [SessionDeviceRequest] = []

    public init(_ root: JSONNode, kernel: KernelRelease, _ problems: ProblemList) {
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
    init(head reader: inout ObjectReader, kernel: KernelRelease, _ problems: ProblemList) {
        readHead(&reader, kernel: kernel, problems)
    }

    private mutating func readHead(
        _ reader: inout ObjectReader, kernel: KernelRelease, _ problems: ProblemList
    ) {
        stated.conditions.kernel = kernel
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
            [.forcedac, .isolatedMSI, .driver, .unsafeInterrupts, .cacheCoherent], from: &reader)
    }

    /// `granule` is what the IOMMU maps, `page_size` the CPU's; each is the other's default.
    private mutating func readPages(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let granuleValue = reader.value("granule")
        let granule = granuleValue.flatMap { Condition.pageSize($0, problems) }
        stated.conditions.pageSize = granule ?? .kib4
        stated.read([.pageSize], from: &reader)
        guard let granuleValue, let granule else { return }
        if granule.shift > stated.conditions.pageSize.shift {
            granuleValue.add(
                "granule-above-page",
                "Linux refuses an IOVA granule above the CPU's page size; send page_size as large.", problems)
            return
        }
        stated.conditions.smmuPageSizes = PageSizes(bitmap: granule.bytes)
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
        let granule = stated.conditions.granule
        guard granule.isAligned(range.start.value), range.last.value & granule.mask == granule.mask else {
            problems.add(
                node.pointer, "not-aligned",
                "An aperture is made of whole pages of \(HexLiteral.text(granule.bytes)) bytes.")
            return
        }
        stated.conditions.aperture = range
    }

    /// The setup under an id.
    public func setup(id: String) -> DomainSetup {
        DomainSetup(id: id, consumer: consumer, source: source, conditions: stated.conditions)
    }
}
