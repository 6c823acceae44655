// Where the doorbell pages of one window are kept, and what mapping some of them has come to.

package import AddressSpaces
import LinuxReleases

/// The map that doorbells go through: a cookie of the domain, or the iommufd context's own.
package enum DoorbellMap: Sendable {
    case cookie(MSICookie)
    case context(SoftwareMSIMap, IOVARange)

    /// One doorbell that was mapped.
    package struct Mapped: Hashable, Sendable {
        package let iova: IOVA
        package let page: IOVA
        /// One sentence for a person.
        package let because: String
    }

    /// Maps doorbells in order.
    mutating func map<R: Recorder>(_ doorbells: [PhysicalAddress], _ recorder: inout R) -> MappedDoorbells {
        var mapped = MappedDoorbells()
        switch self {
        case .cookie(var cookie):
            for doorbell in doorbells { cookie.map(doorbell, &mapped, &recorder) }
            self = .cookie(cookie)
        case .context(var map, let window):
            for doorbell in doorbells { map.map(doorbell, in: window, &mapped, &recorder) }
            self = .context(map, window)
        }
        return mapped
    }

    /// Maps one doorbell, or finds it.
    package mutating func map<R: Recorder>(
        _ doorbell: PhysicalAddress, _ recorder: inout R
    ) throws(Refusal) -> Mapped {
        let window =
            switch self {
            case .cookie(let cookie): cookie.window
            case .context(_, let window): window
            }
        return try map([doorbell], &recorder).only(in: window)
    }
}

/// What came of mapping doorbells, whichever way they are mapped.
struct MappedDoorbells {
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

    /// The one doorbell that was to be mapped.
    func only(in window: IOVARange) throws(Refusal) -> DoorbellMap.Mapped {
        guard let made = doorbells.last else {
            throw Refusal(
                errno: errno ?? .noSpace,
                because: warnings.first?.detail ?? "The doorbell's page cannot be mapped.")
        }
        return DoorbellMap.Mapped(
            iova: made.iova, page: made.page,
            because: warnings.first?.detail ?? "The page lies in the window \(window.text).")
    }
}
