// What the readers of firmware share: the findings of one reading, bounded in number, and where an interrupt
// controller takes MSIs.

import Machines

/// Bounds of one platform, whatever it is read from; the service lists them among its limits.
public enum PlatformLimits {
    public static let devicesMax = 4_096
    /// Regions of all devices together.
    public static let regionsMax = 65_536
    public static let findingsMax = 256

    static func tooManyDevices(_ limit: Int) -> String { "more than \(limit) devices behind SMMUs" }
    static func tooManyRegions(_ limit: Int) -> String { "more than \(limit) windows and reserved regions" }
}

/// Collects findings; those beyond the limits are counted. One fault that a table repeats a thousand times
/// does not hide the others.
struct FindingList {
    static let findingsMax = PlatformLimits.findingsMax
    static let perCodeMax = 32

    private var kept: [Finding] = []
    private var countsByCode: [String: Int] = [:]
    private var dropped = 0

    mutating func note(
        _ severity: Finding.Severity, _ code: String, _ location: String,
        _ detail: @autoclosure () -> String
    ) {
        countsByCode[code, default: 0] += 1
        guard kept.count < Self.findingsMax, countsByCode[code, default: 0] <= Self.perCodeMax else {
            dropped += 1
            return
        }
        kept.append(Finding(severity: severity, code: code, location: location, detail: detail()))
    }

    /// A device that two groups name, or one group twice.
    ///
    /// - Parameter first: the group that named it before.
    mutating func noteSecondGroup(of device: String, _ location: String, first: String?) {
        guard first != location else {
            return note(
                .warning, "device-named-twice", location,
                "The group names \(device) more than once; a device is in its group once.")
        }
        note(
            .warning, "device-in-two-groups", location,
            "\(device) is in an earlier group too; a device has one group, and the first one counts.")
    }

    mutating func note(_ finding: Finding) {
        note(finding.severity, finding.code, finding.location, finding.detail)
    }

    /// All that were kept, and a finding about the rest.
    var findings: [Finding] { kept + Self.rest(dropped) }

    /// The finding about those that were dropped; nothing for none.
    static func rest(_ dropped: Int) -> [Finding] {
        dropped == 0
            ? []
            : [
                Finding(
                    severity: .warning, code: "more-findings", location: "/",
                    detail: "\(dropped) more findings are not listed.")
            ]
    }
}

/// Where in its frame an interrupt controller takes MSIs.
enum Doorbell {
    /// GITS_TRANSLATER, from the base of an ITS.
    static let translaterOffset: UInt64 = 0x1_0040
    /// The page of GITS_TRANSLATER, from the base of an ITS.
    static let translationFrameOffset: UInt64 = 0x1_0000
    static let translationFrameBytes: UInt64 = 0x1_0000
    /// MSI_SETSPI_NS in a GICv2m frame, and GICD_SETSPI_NSR in a distributor.
    static let setSPIOffset: UInt64 = 0x40
}
