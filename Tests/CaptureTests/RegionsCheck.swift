// The text of reserved_regions of every group, and device trees that no kernel survives.

import AddressSpaces
import MSIWindows
import Platforms
import SMMUModel

extension Capture {
    /// A tree whose iommu-addresses do not translate crashes Linux at boot; every other one does not.
    func checkCrash(_ ledger: inout Ledger) {
        let findings = platform.findings.filter { $0.code == "iommu-addresses-untranslatable" }
        ledger.expect(
            crashed, findings.contains { $0.detail.contains("crashes") }, name, "platform", "crash at boot")
    }

    func checkReservedRegions(_ ledger: inout Ledger) {
        for (number, group) in (truth.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            let devices = group.devices.sorted().compactMap { device($0) }
            let place = "group \(number)"
            ledger.expect(group.devices.count, devices.count, name, place, "devices behind an IOMMU")
            guard !devices.isEmpty else { continue }
            let regions = AdvertisedRegions.group(IOMMUGroup(devices), source: .fixed, conditions: conditions)
            ledger.expect(
                group.reservedRegions.map { $0 + "\n" }.joined(),
                regions.sysfsText(pageBytes: Int(conditions.pageSize.bytes)), name, place, "reserved_regions")
        }
    }
}
