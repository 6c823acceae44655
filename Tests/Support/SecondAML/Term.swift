// AML as a tree: every opcode with its operands and its place. Nothing is decided here. Names keep the scope
// that they stand in, because what they mean may be declared further on.

/// A path as AML writes it: root or carets, then segments of four characters.
struct WrittenName {
    var isAbsolute = false
    var carets = 0
    var segments: [UInt32] = []

    var isEmpty: Bool { segments.isEmpty && carets == 0 && !isAbsolute }
    /// Alone it is looked for further out as well.
    var isSimple: Bool { segments.count == 1 && carets == 0 && !isAbsolute }
}

final class Term {
    let code: Int
    let table: Int
    let at: Int
    let scope: Node
    /// Declared, or referred to.
    var name: WrittenName?
    var nameAt = 0
    /// A number, the size of a package, or how many arguments a method takes.
    var number: UInt64 = 0
    /// Of a string and of a buffer; the raw AML of a method's body.
    var bytes: ArraySlice<UInt8> = []
    var operands: [Term] = []
    var body: [Term] = []
    /// Where a declaration, or a name inside a method, is in the namespace.
    var node: Node?
    /// A method's body cannot be read.
    var bodyTrouble: Trouble?

    init(_ code: Int, _ table: Int, at: Int, _ scope: Node) {
        self.code = code
        self.table = table
        self.at = at
        self.scope = scope
    }

    func trouble(_ words: String) -> Trouble { Trouble(table: table, offset: at, words: words) }
}

/// The opcodes that the reader names; the others are rows of `Grammar`. What has no opcode is negative.
enum Code {
    static let reference = -1
    static let missing = -2
    static let fieldUnit = -3

    static let zero = 0x00
    static let one = 0x01
    static let alias = 0x06
    static let name = 0x08
    static let byte = 0x0a
    static let word = 0x0b
    static let dword = 0x0c
    static let string = 0x0d
    static let qword = 0x0e
    static let scope = 0x10
    static let buffer = 0x11
    static let package = 0x12
    static let varPackage = 0x13
    static let method = 0x14
    static let external = 0x15
    static let store = 0x70
    static let refOf = 0x71
    static let derefOf = 0x83
    static let index = 0x88
    static let createFields = [0x8a, 0x8b, 0x8c, 0x8d, 0x8f, 0x5b13]
    static let and = 0x90
    static let or = 0x91
    static let not = 0x92
    static let equal = 0x93
    static let greater = 0x94
    static let less = 0x95
    static let toBuffer = 0x96
    static let toInteger = 0x99
    static let copyObject = 0x9d
    static let carryOn = 0x9f
    static let condition = 0xa0
    static let otherwise = 0xa1
    static let loop = 0xa2
    static let noop = 0xa3
    static let hand = 0xa4
    static let leave = 0xa5
    static let ones = 0xff
    static let condRefOf = 0x5b12
    static let debug = 0x5b31
    static let field = 0x5b81
    static let device = 0x5b82
    static let processor = 0x5b83
    static let power = 0x5b84
    static let thermal = 0x5b85
    static let indexField = 0x5b86
    static let bankField = 0x5b87
    static let locals = 0x60...0x67
    static let arguments = 0x68...0x6e
}
