// What a survey keeps of its rows: how each policy fares, who is in conflict, and which devices have equal
// places for a window, for most devices of the world are alike.

import AddressSpaces
import MSIWindows

struct SurveyCount: Sendable {
    /// Devices with equal places for a window.
    struct Class: Sendable {
        var places: Candidates
        var devices = 0
        /// Platforms of the class, each once.
        var platforms: [String] = []
    }

    private(set) var tallies: [Survey.PolicyTally]
    private(set) var conflicts: [Survey.Conflict] = []
    /// Conflicts beyond the first `Survey.conflictsMax`.
    private(set) var conflictsDropped = 0
    private(set) var classes: [Class] = []
    private var classIndex: [[IOVARange]: Int] = [:]

    init(_ policies: [SurveyPolicy]) {
        tallies = policies.map { Survey.PolicyTally(policy: $0) }
    }

    mutating func add(_ row: SurveyRow) {
        for (index, cell) in row.cells.enumerated() { count(cell, of: row, policy: index) }
        let place = classIndex[row.places.ranges] ?? classes.count
        if place == classes.count {
            classIndex[row.places.ranges] = place
            classes.append(Class(places: row.places))
        }
        classes[place].devices += 1
        if classes[place].platforms.last != row.platform { classes[place].platforms.append(row.platform) }
    }

    private mutating func count(_ cell: SurveyRow.Cell, of row: SurveyRow, policy index: Int) {
        let needsNone = cell.base == nil && cell.fits
        if cell.base != WindowSource.mainlineBase, !needsNone { tallies[index].moved += 1 }
        guard !cell.fits else {
            tallies[index].fits += 1
            return
        }
        tallies[index].conflicts += 1
        if cell.reachability == .conditional { tallies[index].conditional += 1 }
        if tallies[index].platforms.last != row.platform { tallies[index].platforms.append(row.platform) }
        guard conflicts.count < Survey.conflictsMax else {
            conflictsDropped += 1
            return
        }
        conflicts.append(
            Survey.Conflict(
                platform: row.platform, device: row.device, policy: tallies[index].policy.name,
                base: cell.base, reachability: cell.reachability, reasons: cell.reasons))
    }
}
