// The regions that a device brings into a domain of user space, in order: those that the IOMMU driver
// applies, and those that firmware states and this kernel does not apply, with the reason. DMA does not get
// there either way. Domains count, list and export this one list.

public import AddressSpaces
public import Machines

/// A region with what comes of it.
package struct WithheldRegion: Hashable, Sendable {
    package let region: ReservedRegion
    package let range: IOVARange
    /// nil where the IOMMU driver reports it.
    package let notApplied: ReservedRegion.NotApplied?
    private let unapplied: UnappliedRegion?

    /// nil where it has no bytes or wraps, so that it withholds nothing.
    fileprivate init?(
        _ region: ReservedRegion, _ notApplied: ReservedRegion.NotApplied?,
        _ unapplied: UnappliedRegion? = nil
    ) {
        guard let range = region.range else { return nil }
        self.region = region
        self.range = range
        self.notApplied = notApplied
        self.unapplied = unapplied
    }

    /// Where it comes from, and why it is not applied where it is not.
    package func provenanceText(under conditions: Conditions) -> String {
        unapplied?.provenanceText(of: region) ?? region.provenanceText(under: conditions)
    }
}

extension Device {
    /// What somebody withholds from the device, firmware's regions before those without effect.
    package func withheldRegions(under conditions: Conditions) -> [WithheldRegion] {
        firmwareRegions.compactMap { region in
            region.isWithheld(under: conditions)
                ? WithheldRegion(region, region.notApplied(under: conditions)) : nil
        }
            + unappliedRegions.compactMap { unapplied in
                unapplied.region.flatMap { WithheldRegion($0, .unapplied(unapplied.reason), unapplied) }
            }
    }
}
