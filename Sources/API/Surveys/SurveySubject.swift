// One machine of a survey, with everything that its rows need: once all are there, nothing more can fail, and
// the survey can be taken while its answer goes out.

import AddressSpaces
import Fleet
import Machines
import MSIWindows

/// A machine and the name under which it is surveyed.
struct SurveySubject: Sendable {
    enum Machine: Sendable {
        case platform(Platform, prepare: @Sendable (Device, Conditions) -> PreparedDevice)
        /// A host known by one device that stands for what it reports.
        case reported(Device, usable: [IOVARange]?)
    }

    var name: String
    var machine: Machine
    /// What its SMMUs translate; nil for the survey's own aperture.
    var aperture: IOVARange?
}

extension Survey {
    /// Adds a machine; `row` is told every row in order.
    mutating func add(_ subject: SurveySubject, row: (SurveyRow) -> Void) {
        switch subject.machine {
        case .platform(let platform, let prepare):
            add(subject.name, platform, aperture: subject.aperture, prepare: prepare, row: row)
        case .reported(let device, let usable):
            add(host: subject.name, device, usable: usable, aperture: subject.aperture, row: row)
        }
    }
}
