// What may have refused an address with EINVAL on a host of which nothing is known: places where hosts
// reserve, and widths of apertures. Likely ones first; a candidate is never a fact.

import AddressSpaces
import Machines

enum MapCandidates {
    /// Places where some hosts reserve, with the architecture that they are of.
    private static let places: [(architecture: Architecture?, range: IOVARange, words: String)] = [
        (.arm, DriverWindow.mainline, "is the window for MSIs that Linux reserves on Arm SMMU hosts"),
        (.x86, DriverWindow.x86, "is where x86 takes MSIs"),
        (
            .x86, IOVARange(proven: 0xfd_0000_0000, 0xff_ffff_ffff),
            "is the HyperTransport range below 1 TiB, which hosts with AMD processors reserve"
        ),
        (
            nil, IOVARange(proven: 0x8000_0000, 0xffff_ffff),
            "holds a reserved region: some hosts have hardware MSI regions there (such as 0xc6010000 on HiSilicon D05), or "
                + "regions that firmware reserves; kernels up to 4.16 also reserve PCI windows near 0xfe000000"
        ),
    ]

    /// Widths of apertures that hosts have: small SMMUs and VT-d, stage 2 of many Arm hosts, Arm and x86.
    private static let widths = [39, 40, 48]
    private static let pages: [Granule] = [.kib16, .kib64]

    static func of(_ failure: MapFailure, _ conditions: Conditions) -> [MapExplanation.Candidate] {
        guard let range = failure.range else { return [] }
        // Addresses this high are of BARs, which firmware puts at the top of what the guest believes to have.
        let isHigh = range.start > IOVARange.ofBits(widths[0]).last
        let high = apertures(range, conditions)
        let low = places.filter { place in
            place.range.overlaps(range)
                && (failure.architecture == nil || place.architecture == nil
                    || place.architecture == failure.architecture)
        }.map { place in
            MapExplanation.Candidate(
                verdict: place.range == DriverWindow.mainline ? .softwareWindow : .reservedRegion,
                range: place.range, because: "\(place.range.text) \(place.words).")
        }
        return (isHigh ? high + low : low + high) + alignments(failure, conditions)
    }

    private static func apertures(
        _ range: IOVARange, _ conditions: Conditions
    ) -> [MapExplanation.Candidate] {
        let exceeded = widths.map { ($0, IOVARange.ofBits($0)) }.filter { !$0.1.contains(range) }
        guard let (most, aperture) = exceeded.last else { return [] }
        let bits = exceeded.map { "\($0.0)" }.joined(separator: " or ")
        return [
            MapExplanation.Candidate(
                verdict: .outsideAperture, range: IOVARange(proven: aperture.last.value + 1, .max),
                because:
                    "\(range.last.hex) needs more than \(most) bits, and an IOMMU that translates \(bits) bits "
                    + "refuses it.")
        ]
    }

    /// Hosts whose pages are larger than 4 KiB.
    private static func alignments(
        _ failure: MapFailure, _ conditions: Conditions
    ) -> [MapExplanation.Candidate] {
        let numbers = [failure.iova, failure.size, failure.userAddress].compactMap { $0 }
        guard let page = pages.first(where: { page in numbers.contains { !page.isAligned($0) } }) else {
            return []
        }
        return [
            MapExplanation.Candidate(
                verdict: .alignment, range: nil,
                because:
                    "On a host with pages of \(HexLiteral.text(page.bytes)) the numbers are not aligned to pages."
            )
        ]
    }
}
