// What a collected host says of kernel, boot and groups, for requests that do not say it themselves: every
// entrance that names a stored platform takes its facts over here, and tells them in its answer.

import AddressSpaces
import JSON
import LinuxReleases
import MSIWindows
import Machines

extension JSONWriter {
    /// `"host_facts"`: those that decide answers for `consumer`; nothing when there are none.
    mutating func hostFacts(_ facts: [HostFact], of consumer: Consumer? = nil) {
        let used = facts.filter { $0.concerns(consumer) }
        guard !used.isEmpty else { return }
        object("host_facts") { writer in
            for fact in used { writer.member(fact.name.rawValue, fact.value) }
        }
    }

    /// The facts of a host that a view rests on, then the kernel and version.
    mutating func model(of stated: StatedConditions, engine: String) {
        hostFacts(stated.hostFacts)
        model(stated.conditions.kernel, engine: engine)
    }
}

extension StatedConditions {
    /// Takes over what the running host said and the request did not state: its kernel and page size.
    mutating func adopt(_ host: RunningHost?) {
        guard let host else { return }
        if !statesKernel, let text = host.kernelRelease, let kernel = host.kernelProfile {
            adopt(kernel)
            hostFacts.append(HostFact(.kernelRelease, text))
        }
        if !statesPageSize, let bytes = host.pageBytes,
            let size = WireWords.pageSizes.first(where: { $0.bytes == bytes })
        {
            conditions.pageSize = size
            hostFacts.append(HostFact(.pageSize, HexLiteral.text(bytes)))
        }
    }

    /// The same of the device's group: under an identity domain nothing is translated for kernel drivers.
    mutating func adopt(_ type: GroupType?) {
        guard !statesDefaultDomain, let type else { return }
        conditions.defaultDomain = .init(type)
        hostFacts.append(.init(type))
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
        self.init(.groupType, type.rawValue, for: Name.groupType.consumers)
    }
}

extension HostFact.Name {
    /// Whose answers a fact of this name decides; nil for everybody's.
    var consumers: Set<Consumer>? {
        switch self {
        case .kernelRelease, .pageSize: nil
        case .groupType: [.dmaAPI]
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

extension KernelProfile {
    /// The kernel that the `model` of an answer about several names.
    static func latest(of kernels: [KernelProfile]) -> KernelProfile? {
        kernels.max { $0.release < $1.release }
    }
}
