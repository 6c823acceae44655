// What the readers' refusals say to a person, in one sentence; where else to send the bytes is for those to
// add who know of a place.

import AddressSpaces
import JSON

extension PlatformError {
    /// What is wrong, where, and what to send instead, without a full stop.
    public var sentence: String {
        switch self {
        case .deviceTree(let error): "The device tree cannot be read: \(error.reason)"
        case .acpi(let part, let error):
            "The ACPI tables\(part.map { " of \"\($0)\"" } ?? "") cannot be read: \(error.reason)"
        case .json(let error):
            "The JSON cannot be read: line \(error.line), column \(error.column): \(Self.words(error.kind))"
        case .text(let part, let error): "The text of \"\(part)\" cannot be read: \(error.reason)"
        case .empty(let part):
            "\"\(part)\" is empty; leave it out, or send a device tree, an IORT, reserved_regions or the native "
                + "model"
        case .unknown(let part, let start):
            "The bytes of \"\(part)\" start with nothing that is known (\(Self.hex(start)) at offset 0x0); read are "
                + InputKind.allCases.map(\.rawValue).joined(separator: ", ")
        case .nothingDescribed:
            "No part describes a machine: send a device tree, an IORT, reserved_regions or the native model "
                + "besides"
        case .conflict(let first, let second):
            "\"\(first)\" and \"\(second)\" both say the same; send one description of a machine"
        case .tooManyDevices(let limit):
            "The host has more than \(limit) devices: each group counts as one, and so does each of its members"
        case .misplaced(let part, let kind):
            "\"\(part)\" holds \(kind.rawValue), and that describes no machine"
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { HexLiteral.digits($0, atLeast: 2) }.joined(separator: " ")
    }

    private static func words(_ kind: JSONSyntaxError.Kind) -> String {
        switch kind {
        case .malformed(let reason): reason
        case .duplicateKey(let pointer): "\(pointer) stands there for the second time"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .tooManyValues(let limit): "more than \(limit) values"
        case .outOfMemory: "no memory for it"
        }
    }
}
