// Where the doorbell pages of one window are kept: a cookie of the domain, or the iommufd context. Maps
// doorbells in either and collects what came of it; the rules are those of `MSICookie` and `DoorbellContext`.

package import AddressSpaces
import LinuxReleases

/// The map that doorbells go through.
package enum DoorbellMap: Sendable {
    case cookie(MSICookie)
    case context(DoorbellContext, IOVARange, Conditions)

    /// One doorbell that was mapped, with one sentence for a person.
    package typealias Mapped = (doorbell: Decision.Doorbell, because: String)

    /// Maps doorbells in order.
    mutating func map<R: Recorder>(_ doorbells: [PhysicalAddress], _ recorder: inout R) -> Results {
        var results = Results()
        switch self {
        case .cookie(var cookie):
            for doorbell in doorbells { cookie.map(doorbell, &results, &recorder) }
            self = .cookie(cookie)
        case .context(var context, let window, let conditions):
            for doorbell in doorbells { context.map(doorbell, in: window, conditions, &results, &recorder) }
            self = .context(context, window, conditions)
        }
        return results
    }

    /// Maps one doorbell, or finds it.
    package mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, _ recorder: inout R
    ) throws(Refusal) -> Mapped {
        let window =
            switch self {
            case .cookie(let cookie): cookie.window
            case .context(_, let window, _): window
            }
        return try map([doorbell], &recorder).only(in: window)
    }

    /// Whether the IOMMU translates a page, which mapping it asks for.
    static func isTranslated<R: Recorder>(
        _ page: UInt64, _ conditions: Conditions, _ recorder: inout R
    ) -> Bool {
        let range = IOVARange(proven: page, conditions.pageSize.lastOfPage(page))
        if conditions.aperture.contains(range) { return true }
        recorder.record(
            .beyondAperture, .rejected,
            "\(HexLiteral.text(page)) is beyond the aperture \(conditions.aperture.text).")
        return false
    }

    /// For a doorbell whose page is mapped already.
    static func sharing(_ doorbell: PhysicalAddress, page: UInt64) -> String {
        "\(doorbell.hex) shares the page at \(HexLiteral.text(page))."
    }

    /// What came of mapping doorbells, whichever way they are mapped.
    struct Results {
        var doorbells: [Decision.Doorbell] = []
        var warnings: [Warning] = []
        /// What setting up interrupts fails with; the doorbells are those before the failure.
        var errno: Errno?

        /// Each code once: the first occurrence names the place.
        mutating func warn(_ code: Warning.Code, _ detail: String) {
            guard !warnings.contains(where: { $0.code == code }) else { return }
            warnings.append(Warning(code: code, detail: detail, range: nil))
        }

        mutating func add(_ doorbell: PhysicalAddress, page: UInt64, offset: UInt64) {
            doorbells.append(
                .init(physical: doorbell, iova: IOVA(page | offset), page: IOVA(page)))
        }

        /// Notes a page that does not end in the window: Linux checks no end.
        mutating func check<R: Recorder>(
            _ page: UInt64, in window: IOVARange, _ size: Granule, _ recorder: inout R
        ) {
            guard size.lastOfPage(page) > window.last.value else { return }
            recorder.record(
                .pastWindowEnd, .noted, "\(HexLiteral.text(page)) lies beyond the window \(window.text).")
            warn(
                .doorbellsPastWindow,
                "The doorbell page at \(HexLiteral.text(page)) lies beyond the window's end \(window.last.hex), where "
                    + "nothing is reserved for it.")
        }

        /// The one doorbell that was to be mapped.
        func only(in window: IOVARange) throws(Refusal) -> Mapped {
            guard let made = doorbells.last else {
                throw Refusal(
                    errno: errno ?? .noSpace,
                    because: warnings.first?.detail ?? "The doorbell's page cannot be mapped.")
            }
            return (made, warnings.first?.detail ?? "The page lies in the window \(window.text).")
        }
    }
}
