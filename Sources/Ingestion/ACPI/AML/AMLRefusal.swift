// Why AML is not read, or a fact in it not known: a table, an offset and a reason. Offsets count from the
// table's first byte, its header included.

import AddressSpaces

/// A place in AML and what is wrong there.
struct AMLRefusal: Error, Hashable, Sendable {
    enum Reason: Hashable, Sendable {
        // The bytes are no AML.
        case cutShort
        case unknownOpcode(UInt16)
        case packageTooLong(end: Int, limit: Int)
        case packageEndsWithin
        case noName
        case aboveRoot
        case unknownFieldElement(UInt8)
        // More than is read.
        case tooDeep, tooManyTerms, tooManyNames, pathTooLong
        // AML that has to be run.
        case branches
        case computed
        case notABuffer
        case notAnInteger
        case storedTo
        case usersUnread
        case nameUnknown
        case declaredTwice
        case declaredUnderCondition
        case takesArguments
        case bufferTooLarge
        case callsTooMuch
        // A buffer that is no list of resources.
        case descriptorCutShort, noEndTag
        case descriptorUnknown(UInt8)
        case descriptorLength(Int, allowed: ClosedRange<Int>)
    }

    let offset: Int
    let reason: Reason
    /// Which of the sound tables it is.
    let table: Int

    init(_ reason: Reason, at offset: Int, in table: Int = 0) {
        self.reason = reason
        self.offset = offset
        self.table = table
    }

    /// One clause, with the offset.
    var words: String { "\(sentence) at offset \(HexLiteral.text(offset))" }

    private var sentence: String {
        switch reason {
        case .cutShort: "a term runs past the end of what contains it"
        case .unknownOpcode(let code): "\(HexLiteral.text(code)) is no opcode of AML"
        case .packageTooLong(let end, let limit):
            "a package ends at \(HexLiteral.text(end)), after the end of what contains it at "
                + HexLiteral.text(limit)
        case .packageEndsWithin: "a package ends before its own operands do"
        case .noName: "there is no name where one is needed"
        case .aboveRoot: "a name starts above the root"
        case .unknownFieldElement(let code): "\(HexLiteral.text(code)) starts no element of a field"
        case .tooDeep: "terms are nested deeper than \(AMLLimits.nestingMax)"
        case .tooManyTerms: "there are more than \(AMLLimits.termsMax) terms"
        case .tooManyNames: "there are more than \(AMLLimits.namesMax) names"
        case .pathTooLong: "a path has more than \(AMLLimits.pathDepthMax) names"
        case .branches: "a method branches or does more than return a value"
        case .computed: "a value is computed"
        case .notABuffer: "a value is no buffer"
        case .notAnInteger: "a value is no integer"
        case .storedTo: "another term may change the value"
        case .usersUnread: "a method that may change the value cannot be read"
        case .nameUnknown: "a name is declared nowhere in these tables"
        case .declaredTwice: "a name is declared twice"
        case .declaredUnderCondition: "a declaration is under a condition"
        case .takesArguments: "a method takes arguments that it is not given"
        case .bufferTooLarge: "a buffer has more than \(AMLLimits.bufferBytesMax) bytes"
        case .callsTooMuch: "evaluation takes more than \(AMLLimits.selectionStepsMax) steps"
        case .descriptorCutShort: "a resource descriptor runs past the end of its buffer"
        case .noEndTag: "the list of resources has no end tag"
        case .descriptorUnknown(let tag): "\(HexLiteral.text(tag)) starts no resource descriptor"
        case .descriptorLength(let length, let allowed):
            "a resource descriptor has \(length) bytes after its header and needs "
                + (allowed.count == 1
                    ? "\(allowed.lowerBound)"
                    : allowed.upperBound < ResourceTemplate.lengthMax
                        ? "\(allowed.lowerBound) to \(allowed.upperBound)" : "at least \(allowed.lowerBound)")
        }
    }
}

/// Bounds of the reader of AML; the service lists them under its own limits.
public enum AMLLimits {
    /// Terms of all tables together, bodies of methods included.
    public static let termsMax = 1 << 19
    public static let namesMax = 1 << 17
    /// Terms inside each other; a compiled Switch nests once for each case.
    public static let nestingMax = 1_024
    /// Names of one path, from the root.
    public static let pathDepthMax = 32
    public static let bufferBytesMax = 64 << 10
    public static let hostBridgesMax = 256
    /// DSDT and SSDTs that `iovad collect` takes, together.
    public static let collectedBytesMax = 2 << 20
    public static let collectedSSDTsMax = 48
    /// Terms that one evaluation of `_DSM` may visit.
    public static let selectionStepsMax = 4_096
    /// Terms inside each other that it may visit.
    public static let selectionDepthMax = 64
}
