// The bodies that make and renew sessions and their domains, read with all their mistakes at once.

import AddressSpaces
public import IOVAAllocation
public import MSIWindows
public import SMMUModel
public import Sessions
public import WireJSON

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
        if let node = reader.optional("kernel"), let kernel = node.choice(WireWords.kernels, problems) {
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
    public private(set) var conditions = Conditions()
    /// What the caller said itself, and the first device's platform is not asked for.
    public private(set) var statesIsolation = false
    public private(set) var statesDriver = false
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
        conditions.kernel = kernel
        id = reader.optional("id").flatMap { WireID($0, problems) }
        if let node = reader.optional("consumer"), let consumer = node.choice(WireWords.consumers, problems) {
            self.consumer = consumer
        }
        if let node = reader.optional("window_source"), let source = WindowSource(node, problems) {
            self.source = source
        }
        readPages(&reader, problems)
        readAperture(&reader, problems)
        if let node = reader.optional("forcedac"), let flag = node.bool(problems) {
            conditions.forcesDAC = flag
        }
        if let node = reader.optional("isolated_msi"), let flag = node.bool(problems) {
            conditions.hasIsolatedMSI = flag
            statesIsolation = true
        }
        if let node = reader.optional("iommu"), let driver = node.choice(WireWords.drivers, problems) {
            conditions.driver = driver
            statesDriver = true
        }
        if let node = reader.optional("allow_unsafe_interrupts"), let flag = node.bool(problems) {
            conditions.allowsUnsafeInterrupts = flag
        }
        if let node = reader.optional("cache_coherent"), let flag = node.bool(problems) {
            conditions.isCacheCoherent = flag
        }
    }

    /// `granule` is what the IOMMU maps, `page_size` the CPU's; each is the other's default.
    private mutating func readPages(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let granuleNode = reader.optional("granule")
        let pageNode = reader.optional("page_size")
        let granule = granuleNode.flatMap { Self.page($0, problems) }
        let page = pageNode.flatMap { Self.page($0, problems) }
        conditions.pageSize = page ?? granule ?? .kib4
        guard let granule else { return }
        if let granuleNode, granule.shift > conditions.pageSize.shift {
            problems.add(
                granuleNode.pointer, "granule-above-page",
                "Linux refuses an IOVA granule above the CPU's page size; send page_size as large.")
            return
        }
        conditions.smmuPageSizes = PageSizes(bitmap: granule.bytes)
    }

    private static func page(_ node: JSONNode, _ problems: ProblemList) -> Granule? {
        guard let bytes = node.u64(problems) else { return nil }
        if let size = WireWords.pageSizes.first(where: { $0.bytes == bytes }) { return size }
        let sizes = WireWords.pageSizes.map { HexLiteral.text($0.bytes) }.joined(separator: ", ")
        problems.add(node.pointer, "unknown-value", "\(HexLiteral.text(bytes)) is none of \(sizes).")
        return nil
    }

    private mutating func readAperture(_ reader: inout ObjectReader, _ problems: ProblemList) {
        let node = reader.optional("aperture")
        let bitsNode = reader.optional("aperture_bits")
        if let node, let bitsNode {
            problems.add(bitsNode.pointer, "conflict", "Send \"aperture\" or \"aperture_bits\", not both.")
            _ = node
            return
        }
        if let bits = bitsNode?.int(in: Conditions.apertureBitsBounds, problems) {
            conditions.aperture = Conditions(apertureBits: bits).aperture
        }
        guard let node, let range = IOVARange(wire: node, problems) else { return }
        let granule = conditions.granule
        guard granule.isAligned(range.start.value), range.last.value & granule.mask == granule.mask else {
            problems.add(
                node.pointer, "not-aligned",
                "An aperture is made of whole pages of \(HexLiteral.text(granule.bytes)) bytes.")
            return
        }
        conditions.aperture = range
    }

    /// Takes over what the first device's platform knows and the caller did not say.
    public mutating func adopt(isolatesMSIs: Bool, driver: SMMU.Version?) {
        if !statesIsolation { conditions.hasIsolatedMSI = isolatesMSIs }
        if !statesDriver, let driver { conditions.driver = driver }
    }

    /// The setup under an id.
    public func setup(id: String) -> DomainSetup {
        DomainSetup(id: id, consumer: consumer, source: source, conditions: conditions)
    }
}
