// The text of reserved_regions of every group, and device trees that no kernel survives.

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
            let text = group.reservedRegions.map { $0 + "\n" }.joined()
            ledger.expect(
                text, regions(of: group.devices.sorted()).sysfsText, name, "group \(number)",
                "reserved_regions")
        }
    }

    /// The merged list of a group with these functions, in this order.
    func regions(of functions: [String]) -> GroupRegionList {
        let conditions = Conditions(kernel: kernel, pageSize: pageSize)
        let reported = functions.flatMap { function -> [ReservedRegion] in
            guard let device = device(function) else { return [] }
            return AdvertisedRegions.list(
                for: device, source: .fixed, conditions: conditions,
                withheld: Withheld(for: device, under: conditions))
        }
        return GroupRegionList(inserting: reported)
    }
}
