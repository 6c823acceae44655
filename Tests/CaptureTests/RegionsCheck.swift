// The text of reserved_regions of every group, and device trees that no kernel survives.

import AddressSpaces
import IOVAAllocation
import LinuxReleases
import Machines
import MSIWindows

extension Capture {
    /// iommu-addresses that do not translate crash Linux at boot, where the function that they are for is
    /// there and the release reads them. Of a boot that ended early nobody knows the functions: any will do.
    func checkCrash(_ ledger: inout Ledger) {
        let devices = crashed ? platform.devices : (truth.devices ?? [:]).keys.compactMap { device($0) }
        let crashing = devices.contains { device in
            device.active && device.unappliedRegions.contains { $0.reason == .crashesKernel }
        }
        let isFound = platform.findings.contains { $0.code == "iommu-addresses-untranslatable" }
        let survives = !crashed && conditions.kernel == .v6_1
        ledger.expect(crashed, crashing && isFound && !survives, name, "platform", "crash at boot")
    }

    func checkReservedRegions(_ ledger: inout Ledger) {
        for (number, group) in (truth.groups ?? [:]).sorted(by: { $0.key < $1.key }) {
            let devices = group.devices.sorted().compactMap { device($0) }
            let place = "group \(number)"
            ledger.expect(group.devices.count, devices.count, name, place, "devices behind an IOMMU")
            guard !devices.isEmpty else { continue }
            let regions = PreparedGroup(IOMMUGroup(devices), under: conditions).advertised(.fixed)
            ledger.expect(
                group.reservedRegions.map { $0 + "\n" }.joined(),
                regions.sysfsText(pageBytes: Int(conditions.pageSize.bytes)), name, place, "reserved_regions")
        }
    }
}
