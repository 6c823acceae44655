// Numbers with a fraction: only measurements have them, the API's own values never do.

extension JSONWriter {
    /// A number with `places` digits behind the point; null when it is not finite.
    public mutating func member(_ name: String, _ value: Double, places: Int) {
        key(name)
        raw(Self.decimal(value, places: places) ?? "null")
    }

    /// `-0.25`; nil for what is not finite or has more than 15 digits.
    public static func decimal(_ value: Double, places: Int) -> String? {
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
}
