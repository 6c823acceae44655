// The opcodes of AML and what follows each: ACPI specification 6.5, section 20.2. A row says in which order
// the operands come; the parser knows nothing else of an opcode, and refuses one that has no row.

/// What follows an opcode.
enum AMLOperand {
    /// A name that the opcode declares, or the scope that it opens.
    case declared, scope
    /// Immediate numbers, and characters up to a zero.
    case byte, word, dword, qword, text
    /// A package length; what follows is in the package.
    case package
    /// A value that is read; one that may be missing at the end of a package.
    case term, result
    /// An object that is looked at: the result of a method where it names one, or the object itself.
    case object, named
    /// What is written to: an object, or what a method returns.
    case target
    /// An object that something else may write to later; where a method is named, what it returns.
    case exposed, resultExposed
    /// A name that the term keeps, and nothing else.
    case reference
    /// Up to the end of the package.
    case terms, elements, bytes, fields

    /// Whether a method's name is followed by its arguments.
    var mayCall: Bool { [.term, .result, .object, .target, .resultExposed].contains(self) }

    var isExposed: Bool { [.exposed, .resultExposed, .reference].contains(self) }
}

/// One opcode; those with the prefix 0x5b have it as their high byte.
struct AMLOpcode: Hashable {
    let code: UInt16

    init(_ code: UInt16) { self.code = code }

    /// The reader's own: a name that stands where a value may.
    static let name = AMLOpcode(0x100)
    static let extensionPrefix: UInt8 = 0x5b

    static let zero = AMLOpcode(0x00)
    static let one = AMLOpcode(0x01)
    static let alias = AMLOpcode(0x06)
    static let nameDeclaration = AMLOpcode(0x08)
    static let byteConstant = AMLOpcode(0x0a)
    static let wordConstant = AMLOpcode(0x0b)
    static let dwordConstant = AMLOpcode(0x0c)
    static let string = AMLOpcode(0x0d)
    static let qwordConstant = AMLOpcode(0x0e)
    static let scope = AMLOpcode(0x10)
    static let buffer = AMLOpcode(0x11)
    static let packageData = AMLOpcode(0x12)
    static let variablePackage = AMLOpcode(0x13)
    static let method = AMLOpcode(0x14)
    static let external = AMLOpcode(0x15)
    static let store = AMLOpcode(0x70)
    static let copyObject = AMLOpcode(0x9d)
    static let conditionalReference = AMLOpcode(0x5b12)
    static let dereference = AMLOpcode(0x83)
    static let index = AMLOpcode(0x88)
    static let logicalAnd = AMLOpcode(0x90)
    static let logicalOr = AMLOpcode(0x91)
    static let logicalNot = AMLOpcode(0x92)
    static let isEqual = AMLOpcode(0x93)
    static let isGreater = AMLOpcode(0x94)
    static let isLess = AMLOpcode(0x95)
    static let toBuffer = AMLOpcode(0x96)
    static let toInteger = AMLOpcode(0x99)
    static let ifElse = AMLOpcode(0xa0)
    static let otherwise = AMLOpcode(0xa1)
    static let whileLoop = AMLOpcode(0xa2)
    static let noOperation = AMLOpcode(0xa3)
    static let returnValue = AMLOpcode(0xa4)
    static let breakLoop = AMLOpcode(0xa5)
    static let ones = AMLOpcode(0xff)
    static let device = AMLOpcode(0x5b82)

    /// Local0 to Local7, Arg0 to Arg6.
    var local: Int? { (0x60...0x67).contains(code) ? Int(code - 0x60) : nil }
    var argument: Int? { (0x68...0x6e).contains(code) ? Int(code - 0x68) : nil }

    /// What stands in its package may not be reached.
    var isCondition: Bool { self == .ifElse || self == .otherwise || self == .whileLoop }

    /// What follows; nil for codes that the specification does not have.
    var operands: [AMLOperand]? { Self.rows[self] }

    private static let rows: [AMLOpcode: [AMLOperand]] = {
        var rows: [AMLOpcode: [AMLOperand]] = [:]
        for (operands, codes) in table {
            for code in codes { rows[AMLOpcode(code)] = operands }
        }
        return rows
    }()

    private static let table: [([AMLOperand], [UInt16])] = [
        // Constants, locals and arguments; Noop, Continue, Break, BreakPoint; Revision, Debug, Timer.
        ([], [0x00, 0x01, 0xff] + Array(0x60...0x6e) + [0xa3, 0x9f, 0xa5, 0xcc, 0x5b30, 0x5b31, 0x5b33]),
        ([.byte], [0x0a]), ([.word], [0x0b]), ([.dword], [0x0c]), ([.qword], [0x0e]), ([.text], [0x0d]),
        // Alias, Name, External, Mutex, Event.
        ([.reference, .declared], [0x06]), ([.declared, .term], [0x08]), ([.declared, .byte, .byte], [0x15]),
        ([.declared, .byte], [0x5b01]), ([.declared], [0x5b02]),
        // Scope, Device, ThermalZone, Processor, PowerResource; a method's body is read on its own.
        ([.package, .scope, .terms], [0x10]), ([.package, .declared, .terms], [0x5b82, 0x5b85]),
        ([.package, .declared, .byte, .dword, .byte, .terms], [0x5b83]),
        ([.package, .declared, .byte, .word, .terms], [0x5b84]),
        ([.package, .declared, .byte, .bytes], [0x14]),
        // Buffer, Package, VarPackage.
        ([.package, .term, .bytes], [0x11]), ([.package, .byte, .elements], [0x12]),
        ([.package, .term, .elements], [0x13]),
        // OperationRegion, DataTableRegion, Field, IndexField, BankField.
        ([.declared, .byte, .term, .term], [0x5b80]), ([.declared, .term, .term, .term], [0x5b88]),
        ([.package, .reference, .byte, .fields], [0x5b81]),
        ([.package, .reference, .reference, .byte, .fields], [0x5b86]),
        ([.package, .reference, .reference, .term, .byte, .fields], [0x5b87]),
        // CreateField; CreateDWordField, Word, Byte, Bit, QWord.
        ([.resultExposed, .term, .term, .declared], [0x5b13]),
        ([.resultExposed, .term, .declared], [0x8a, 0x8b, 0x8c, 0x8d, 0x8f]),
        // If, While, Else; Return, which Microsoft's compiler writes without a value too.
        ([.package, .term, .terms], [0xa0, 0xa2]), ([.package, .terms], [0xa1]), ([.result], [0xa4]),
        // Store, CopyObject; RefOf, Increment, Decrement, Unload; ObjectType; CondRefOf, Load.
        ([.term, .target], [0x70]), ([.term, .exposed], [0x9d]),
        ([.resultExposed], [0x75, 0x76, 0x5b2a]),
        ([.exposed], [0x71]), ([.named], [0x8e]),
        ([.exposed, .target], [0x5b12, 0x5b20]),
        // SizeOf; Notify, Wait; Signal, Reset, Release; Acquire.
        ([.object], [0x87]), ([.object, .term], [0x86, 0x5b25]), ([.object], [0x5b24, 0x5b26, 0x5b27]),
        ([.object, .word], [0x5b23]),
        // One operand and a target: Not, FindSetLeftBit, FindSetRightBit, conversions, FromBCD, ToBCD.
        ([.term, .target], [0x80, 0x81, 0x82, 0x96, 0x97, 0x98, 0x99, 0x5b28, 0x5b29]),
        // Two and a target: Add, Concatenate, Subtract, Multiply, shifts, logic, ConcatenateResTemplate, Mod,
        // Index, ToString; Divide has two targets, Mid three operands.
        (
            [.term, .term, .target],
            [0x72, 0x73, 0x74, 0x77, 0x79, 0x7a, 0x7b, 0x7c, 0x7d, 0x7e, 0x7f, 0x84, 0x85, 0x88, 0x9c]
        ),
        ([.term, .term, .target, .target], [0x78]), ([.term, .term, .term, .target], [0x9e]),
        // DerefOf, LNot; LAnd, LOr and comparisons; Match.
        ([.term], [0x83, 0x92]), ([.term, .term], [0x90, 0x91, 0x93, 0x94, 0x95]),
        ([.term, .byte, .term, .byte, .term, .term], [0x89]),
        // Stall, Sleep; Fatal; LoadTable.
        ([.term], [0x5b21, 0x5b22]), ([.byte, .dword, .term], [0x5b32]),
        ([.term, .term, .term, .term, .term, .term], [0x5b1f]),
    ]
}
