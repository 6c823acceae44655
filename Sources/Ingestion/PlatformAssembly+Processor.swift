// What the parts of a host's description say of its processor: on x86 nothing of this project's question
// arises, and a list of regions by itself may be read either way. An SMMU, an interrupt controller with
// doorbells or a device tree are Arm's; otherwise the log and the name of the kernel tell.

import LinuxReleases
import Machines

extension PlatformAssembly {
    /// Gives devices what is known of the processor, where answers depend on it, and says so of x86.
    mutating func tellProcessor(of platform: inout Platform, _ log: BootLog?) {
        if let processor = Self.processor(of: platform, log) {
            for place in platform.devices.indices {
                switch processor.architecture {
                case .arm where !platform.devices[place].isOfX86: continue
                case .arm, .x86: platform.devices[place] = platform.devices[place].on(processor)
                }
            }
        }
        // By place: a walk over the devices themselves copies each.
        guard let place = platform.devices.indices.first(where: { platform.devices[$0].isOfX86 }),
            let remark = platform.devices[place].x86Remark
        else { return }
        note(.warning, "x86-host", platform.devices[place].id, remark)
    }

    private static func processor(of platform: Platform, _ log: BootLog?) -> HostProcessor? {
        if platform.source == .deviceTree { return HostProcessor(.arm, by: "a device tree") }
        if let smmu = platform.smmus.first(where: { $0.version != .virtio }) {
            return HostProcessor(.arm, by: "the SMMU \(smmu.id)")
        }
        if let controller = platform.msiControllers.first {
            return HostProcessor(.arm, by: "the MSI controller \(controller.id)")
        }
        if let processor = log?.processor { return processor }
        guard let release = platform.host?.kernelRelease,
            let isX86 = KernelProfile(releaseString: release)?.isBuiltForX86
        else { return nil }
        return HostProcessor(isX86 ? .x86 : .arm, by: "its kernel is \(release)")
    }
}
