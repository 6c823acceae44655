// Where a doorbell is likely though no window is known there. The DMA layer gives addresses out from the top
// of a device's mask down, doorbell pages among buffers (drivers/iommu/dma-iommu.c: iommu_dma_alloc_iova);
// and the MSI cookie of VFIO goes on beyond its window's end (iommu_dma_get_msi_page, Linux 7.2).

import AddressSpaces
import Machines

/// A plausible place of a doorbell.
enum DoorbellPlace {
    /// A little below the top of so many bits, where the DMA layer takes pages from.
    case nearTop(bits: Int)
    case underDMALimit(UInt64)
    /// Little above a window: doorbell pages are not limited to its length.
    case aboveWindow(IOVARange, isKnown: Bool)

    /// Bits of the DMA masks that drivers set, and of what SMMUs translate.
    private static let masks = [32, 34, 36, 39, 40, 42, 44, 47, 48, 52]
    /// The DMA layer fills addresses from the top down, doorbell pages among buffers.
    private static let nearBytes: UInt64 = 64 << 20

    private static func isBelow(_ end: UInt64, _ iova: UInt64) -> Bool {
        iova <= end && end - iova < nearBytes
    }

    private static func mask(above iova: UInt64) -> Int? {
        masks.first { isBelow(IOVARange.ofBits($0).last.value, iova) }
    }

    /// Whether an address lies just below the end of some DMA mask, also one that few drivers set. Below 32
    /// bits the memory of guests ends at such places as well.
    static func isNearTop(_ iova: UInt64) -> Bool {
        (32...52).contains { isBelow(IOVARange.ofBits($0).last.value, iova) }
    }

    init?(_ iova: UInt64, _ scene: FaultScene) {
        let windows = scene.windows + scene.possibleWindows
        let size = WindowSource.mainlineSize
        if let window = windows.first(where: { iova > $0.last.value && iova - $0.last.value <= size }) {
            self = .aboveWindow(window, isKnown: scene.windows.contains(window))
            return
        }
        // The DMA layer gives nothing out that is withheld, unless Linux does not know of it.
        let address = IOVARange(proven: iova, iova)
        guard
            !scene.withheld.contains(where: { withheld in
                withheld.items(overlapping: address).contains { !$0.isIgnoredByLinux }
            })
        else { return nil }
        if let device = scene.devices.first(where: { $0.dmaLimit != .max && Self.isBelow($0.dmaLimit, iova) })
        {
            self = .underDMALimit(device.dmaLimit)
        } else if let bits = Self.mask(above: iova) {
            self = .nearTop(bits: bits)
        } else {
            return nil
        }
    }

    /// What speaks against a doorbell all the same. Begins with a blank.
    var doubt: String {
        switch self {
        case .nearTop, .underDMALimit: " It may be a buffer: the DMA layer places both there."
        case .aboveWindow: ""
        }
    }

    /// For a sentence: "near the top of 32 bits, ...".
    var phrase: String {
        switch self {
        case .nearTop(let bits):
            "just below the end of \(bits)-bit addresses, where the kernel's DMA layer places doorbells"
        case .underDMALimit(let limit):
            "just below the DMA limit \(HexLiteral.text(limit)), where the kernel's DMA layer places "
                + "doorbells"
        case .aboveWindow(let window, let isKnown):
            "just above \(isKnown ? "the" : "a possible") MSI window \(window.text), which many doorbells outgrow"
        }
    }
}
