// A list of PCI functions beside a description: their groups, as a boot log tells them, the MSI address that
// is programmed now, and BARs that must lie in a window of their bridge. What does not fit is a finding.

import AddressSpaces
import Machines

extension PCIListing {
    /// The log with the groups that the list adds.
    func joined(to log: BootLog?, _ findings: inout FindingList) -> BootLog {
        var log = log ?? BootLog()
        var known = Dictionary(
            log.members.map { ($0.device, $0.group) }, uniquingKeysWith: { _, last in last })
        for function in functions {
            guard let group = function.group else { continue }
            guard let before = known[function.address] else {
                known[function.address] = group
                log.members.append(.init(device: function.address, group: group))
                continue
            }
            if before != group {
                findings.note(
                    .warning, "listing-groups-differ", Self.place,
                    "lspci has \(function.address) in group \(group), and the log in \(before): they are of different "
                        + "boots; the log's counts.")
            }
        }
        return log
    }

    /// What the list says of devices of the platform.
    func check(_ platform: Platform, _ findings: inout FindingList) {
        if hidden > 0 {
            findings.note(
                .info, "listing-hidden", Self.place,
                "The capabilities of \(hidden) functions are hidden: lspci -vv shows MSI addresses to root only."
            )
        }
        let devices = Dictionary(
            platform.devices.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for function in functions {
            let device = devices[function.address] ?? platform.pciFunction(function.address)
            if let address = function.msiAddress { note(address, of: function, device, platform, &findings) }
            guard let device, !device.pciWindows.isEmpty else { continue }
            let windows = IOVASet(
                device.pciWindows.filter { $0.kind == .memory }.compactMap {
                    IOVARange(start: IOVA($0.cpuStart), size: $0.size)
                })
            for region in function.regions where !windows.contains(region) {
                findings.note(
                    .warning, "bar-outside-windows", Self.place,
                    "A BAR of \(function.address) at \(region.text) is in no window of its host bridge that is known here: "
                        + "windows are missing, or the list is of another machine.")
            }
        }
    }

    static let place = "lspci"

    private func note(
        _ address: UInt64, of function: Function, _ device: Device?, _ platform: Platform,
        _ findings: inout FindingList
    ) {
        let text = HexLiteral.text(address)
        let driver = function.driver.map { " (driver \($0))" } ?? ""
        let who = "\(function.address)\(driver) writes MSIs to \(text)"
        let window = device?.pciWindows.first {
            $0.kind == .memory && address >= $0.busStart && address - $0.busStart < $0.size
        }
        if let window {
            findings.note(
                .warning, "msi-in-pci-window", Self.place,
                "\(who), in the PCI window at \(HexLiteral.text(window.busStart)) of its own host bridge.")
        } else if platform.msiControllers.contains(where: { $0.doorbell?.value == address }) {
            findings.note(
                .info, "msi-at-doorbell", Self.place,
                "\(who), the doorbell's own address: nothing translates it.")
        } else if DriverWindow.mainline.contains(IOVA(address)) {
            findings.note(.info, "msi-in-default-window", Self.place, "\(who), in Linux's default window.")
        } else if DriverWindow.known.contains(where: { $0.contains(IOVA(address)) }) {
            findings.note(
                .info, "msi-in-second-window", Self.place,
                "\(who), in the second window of the posted series.")
        } else {
            findings.note(
                .info, "msi-elsewhere", Self.place,
                "\(who), in neither window of Linux's: a page of the DMA layer, or a window that was moved.")
        }
    }
}
