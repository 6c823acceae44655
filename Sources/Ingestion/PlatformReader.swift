// The way in for a description in one or several parts, whatever each of them is: sniffs the parts, finds
// the one that describes a machine, and takes the others as supplements to it.

import AddressSpaces
public import JSON
public import Machines

/// One part of what a caller sent.
public struct InputPart: Sendable {
    /// The part's name, for messages; "body" when there is only one.
    public var name: String
    public var bytes: [UInt8]
    /// What the caller's label promises; nil when it promises nothing in particular.
    public var labelled: Set<InputKind>?
    /// Everything that was sent, so that messages need not name it.
    public var isWhole: Bool

    public init(name: String, bytes: [UInt8], labelled: Set<InputKind>?, isWhole: Bool = true) {
        self.isWhole = isWhole
        self.name = name
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
