// What came of mapping doorbells, whichever way they are mapped.

import AddressSpaces

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
}
