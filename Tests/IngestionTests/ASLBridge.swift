// One host bridge as ASL source: each of its objects in one of the forms that firmware has, or in one that
// has to be evaluated, and what a reader that runs nothing can know of it.

import TestSupport

/// What the source says of one object.
enum ASLTruth<Value> {
    case absent
    case known(Value)
    /// It has to be evaluated.
    case refused
}

struct ASLBridge {
    let name: String
    let number: Int
    /// Terms in the device, at the root of `\_SB`, and in an SSDT's scope of the device.
    private(set) var own: [String] = []
    private(set) var outside: [String] = []
    private(set) var later: [String] = []
    /// `External` lines of the DSDT and of the SSDT, by the name after the device's path.
    private(set) var externals: [String] = []
    private(set) var laterExternals: [String] = []

    private(set) var resources: ASLTruth<ASLResources> = .absent
    private(set) var inbound: ASLTruth<ASLResources> = .absent
    private(set) var segment: ASLTruth<UInt64> = .absent
    private(set) var firstBus: ASLTruth<UInt64> = .absent
    private(set) var preserves: ASLTruth<Bool> = .absent
    private(set) var isCoherent: Bool?
    private(set) var presence: ASLTruth<Bool> = .known(true)
    /// Whether it is a host bridge.
    private(set) var identity: ASLTruth<Bool> = .known(true)
    /// The device stands in an If.
    let isConditional: Bool

    init(_ number: Int, _ random: inout SeededGenerator) {
        self.number = number
        isConditional = Int.random(in: 0..<8, using: &random) == 0
        name = "PCI\(String(number, radix: 16, uppercase: true))"
        identify(&random)
        segment = integer("_SEG", "SEGN", UInt64(number), &random)
        firstBus = integer("_BBN", "BUSN", UInt64.random(in: 0...255, using: &random), &random)
        resources = list(&random)
        if Int.random(in: 0..<6, using: &random) == 0 { takeInbound(&random) }
        if Int.random(in: 0..<3, using: &random) == 0 {
            isCoherent = Bool.random(using: &random)
            own.append("Name (_CCA, \(isCoherent! ? 1 : 0))")
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            let (source, truth) = ASLStates.any(&random)
            own.append(source)
            presence = truth
        }
        let (source, truth) = ASLSelections.any(&random)
        if let source { own.append(source) }
        preserves = truth
        own.shuffle(using: &random)
    }

    private mutating func identify(_ random: inout SeededGenerator) {
        own.append(
            ["Name (_UID, \(number))", "Name (_UID, \"root \(number)\")", ""].randomElement(using: &random)!)
        guard Int.random(in: 0..<4, using: &random) > 0 else {
            let (source, truth) = ASLIdentities.any(&random)
            own.append(source)
            identity = truth
            return
        }
        own += [
            ["Name (_HID, EISAID (\"PNP0A08\"))", "Name (_CID, EISAID (\"PNP0A03\"))"],
            ["Name (_HID, \"PNP0A03\")"], ["Name (_HID, EISAID (\"PNP0A03\"))"],
            ["Name (_HID, \"ACPI0016\")", "Name (_CID, Package () { EISAID (\"PNP0A08\"), \"PNP0A03\" })"],
            ["Name (_HID, \"TEST0001\")", "Name (_CID, \"PNP0A08\")"],
            ["Method (_HID) { Return (EISAID (\"PNP0A08\")) }"],
        ].randomElement(using: &random)!
    }

    /// A number under a name, in one of the forms that numbers have.
    private mutating func integer(
        _ name: String, _ other: String, _ value: UInt64, _ random: inout SeededGenerator
    ) -> ASLTruth<UInt64> {
        let hex = "0x\(String(value, radix: 16))"
        switch Int.random(in: 0..<14, using: &random) {
        case 0: return .absent
        case 1..<5: own.append("Name (\(name), \(hex))")
        case 5, 6: own.append("Method (\(name)) { Return (\(hex)) }")
        case 7: own += ["Name (\(other), \(hex))", "Method (\(name)) { Return (\(other)) }"]
        case 8: own.append("Method (\(name), 0, Serialized) { Name (\(other), \(hex)) Return (\(other)) }")
        case 9:
            // A number that is passed on stays what it is.
            own += ["Name (\(name), \(hex))", "Method (M\(name.dropFirst())) { LOOK (\(name)) }"]
        case 10:
            own += ["Name (\(other), \(hex))", "Method (\(name)) { Return (\(other) + 1) }"]
            return .refused
        case 11:
            own += ["Name (\(name), \(hex))", "Method (M\(name.dropFirst())) { Increment (\(name)) }"]
            return .refused
        case 12:
            own.append("Method (\(name)) { If (\\_OSI (\"Linux\")) { Return (\(hex)) } Return (0) }")
            return .refused
        default:
            own += [
                "Name (\(other), \(hex))", "Method (\(name)) { Return (\(other)) }",
                "Method (M\(name.dropFirst())) { \(other) = 3 }",
            ]
            return .refused
        }
        return .known(value)
    }

    private mutating func takeInbound(_ random: inout SeededGenerator) {
        let list = ASLResources(&random)
        own.append(
            ["Name (_DMA, \(list.source))", "Method (_DMA) { Return (\(list.source)) }"]
                .randomElement(using: &random)!)
        // Linux takes it only beside `_CRS`.
        if case .absent = resources { return }
        inbound = .known(list)
    }

    // MARK: `_CRS`

    private mutating func list(_ random: inout SeededGenerator) -> ASLTruth<ASLResources> {
        let list = ASLResources(&random)
        let source = list.source
        let named = "Name (PBRB, \(source))"
        let returned = "Method (_CRS) { Return (PBRB) }"
        switch Int.random(in: 0..<11, using: &random) {
        case 0: return .absent
        case 1: own.append("Name (_CRS, \(source))")
        case 2: own.append("Method (_CRS) { Return (\(source)) }")
        case 3: own.append("Method (_CRS, 0, Serialized) { Name (RBUF, \(source)) Return (RBUF) }")
        case 4:
            own += [
                named, returned, "Method (_PRS) { Return (PBRB) }",
                """
                Method (READ) { Local0 = SizeOf (PBRB) Local1 = PBRB Local2 = DerefOf (PBRB [0])
                    If (CondRefOf (PBRB)) { Local3 = ToInteger (Local2) }
                    CreateByteField (Local1, 0, FLDR) FLDR = 1 Return (ObjectType (PBRB)) }
                """,
            ]
        case 5:
            outside.append("Name (OUT\(number % 10), \(source))")
            own.append("Method (_CRS) { Return (OUT\(number % 10)) }")
        case 6: later.append("Name (_CRS, \(source))")
        case 7:
            later.append("Name (PBRB, \(source)) \(returned)")
        default:
            evaluated(list, &random)
            return .refused
        }
        return .known(list)
    }

    private mutating func evaluated(_ list: ASLResources, _ random: inout SeededGenerator) {
        let source = list.source
        let named = "Name (PBRB, \(source))"
        let returned = "Method (_CRS) { Return (PBRB) }"
        // Something that changes the buffer under the name.
        let change = [
            "Method (CHNG) { CreateDWordField (PBRB, 0, FLDA) FLDA = 1 }",
            "Method (CHNG) { CreateField (PBRB, 0, 3, FLDA) FLDA = 1 }",
            "Method (CHNG) { PBRB [1] = 1 }", "Method (CHNG) { PBRB = Buffer (2) { 0x79, 0 } }",
            "Method (CHNG) { CopyObject (Buffer (2) { 0x79, 0 }, PBRB) }",
            "Method (CHNG) { HELP (PBRB) }", "Name (KEPT, Package () { 1, PBRB })",
            "Method (CHNG) { Local0 = RefOf (PBRB) DerefOf (Local0) = 1 }",
            "Method (CHNG) { Local0 = Index (PBRB, 1) Local0 = 1 }",
            "Method (GETB) { Return (PBRB) } Method (CHNG) { CreateByteField (GETB (), 0, FLDA) FLDA = 1 }",
            "Method (GETA, 1) { Return (PBRB) } Method (CHNG) { CreateByteField (GETA (1), 0, FLDA) FLDA = 1 }",
            "Method (CHNG) { CreateByteField (ToBuffer (PBRB), 0, FLDA) FLDA = 1 }",
            "Alias (PBRB, PBRA) Method (CHNG) { PBRA [1] = 1 }",
            "Method (CHNG) { Concatenate (Buffer (1) { 1 }, Buffer (1) { 2 }, PBRB) }",
            "CreateWordField (PBRB, 0, FLDA) Method (CHNG) { FLDA = 1 }",
        ].randomElement(using: &random)!
        switch Int.random(in: 0..<16, using: &random) {
        case 0..<5:
            // A package may name what is declared after it, everything else comes after.
            own += change.hasPrefix("Name") ? [named, returned, change] : ["\(named) \(change)", returned]
        case 5: own.append("Method (_CRS) { Local0 = \(source) Return (Local0) }")
        case 6:
            own.append("Method (_CRS) { If (\\_OSI (\"Linux\")) { Return (\(source)) } Return (\(source)) }")
        case 7:
            own.append(
                """
                Method (_CRS, 0, Serialized) { Name (RBUF, \(source)) CreateField (RBUF, 0, 8, FLDA)
                    FLDA = 1 Return (RBUF) }
                """)
        case 8:
            own += [named, "Method (_CRS) { Return (ConcatenateResTemplate (PBRB, \(source))) }"]
        case 9: own.append("Method (_CRS) { Return (EXTM ()) }")
        case 10: own.append("If (\\_OSI (\"Linux\")) { Name (_CRS, \(source)) }")
        case 11: own.append("\(named) Alias (PBRB, _CRS)")
        case 12:
            own.append("Method (_CRS, 0, Serialized) { Name (RBUF, \(source)) Local0 = 1 Return (RBUF) }")
        case 13:
            // The SSDT changes what the DSDT declares.
            own += [named, returned]
            later.append("Method (CHNG) { PBRB [1] = 1 }")
            laterExternals.append("PBRB, BuffObj")
        case 14 where Bool.random(using: &random):
            own.append("Method (TEMP, 0, Serialized) { Name (^_CRS, \(source)) }")
        case 14:
            externals.append("_CRS, UnknownObj")
        default:
            own += [named, "Method (TEMP) { Return (PBRB) }", "Method (_CRS) { Return (TEMP ()) }"]
        }
    }
}

/// `_DSM` methods, and whether function 5 of the host bridge's functions returns 0.
enum ASLSelections {
    static func any(_ random: inout SeededGenerator) -> (source: String?, truth: ASLTruth<Bool>) {
        let value = Int.random(in: 0...1, using: &random)
        let known = ASLTruth.known(value == 0)
        let own = "ToUUID (\"E5C937D0-3553-4D7A-9117-EA4D19C3434D\")"
        let other = "ToUUID (\"11111111-2222-4D7A-9117-EA4D19C3434D\")"
        let rest = "Return (Buffer () { 0 })"
        func method(_ body: String) -> String { "Method (_DSM, 4, Serialized) { \(body) }" }
        let shapes: [(String?, ASLTruth<Bool>)] = [
            (nil, .absent), (nil, .absent), (nil, .absent),
            (method("If (Arg0 == \(own)) { If (Arg2 == 5) { Return (\(value)) } } \(rest)"), known),
            (method("If (LEqual (Arg2, 5)) { If (Arg0 == \(own)) { Return (\(value)) } } \(rest)"), known),
            (
                method(
                    """
                    If (Arg0 == \(own)) { Switch (ToInteger (Arg2)) {
                        Case (0) { Return (Buffer () { 0x21 }) } Case (5) { Return (\(value)) }
                        Default { Return (2) } } } \(rest)
                    """), known
            ),
            (
                method(
                    """
                    Switch (ToBuffer (Arg0)) { Case (\(other)) { Return (1 - \(value)) }
                        Case (\(own)) { If (Arg2 == 5) { Return (\(value)) } } } \(rest)
                    """), known
            ),
            (
                method(
                    """
                    If (Arg0 == \(own)) { If (Arg2 == 0) { Return (Buffer () { 1 }) }
                        ElseIf ((Arg1 >= 1) && (Arg2 == 5)) { Return (\(value)) }
                        Else { Return (7) } } \(rest)
                    """), known
            ),
            (method("Local0 = ToInteger (Arg2) If (Local0 != 5) { \(rest) } Return (\(value))"), known),
            (method("Name (WHAT, \(value)) If (!(Arg1 > 1)) { Return (WHAT) } Return (3)"), known),
            (method("If ((Arg2 < 5) || (Arg1 != 1)) { Return (9) } Return (\(value))"), known),
            (method("If (Arg0 == \(other)) { Return (\(value)) } \(rest)"), .absent),
            (method("If (Arg2 == 5) { Return (Package () { \(value) }) } Return (0)"), .absent),
            (method("If (Arg2 == 5) { Return (\"no number\") } Return (0)"), .absent),
            (method("Return (EXTV)"), .refused), (method("Return (EXTM ())"), .refused),
            (method("If (EXTV) { Return (\(value)) } Return (\(value))"), .refused),
            (method("HELP (Arg0) Return (\(value))"), .refused),
            (method("If (Arg2 == 4) { Return (\(value)) }"), .refused),
            (method("If (SizeOf (Arg3) == 0) { Return (\(value)) } Return (0)"), .refused),
            (method("While (Arg2 > 4) { Return (\(value)) } Return (0)"), .refused),
            (method("Local0 = EXTV Return (Local0)"), .refused),
        ]
        return shapes.randomElement(using: &random)!
    }
}
