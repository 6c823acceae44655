// Physical memory or devices at the number of a constant. Linux does not care: an IOVA is no physical
// address. A program that uses physical addresses as IOVAs, or a VMM that keeps the two equal, does.

import AddressSpaces
import Machines

/// What lies at one constant's number on the machines of a survey.
public struct SoftHazard: Sendable {
    public let base: UInt64
    /// Platforms with RAM there.
    public private(set) var ram: [String] = []
    /// Platforms with a device there: PCI windows, SMMUs, doorbells.
    public private(set) var mmio: [String] = []

    init(base: UInt64) { self.base = base }

    mutating func look(at platform: Platform, named name: String, size: UInt64) {
        guard let window = PhysicalRange(start: PhysicalAddress(base), size: size) else { return }
        if platform.memory.contains(where: { $0.overlaps(window) }) { ram.append(name) }
        let isMMIO =
            platform.smmus.contains { $0.registers.contains { $0.overlaps(window) } }
            || platform.msiControllers.contains { $0.doorbell.map { window.contains($0) } == true }
            || platform.devices.contains { device in
                device.pciWindows.contains { pci in
                    PhysicalRange(start: PhysicalAddress(pci.cpuStart), size: pci.size)?.overlaps(window)
                        == true
                }
            }
        if isMMIO { mmio.append(name) }
    }
}
