// A host known by its firmware: the union over the devices that the VM gets. They are taken one after
// another, so that one is prepared at a time however many the host has, and those that share a prepared set,
// as the members of an IOMMU group do, count once. Where a virtio-iommu decides, the host is also what it is
// if MSI regions are reported; whether these have places is known after the last device only.

public import AddressSpaces
public import MSIWindows
public import Machines

extension PreparedDevice {
    /// Whether a VM without this device may have Linux's own window where one with it has not.
    fileprivate var isInTheWay: Bool {
        let window = WindowSource.mainlineWindow
        if device.dmaLimit < window.last.value || source.lacksIOMMU { return true }
        // Of nearly every device nothing lies there.
        if withheld.firstItem(overlapping: window) != nil, !withheld.hardItems(overlapping: window).isEmpty {
            return true
        }
        return applied.contains { $0.kind == .direct && $0.unenforcedRemark(under: conditions) == nil }
    }
}

/// What devices add to the facts of their host.
private struct DeviceUnion {
    fileprivate private(set) var obstacles: [HostObstacle]
    private var seen: Set<HostObstacle> = []
    fileprivate private(set) var unenforced: [HostFacts.UnenforcedRegion] = []
    fileprivate private(set) var hasSoftwareMSI = false
    fileprivate private(set) var unknown: [UnknownFact: UnknownFactRemark] = [:]
    fileprivate private(set) var undecidedRemark: String?
    fileprivate private(set) var areRegionsUnused = true
    fileprivate private(set) var x86Remark: String?
    fileprivate private(set) var crashRemark: String?
    fileprivate private(set) var lacking, doubtful: HostFacts.NoGroup?
    fileprivate private(set) var undescribed: [UndescribedRange] = []
    fileprivate private(set) var otherIOMMU: SMMU.Version?
    /// The one before, whose set the next may share.
    private var last: PreparedDevice?

    init(_ aperture: IOVARange) { obstacles = HostFacts.outside(aperture) }

    mutating func add(_ prepared: PreparedDevice) {
        if last.map(prepared.withholdsTheSame) != true { addObstacles(of: prepared) }
        last = prepared
        if undescribed.count < UndescribedRange.devicesMax {
            undescribed += UndescribedRange.among(prepared, in: WindowSource.mainlineWindow)
        }
        hasSoftwareMSI = hasSoftwareMSI || prepared.offersSoftwareWindow
        for fact in UnknownFact.allCases where unknown[fact] == nil {
            unknown[fact] = UnknownFactRemark(fact, of: prepared.device)
        }
        undecidedRemark = undecidedRemark ?? prepared.undecidedRemark
        areRegionsUnused = areRegionsUnused && prepared.conditions.hasUnusedIOMMURegions
        x86Remark = x86Remark ?? prepared.source.x86Remark
        crashRemark = crashRemark ?? prepared.crashRemark
        if prepared.conditions.driver != .v3, prepared.source.x86Remark == nil {
            otherIOMMU = otherIOMMU ?? prepared.conditions.driver
        }
        guard lacking == nil,
            let noGroup = HostFacts.NoGroup(prepared.source, under: prepared.conditions)
        else { return }
        if noGroup.isCertain { lacking = noGroup } else { doubtful = doubtful ?? noGroup }
    }

    private mutating func addObstacles(of prepared: PreparedDevice) {
        let limit = prepared.device.dmaLimit
        // Where no kernel keeps a relaxable region, nobody prints it either.
        let items = prepared.withheld.items.filter { $0.isAdvertised || !$0.isRelaxable }
        var found = HostFacts.asKvmtoolReads(items.map(HostObstacle.init))
        if limit != .max, let beyond = IOVARange(start: IOVA(limit &+ 1), last: IOVA(.max)) {
            found.append(
                HostObstacle(
                    range: beyond, kind: .aboveDMALimit,
                    provenance: "the bus carries addresses up to \(HexLiteral.text(limit))",
                    refusesMappings: false))
        }
        obstacles += found.filter { seen.insert($0).inserted }
        unenforced += HostFacts.UnenforcedRegion.among(prepared.directRegions, under: prepared.conditions)
    }
}

extension HostFacts {
    /// Facts of the devices of one platform.
    ///
    /// - Parameters:
    ///   - devices: walked once, and each kept no longer than the next takes.
    ///   - doorbells: of a device; none where nothing is known of them.
    public convenience init(
        devices: some Sequence<PreparedDevice>, aperture: IOVARange, options: [DeviceOption] = [],
        doorbells: (Device) -> [PhysicalAddress] = { _ in [] }
    ) {
        var known = DeviceUnion(aperture)
        // If MSI regions are reported: with places, and as far as none has any.
        var placed: DeviceUnion?
        var anywhere: DeviceUnion?
        var seen: Set<ReservedRegion> = []
        var regions: [ReservedRegion] = []
        // Without those that are in the way, from the first of them on.
        var reaching: DeviceUnion?
        var without: [Device] = []
        var isEmpty = true
        for device in devices {
            let isInTheWay = device.isInTheWay
            if isInTheWay {
                reaching = reaching ?? known
                without.append(device.device)
            } else {
                isEmpty = false
                reaching?.add(device)
            }
            let other = device.ifReported(over: doorbells(device.source))
            if other != nil, placed == nil { (placed, anywhere) = (known, known) }
            known.add(device)
            placed?.add(other.map { $0.regions.isEmpty ? device : $0.device } ?? device)
            anywhere?.add(other?.device ?? device)
            regions += (other?.regions ?? []).filter { seen.insert($0).inserted }
        }
        let reported = (regions.isEmpty ? anywhere : placed).map {
            IfReported(regions: regions, facts: HostFacts($0, options))
        }
        let names = isEmpty ? [] : Self.names(of: without)
        let hasFew = !isEmpty && names.count <= Remedy.namesMax
        let fewer = (hasFew ? reaching : nil).map { union in
            Reaching(without: names, facts: HostFacts(union, options))
        }
        self.init(known, options, reported.map { [$0] } ?? [], fewer)
    }

    /// A group stands for its devices: where one of them is named, it is not named besides.
    private static func names(of devices: [Device]) -> [String] {
        let named = Set(devices.lazy.filter { $0.kind != .group }.compactMap(\.groupNumber))
        return devices.filter { device in
            device.kind != .group || device.groupNumber.map { !named.contains($0) } ?? true
        }.map(\.id)
    }

    private convenience init(
        _ devices: DeviceUnion, _ options: [DeviceOption], _ ifReported: [IfReported] = [],
        _ reaching: Reaching? = nil
    ) {
        self.init(
            obstacles: devices.obstacles, unenforced: devices.unenforced,
            hasSoftwareMSI: devices.hasSoftwareMSI, options: options,
            unknownFacts: UnknownFact.allCases.compactMap { devices.unknown[$0] },
            undecidedRemark: devices.undecidedRemark,
            unusedRegionsRemark: devices.areRegionsUnused ? Conditions.unusedIOMMURegions : nil,
            x86Remark: devices.x86Remark, crashRemark: devices.crashRemark,
            noGroup: devices.lacking ?? devices.doubtful, ifReported: ifReported,
            undescribed: devices.undescribed, otherIOMMU: devices.otherIOMMU,
            reaching: reaching)
    }
}
