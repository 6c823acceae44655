// What to do about a window that a device does not reach: the one home of these sentences, and of the search
// for another base. Decisions, faults and failed maps say them.

import AddressSpaces
import Machines

enum WindowRemedy {
    /// Where user space asks for a place that fits.
    static let askForPlacement =
        "Where the kernel lets user space move the window, iovad place says where it fits (over HTTP: POST /v1/placements)."

    /// Bases in `free` that would do, nearest to mainline's first.
    static func bases(in free: IOVASet, avoiding window: IOVARange?) -> [IOVA] {
        let isCut = window.map { !free.ranges(overlapping: $0).isEmpty } ?? false
        let free = isCut ? free.subtracting(IOVASet([window!])) : free
        let size = WindowSource.mainlineSize
        let alignment = Granule.mib1
        let nearest = free.nearestFit(to: DriverWindow.mainline.start, size: size, alignment: alignment)?
            .start
        let highest = free.highestFit(size: size, alignment: alignment, within: .below4GiB)?.start
        return [nearest, highest == nearest ? nil : highest].compactMap { $0 }
    }

    /// Who moves a window, and where to.
    ///
    /// - Parameters:
    ///   - bases: those that would do, of which two are named; empty where nothing is known of the devices.
    ///   - whom: the devices that the bases are for.
    ///   - isCertain: no MSI arrives in the window, which is more than that some may not.
    static func move(to bases: [IOVA], for whom: String, isCertain: Bool) -> String {
        let elsewhere: Phrase =
            switch bases.count {
            case 0: ""
            case 1: " (for \(whom): \(hex: bases[0].value))"
            default: " (for \(whom): \(hex: bases[0].value) or \(hex: bases[1].value))"
            }
        // The posted series' second base is an example where nothing is known of the devices.
        let example: Phrase = bases.isEmpty ? " such as \(hex: WindowSource.postedSecondBase)" : ""
        let move: Phrase = """
            Move the MSI window to where this device's writes reach the SMMU\(elsewhere). No released kernel \
            can: patch the SMMU driver to use another base\(example), or apply the iommufd option for \
            software MSIs, which was not merged. Otherwise the device's MSIs \(isCertain ? "do" : "may") \
            not arrive through VFIO and iommufd.
            """
        return move.text
    }

    /// What to change, where user space gets a window that a device does not reach for certain.
    ///
    /// - Parameters:
    ///   - free: where a window for every device of the group could be.
    ///   - isAlone: the group has one device.
    static func change(
        of window: IOVARange, in free: IOVASet, isAlone: Bool, isCertain: Bool
    ) -> String {
        let bases = bases(in: free, avoiding: window)
        let whom = isAlone ? "this device" : "every device of the group"
        return bases.isEmpty
            ? "Keep the device with the host's own driver: \(whom) reaches no \(HexLiteral.text(WindowSource.mainlineSize)) "
                + "aligned bytes that are free, so no window of that size works."
            : move(to: bases, for: whom, isCertain: isCertain)
    }
}
