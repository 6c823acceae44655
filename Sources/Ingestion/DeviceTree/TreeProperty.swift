// The properties of a device tree that this model reads. The reader skips all others: in a real tree they are
// nine of ten.

import AddressSpaces

/// One such property.
enum TreeProperty: UInt8, CaseIterable {
    case addressCells, sizeCells, interconnectCells, iommuCells, msiCells
    case phandle, linuxPhandle
    case compatible, model, deviceType, status
    case reg, ranges, dmaRanges, dmaCoherent, dmaNoncoherent, busRange, pciDomain
    case interconnects, interconnectNames
    case iommus, iommuMap, iommuMapMask, mmuMasters
    case msiController, msiMap, msiMapMask, msiParent, mbiRanges, mbiAlias, synquacerPreITS
    case memoryRegion, iommuAddresses
    case bootargs

    /// As the tree writes it.
    var name: String {
        switch self {
        case .addressCells: "#address-cells"
        case .sizeCells: "#size-cells"
        case .interconnectCells: "#interconnect-cells"
        case .iommuCells: "#iommu-cells"
        case .msiCells: "#msi-cells"
        case .phandle: "phandle"
        case .linuxPhandle: "linux,phandle"
        case .compatible: "compatible"
        case .model: "model"
        case .deviceType: "device_type"
        case .status: "status"
        case .reg: "reg"
        case .ranges: "ranges"
        case .dmaRanges: "dma-ranges"
        case .dmaCoherent: "dma-coherent"
        case .dmaNoncoherent: "dma-noncoherent"
        case .busRange: "bus-range"
        case .pciDomain: "linux,pci-domain"
        case .interconnects: "interconnects"
        case .interconnectNames: "interconnect-names"
        case .iommus: "iommus"
        case .iommuMap: "iommu-map"
        case .iommuMapMask: "iommu-map-mask"
        case .mmuMasters: "mmu-masters"
        case .msiController: "msi-controller"
        case .msiMap: "msi-map"
        case .msiMapMask: "msi-map-mask"
        case .msiParent: "msi-parent"
        case .mbiRanges: "mbi-ranges"
        case .mbiAlias: "mbi-alias"
        case .synquacerPreITS: "socionext,synquacer-pre-its"
        case .memoryRegion: "memory-region"
        case .iommuAddresses: "iommu-addresses"
        case .bootargs: "bootargs"
        }
    }

    /// By the bytes of the name.
    static let byName = Dictionary(
        uniqueKeysWithValues: allCases.map { (ArraySlice($0.name.utf8), $0) })

    /// Its bit in the set of a node's properties.
    var bit: UInt64 { 1 &<< UInt64(rawValue) }
}
