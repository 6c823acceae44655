// What a collected host says of kernel, boot and groups, for requests that do not say it themselves: every
// entrance that names a stored platform takes its facts over here, and tells them in its answer.

import AddressSpaces
import Fleet
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension JSONWriter {
    /// `"host_facts"`: those that decide answers for `consumer`; nothing when there are none.
    mutating func hostFacts(_ facts: [HostFact], of consumer: Consumer? = nil) {
        hostFacts(facts, ofAny: consumer.map { [$0] } ?? [])
    }

    /// The same of an answer about calls of several.
    mutating func hostFacts(_ facts: [HostFact], ofAny consumers: [Consumer]) {
        let used = facts.filter { fact in
            fact.concerns(nil) || consumers.contains { fact.concerns($0) }
        }
        self.facts(used, as: "host_facts")
    }

    /// Facts by their names, with what they were read from; nothing when there are none.
    mutating func facts(_ facts: [HostFact], as member: StaticString) {
        guard !facts.isEmpty else { return }
        object(member) { writer in
            var places: [(name: String, place: String)] = []
            for name in HostFact.Name.allCases {
                let told = facts.filter { $0.name == name }
                guard let first = told.first else { continue }
                writer.member(text: name.rawValue, told.map(\.value).joined(separator: " "))
                if let place = first.place { places.append((name.rawValue, place)) }
            }
            guard !places.isEmpty else { return }
            writer.object("sources") { writer in
                for (name, place) in places { writer.member(text: name, place) }
            }
        }
    }

    /// The facts of a host that a view rests on, then the kernel and version.
    mutating func model(of stated: StatedConditions, onX86: Bool, engine: String) {
        hostFacts(stated.hostFacts)
        model(stated.conditions.kernel, onX86: onX86, engine: engine)
    }
}

extension StatedConditions {
    /// Takes over what the running host said and the request did not state, of everything but devices: its
    /// kernel and page size, and whether PCI devices are tried below 4 GiB.
    mutating func adopt(_ host: RunningHost?) {
        guard let host else { return }
        if !statesKernel, let text = host.kernelRelease, let kernel = host.kernelProfile {
            let before = conditions
            adopt(kernel)
            take(
                HostFact(.kernelRelease, text, place: host.kernelReleasePlace),
                changes: before.kernel.unstated != kernel.unstated || before.pageSize != conditions.pageSize)
        }
        adoptPageSize(host)
        if !statesForcedac, let choice = host.forcesDAC {
            let changes = conditions.forcesDAC != choice.value
            conditions.forcesDAC = choice.value
            take(HostFact(choice.option, for: [.dmaAPI]), changes: changes)
        }
    }

    private mutating func take(_ fact: HostFact, changes: Bool) {
        hostFacts.append(fact)
        if changes { changingFacts.append(fact) }
    }

    /// The running one, or else that of the build.
    private mutating func adoptPageSize(_ host: RunningHost) {
        guard !statesPageSize else { return }
        let choice = host.pageBytes == nil ? host.configuredPageBytes : nil
        guard let bytes = host.pageBytes ?? choice?.value,
            let size = WireWords.pageSizes.first(where: { $0.bytes == bytes })
        else { return }
        let changes = conditions.pageSize != size
        conditions.pageSize = size
        take(
            choice.map { HostFact($0.option) } ?? HostFact(.pageSize, HexLiteral.text(bytes)),
            changes: changes)
    }

    /// The same of a device: its group's default domain, or that of all groups where the host does not tell
    /// the group's; its MSIs' isolation, and its driver.
    mutating func adopt(_ device: Device, of platform: Platform, driver: SMMU.Version?) {
        adoptDomain(of: device, platform.host)
        adopt(
            isolatesMSIs: platform.isolatesMSIs(
                of: device, asksGroup: conditions.kernel.asksIsolationOfGroup),
            driver: driver)
        adoptUnsafeInterrupts(platform.host)
    }

    /// The same of a device that is prepared, member by member: a copy of the device and one of the platform
    /// take 2,300 instructions, a fiftieth of a decision.
    mutating func adopt(_ device: PreparedDevice, on entry: PlatformEntry) {
        let host = entry.platform.host
        if device.source.missingIOMMU?.isCertain == true {
            adoptDomain(of: device.source, host)
        } else {
            adopt(device.source.groupType, host)
        }
        adopt(
            isolatesMSIs: entry.platform.msiControllers.isolateMSIs(
                of: device.source.msiControllers, asksGroup: conditions.kernel.asksIsolationOfGroup),
            driver: device.conditions.driver)
        adoptUnsafeInterrupts(host)
    }

    /// Under an identity domain nothing is translated for kernel drivers.
    mutating func adopt(_ type: GroupType?, _ host: RunningHost?) {
        guard !statesDefaultDomain else { return }
        let before = conditions.defaultDomain
        if let type {
            conditions.defaultDomain = .init(type)
            take(.init(type), changes: conditions.defaultDomain != before)
        } else if let choice = host?.passesThrough {
            conditions.defaultDomain = choice.value ? .identity : .translated
            take(HostFact(choice.option, for: [.dmaAPI]), changes: conditions.defaultDomain != before)
        }
    }

    /// The default domain of a device's group, or that it has none, whatever a host chose for its groups.
    mutating func adoptDomain(of device: Device, _ host: RunningHost?) {
        guard device.lacksIOMMU else { return adopt(device.groupType, host) }
        if !statesDefaultDomain { conditions.defaultDomain = .none }
    }

    /// The default domain of a device's group; where no device is named, only what is said of all groups.
    mutating func adoptDomain(of device: Device?, on platform: Platform) {
        guard device != nil || platform.devices.allSatisfy({ $0.groupType == nil }) else { return }
        guard let device else { return adopt(nil, platform.host) }
        adoptDomain(of: device, platform.host)
    }

    private static let modules: [(consumer: Consumer, name: String)] = [
        (.vfioType1, "vfio_iommu_type1"), (.iommufd, "iommufd"),
    ]

    /// Only where the modules are asked: where MSIs are not isolated.
    private mutating func adoptUnsafeInterrupts(_ host: RunningHost?) {
        guard !statesUnsafeInterrupts, !conditions.hasIsolatedMSI, let host else { return }
        for (consumer, name) in Self.modules {
            guard let choice = host.allowsUnsafeInterrupts(name) else { continue }
            unsafeInterruptsOfHost[consumer] = choice.value
            take(
                HostFact(choice.option, for: [consumer]),
                changes: conditions.allowsUnsafeInterrupts ?? false != choice.value)
        }
    }

    /// The conditions of an answer for one consumer, whose module has a parameter of its own.
    func conditions(for consumer: Consumer) -> Conditions {
        var conditions = conditions
        if let flag = unsafeInterruptsOfHost[consumer] { conditions.allowsUnsafeInterrupts = flag }
        return conditions
    }

    /// What a device's host says otherwise than these conditions, of what no request stated and what decides
    /// answers for the consumer.
    func unused(
        _ host: RunningHost?, _ type: GroupType?, for consumer: Consumer, statesKernel: Bool
    ) -> [HostFact] {
        var other = self
        other.changingFacts = []
        other.statesKernel = statesKernel
        other.adopt(host)
        other.adopt(type, host)
        other.adoptUnsafeInterrupts(host)
        return other.changingFacts.filter { $0.concerns(consumer) }
    }

    /// With the kernel that the request says of one host by itself, in place of that of all.
    func of(_ host: PlacementRequest.Host) -> StatedConditions {
        guard let kernel = host.kernel else { return self }
        var own = self
        if let profile = kernel.profile { own.replace(profile) }
        if let size = kernel.pageSize { own.state(pageSize: size) }
        return own
    }

    /// With a host's facts taken over, as far as it has any.
    func adopting(_ host: RunningHost?) -> StatedConditions {
        var adopted = self
        adopted.adopt(host)
        return adopted
    }
}

extension HostFact {
    /// Decides for kernel drivers only.
    init(_ type: GroupType) {
        self.init(.groupType, type.rawValue, for: [.dmaAPI])
    }

    /// Facts as answers tell them, read back.
    static func list(_ node: JSONNode?, _ problems: ProblemList) -> [HostFact] {
        guard let node, var reader = ObjectReader(node, problems) else { return [] }
        defer { reader.finish() }
        let places = places(reader.optional("sources"), problems)
        return Name.allCases.compactMap { name in
            reader.optional(text: name.rawValue)?.string(bytesMax: Limits.nameBytesMax, problems)
                .map { HostFact(name, $0, place: places[name.rawValue]) }
        }
    }

    private static func places(_ node: JSONNode?, _ problems: ProblemList) -> [String: String] {
        guard let node, var reader = ObjectReader(node, problems) else { return [:] }
        defer { reader.finish() }
        return Name.allCases.reduce(into: [:]) { places, name in
            places[name.rawValue] = reader.optional(text: name.rawValue)?
                .string(bytesMax: Limits.nameBytesMax, problems)
        }
    }
}

extension RunningHost {
    /// The profile that its release selects, the newest for one without a number; nil without a release.
    var kernelProfile: KernelProfile? {
        guard let kernelRelease, !kernelRelease.isEmpty else { return nil }
        return KernelProfile(releaseString: kernelRelease) ?? KernelProfile(unnumbered: kernelRelease)
    }
}
