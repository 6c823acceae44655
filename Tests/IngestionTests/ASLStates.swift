// Whether a device is a host bridge and whether it is there, as ASL says it in forms that a value is not
// enough for: values that a condition chooses, that a method stores, or that another table has.

import TestSupport

/// `_STA`, and whether Linux looks at the device.
enum ASLStates {
    static func any(_ random: inout SeededGenerator) -> (source: String, truth: ASLTruth<Bool>) {
        let shapes: [(String, ASLTruth<Bool>)] = [
            ("Name (_STA, 0xF)", .known(true)), ("Method (_STA) { Return (0xF) }", .known(true)),
            ("Name (_STA, 8)", .known(true)), ("Name (_STA, 2)", .known(false)),
            ("Method (_STA) { Return (0) }", .known(false)), ("Name (_STA, Zero)", .known(false)),
            ("Method (_STA) { If (EXTV) { Return (0xF) } Else { Return (0xB) } }", .known(true)),
            ("Method (_STA) { If (EXTV) { Return (0) } Return (Zero) }", .known(false)),
            ("Method (_STA) { If (EXTV) { Return (0xF) } Return (0) }", .refused),
            ("Method (_STA) { If (EXTV) { Return (0xF) } }", .refused),
            ("Method (_STA) { Return (EXTV) }", .refused), ("Method (_STA) { Return (EXTM ()) }", .refused),
            ("Method (_STA) { Local0 = 0xF Return (Local0) }", .refused),
            ("Name (_STA, 0xF) Method (OFF0) { _STA = 0 }", .refused),
            ("Name (_STA, 0xF) Method (OFF0) { _STA = 0xB }", .known(true)),
            ("Name (_STA, 0xF) Method (OFF0) { _STA = EXTV }", .refused),
            ("Name (STAT, 0xF) Method (_STA) { Return (STAT) } Method (OFF0) { STAT = 0 }", .refused),
            ("If (EXTV) { Name (_STA, 0) }", .refused), ("If (EXTV) { Name (_STA, 0xF) }", .known(true)),
        ]
        return shapes.randomElement(using: &random)!
    }
}

/// `_HID` and `_CID` of a device whose value has to be evaluated. Absent where `_CRS` decides whether it may
/// be a host bridge: no term shows what it is.
enum ASLIdentities {
    static func any(_ random: inout SeededGenerator) -> (source: String, truth: ASLTruth<Bool>) {
        let other = "Name (_HID, \"TEST0003\") "
        let shapes: [(String, ASLTruth<Bool>)] = [
            ("If (\\_OSI (\"Linux\")) { Name (_HID, EISAID (\"PNP0A08\")) }", .refused),
            ("If (\\_OSI (\"Linux\")) { Name (_HID, \"TEST0003\") }", .known(false)),
            (
                "Method (_HID) { If (EXTV) { Return (\"PNP0A08\") } Return (\"TEST0003\") }", .refused
            ),
            (
                "Method (_HID) { If (EXTV) { Return (\"TEST0004\") } Else { Return (\"TEST0003\") } }",
                .known(false)
            ),
            ("Method (_HID) { If (EXTV) { Return (\"TEST0004\") } }", .known(false)),
            ("Method (_HID) { If (EXTV) { Return (\"PNP0A08\") } }", .refused),
            ("Method (_HID) { Local0 = \"PNP0A08\" Return (Local0) }", .absent),
            ("\(other) Method (_CID) { Return (EXTM ()) }", .absent),
            ("\(other) Method (SETH) { _HID = \"PNP0A08\" }", .refused),
            ("\(other) Method (SETH) { _HID = \"TEST0004\" }", .known(false)),
            ("\(other) Method (SETH, 1) { _HID = Arg0 }", .absent),
            ("Name (_HID, \"PNP0A08\") Method (SETH) { _HID = \"TEST0004\" }", .known(true)),
            ("\(other) Name (CIDN, \"PNP0A03\") Name (_CID, Package () { \"TEST0005\", CIDN })", .absent),
            ("\(other) Name (_CID, Package () { \"TEST0005\", \"TEST0006\" })", .known(false)),
        ]
        return shapes.randomElement(using: &random)!
    }
}
