// The entrance for a description in one or several parts, whatever each of them is: finds the part that
// describes a machine, and takes the others as supplements to it. What it refuses is said in one sentence;
// where else to send the bytes is for those to add who know of a place.

import AddressSpaces
public import JSON
public import Machines

/// One part of what a caller sent.
public struct InputPart: Sendable {
    /// The part's name, for messages; "body" when there is only one.
    public var name: String
    /// Where the part was a file: its own name may tell what it is.
    public var fileName: String?
    public var bytes: [UInt8]
    /// What the caller's label promises; nil when it promises nothing in particular.
    public var labelled: Set<InputKind>?
    /// Everything that was sent, so that messages need not name it.
    public var isWhole: Bool

    public init(
        name: String, fileName: String? = nil, bytes: [UInt8], labelled: Set<InputKind>?, isWhole: Bool = true
    ) {
        self.isWhole = isWhole
        self.name = name
        self.fileName = fileName
        self.bytes = bytes
        self.labelled = labelled
    }
}

/// What parts are refused for.
public enum PlatformError: Error, Sendable {
    case deviceTree(DeviceTreeError)
    /// The part is nil when what was sent is whole, or when it is about several.
    case acpi(part: String?, ACPIError)
    case text(part: String, TextError)
    case json(JSONSyntaxError)
    /// No byte.
    case empty(part: String)
    /// No magic number and no known first line.
    case unknown(part: String, start: [UInt8])
    /// Parts that supplement a description, and no description.
    case nothingDescribed
    /// Two parts that both describe a machine, or say the same fact.
    case conflict(String, String)
    /// Groups of a collected host and their members, besides what firmware describes.
    case tooManyDevices(limit: Int)
    /// Text of a kind that describes no machine.
    case misplaced(part: String, InputKind)
}

/// Reads platforms of any kind.
public enum PlatformReader {
    /// What a caller may say beside the parts.
    public struct Options: Sendable {
        /// nil when the caller does not say.
        public var preservesPCIConfiguration: Bool?
        public var assumption: MSIAssumption?
        public var json: JSONLimits

        public init(json: JSONLimits) { self.json = json }
    }

    /// The platform of the parts. What is wrong in JSON goes to `problems`, and the result is void then.
    public static func read(
        _ parts: [InputPart], _ options: Options, _ problems: ProblemList
    ) throws(PlatformError) -> Platform {
        var assembly = PlatformAssembly(options)
        for part in parts { try assembly.add(part, problems) }
        return try assembly.platform()
    }
}

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
            "The bytes of \"\(part)\" are of no known kind (\(Self.hex(start)) at offset 0x0); iovad reads "
                + InputKind.allCases.map(\.rawValue).joined(separator: ", ")
        case .nothingDescribed:
            "No part describes a machine: add a device tree, an IORT, reserved_regions or the native model"
        case .conflict(let first, let second):
            "\"\(first)\" and \"\(second)\" describe the same thing; send only one of them"
        case .tooManyDevices(let limit):
            "The host has more than \(limit) devices: each group counts as one, and so does each of its members"
        case .misplaced(let part, let kind):
            "\"\(part)\" contains \(kind.rawValue), which does not describe a machine"
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { HexLiteral.digits($0, atLeast: 2) }.joined(separator: " ")
    }

    private static func words(_ kind: JSONSyntaxError.Kind) -> String {
        switch kind {
        case .malformed(let reason): reason
        case .duplicateKey(let pointer): "\(pointer) appears twice"
        case .tooLarge(let limit): "more than \(limit) bytes"
        case .tooDeep(let limit): "nested deeper than \(limit)"
        case .tooManyValues(let limit): "more than \(limit) values"
        case .outOfMemory: "not enough memory"
        }
    }
}
