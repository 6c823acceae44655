// Findings of one reading, bounded in number.

import Platforms

/// Collects findings; those beyond the limit are counted.
struct FindingList {
    static let findingsMax = DeviceTreeLimits.findingsMax

    private var kept: [Finding] = []
    private var dropped = 0

    mutating func note(_ severity: Finding.Severity, _ code: String, _ location: String, _ detail: String) {
        guard kept.count < Self.findingsMax else {
            dropped += 1
            return
        }
        kept.append(Finding(severity: severity, code: code, location: location, detail: detail))
    }

    /// All that were kept, and a word about the rest.
    var findings: [Finding] {
        guard dropped > 0 else { return kept }
        return kept + [
            Finding(
                severity: .warning, code: "more-findings", location: "/",
                detail: "\(dropped) more findings are not listed.")
        ]
    }
}
