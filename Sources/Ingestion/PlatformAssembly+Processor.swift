// What the parts of a host's description say of its processor: on x86 nothing of this project's question
// arises, and a list of regions by itself may be read either way. An SMMU, an interrupt controller with
// doorbells or a device tree are Arm's; otherwise the log and the name of the kernel tell.

import LinuxReleases
import Machines

extension PlatformAssembly {
    /// Gives devices what is known of the processor, where answers depend on it, and says so of x86.
    mutating func tellProcessor(of platform: inout Platform, _ log: BootLog?) {
        let evidence = Self.evidence(of: platform, log)
        noteContradiction(evidence)
        var ofX86 = Self.placesOfX86(in: platform.devices)
        if let processor = evidence.first {
            let told = processor.architecture == .arm ? ofX86 : Array(platform.devices.indices)
            for place in told { platform.devices[place] = platform.devices[place].on(processor) }
            if !told.isEmpty { ofX86 = Self.placesOfX86(in: platform.devices) }
            noteContradiction(processor, platform)
        }
        guard let place = ofX86.first, let remark = platform.devices[place].x86Remark else { return }
        note(.warning, "x86-host", platform.devices[place].id, remark)
    }

    private static func placesOfX86(in devices: [Device]) -> [Int] {
        // By place, and what needs no call first: a walk over the devices copies each, and so does a call.
        devices.indices.filter { devices[$0].streams.isEmpty && devices[$0].isOfX86 }
    }

    /// Notes the first list that no host with this processor has.
    private mutating func noteContradiction(_ processor: HostProcessor, _ platform: Platform) {
        guard processor.architecture == .x86 else { return }
        for device in platform.devices {
            guard let words = device.x86Contradiction(processor) else { continue }
            return note(.warning, "processor-contradicts", device.id, words)
        }
    }

    /// What says which processor it is, the surest first.
    private static func evidence(of platform: Platform, _ log: BootLog?) -> [HostProcessor] {
        var found: [HostProcessor] = []
        if platform.source == .deviceTree { found.append(HostProcessor(.arm, by: "a device tree")) }
        if let smmu = platform.smmus.first(where: { $0.version != .virtio }) {
            found.append(HostProcessor(.arm, by: "the SMMU \(smmu.id)"))
        }
        if let controller = platform.msiControllers.first {
            found.append(HostProcessor(.arm, by: "the MSI controller \(controller.id)"))
        }
        found += log?.processors ?? []
        if let smmu = log?.smmus.first {
            found.append(HostProcessor(.arm, by: "the SMMU \(smmu.name) in the log"))
        }
        if let release = platform.host?.kernelRelease,
            let isX86 = KernelProfile(releaseString: release)?.isBuiltForX86
        {
            found.append(HostProcessor(isX86 ? .x86 : .arm, by: "its kernel is \(release)"))
        }
        return found
    }

    /// Says that parts of a description are of two machines.
    private mutating func noteContradiction(_ evidence: [HostProcessor]) {
        guard let counted = evidence.first,
            let other = evidence.first(where: { $0.architecture != counted.architecture })
        else { return }
        note(
            .warning, "processor-contradicts", "host",
            "This is \(counted.architecture.phrase) host (\(counted.evidence)), and \(other.architecture.phrase) host "
                + "(\(other.evidence)): the parts are of two machines, or one is wrong. The former counts.")
    }
}

extension Architecture {
    /// For a sentence.
    fileprivate var phrase: String {
        switch self {
        case .arm: "an Arm"
        case .x86: "an x86"
        }
    }
}
