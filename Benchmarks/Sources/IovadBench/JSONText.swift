// JSON as the benchmark prints it: members in the order given, and numbers with a fixed count of decimals,
// which the answers of the API never have. It writes only; nothing here reads JSON.

indirect enum JSONText {
    case object([(name: String, value: JSONText)])
    case array([JSONText])
    case string(String)
    /// A string like "0xff".
    case hex(UInt64)
    case int(Int)
    case bool(Bool)
    /// `null` where the value is not finite or has more than 15 digits.
    case decimal(Double, places: Int)

    var text: String {
        switch self {
        case .object(let members):
            let inner = members.map { "\(Self.quoted($0.name)):\($0.value.text)" }
            return "{\(inner.joined(separator: ","))}"
        case .array(let items): return "[\(items.map(\.text).joined(separator: ","))]"
        case .string(let text): return Self.quoted(text)
        case .hex(let value): return "\"0x\(String(value, radix: 16))\""
        case .int(let value): return String(value)
        case .bool(let flag): return flag ? "true" : "false"
        case .decimal(let value, let places): return Self.decimal(value, places: places) ?? "null"
        }
    }

    /// `-0.25`; nil for what is not finite or has more than 15 digits.
    static func decimal(_ value: Double, places: Int) -> String? {
        var scale = 1
        for _ in 0..<places { scale *= 10 }
        let scaled = (value * Double(scale)).rounded()
        guard scaled.isFinite, abs(scaled) < 1e15 else { return nil }
        let digits = Int(scaled.magnitude)
        let fraction = String(digits % scale)
        let sign = scaled < 0 ? "-" : ""
        guard places > 0 else { return "\(sign)\(digits)" }
        return "\(sign)\(digits / scale).\(String(repeating: "0", count: places - fraction.count))\(fraction)"
    }

    private static func quoted(_ text: String) -> String {
        let inner = text.unicodeScalars.map { scalar in
            switch scalar {
            case "\"": "\\\""
            case "\\": "\\\\"
            case "\n": "\\n"
            default: scalar.value < 0x20 ? " " : String(scalar)
            }
        }
        return "\"\(inner.joined())\""
    }
}
