// Names of platforms and devices, wherever a request has them: one look-up each, and one sentence about a
// name that leads nowhere.

import JSON
import Machines

extension PlatformStore {
    /// The platform of this id; that there is none is noted at `pointer`.
    func entry(_ id: String, at pointer: String, _ problems: ProblemList) -> PlatformEntry? {
        if let entry = entry(id) { return entry }
        problems.add(pointer, WireValue.code("unknown-platform", at: pointer), PlatformEntry.unknown(id))
        return nil
    }
}

extension PlatformEntry {
    static func unknown(_ id: String) -> String {
        "No platform \"\(Excerpt.of(id))\"; GET /v1/platforms lists them."
    }

    /// The device of this name; that there is none is noted at `pointer`.
    func device(_ name: String, at pointer: String, _ problems: ProblemList) -> Device? {
        if let device = device(name) { return device }
        problems.add(pointer, WireValue.code("unknown-device", at: pointer), unknownDevice(name))
        return nil
    }

    func unknownDevice(_ name: String) -> String {
        "No device \"\(Excerpt.of(name))\" on \(id); GET /v1/platforms/\(id)/devices lists them."
    }

    /// The devices of these names; nil where one is missing, each noted under `pointer`.
    func devices(_ names: [String], at pointer: String, _ problems: ProblemList) -> [Device]? {
        let found = names.enumerated().map { device($1, at: "\(pointer)/\($0)", problems) }
        return found.contains(nil) ? nil : found.compactMap { $0 }
    }
}
