// Header fields whose values are lists: Accept, If-Match and their like (RFC 9110, 5.6.1).

/// Reading of comma-separated fields.
public enum FieldList {
    /// The elements of all fields in order, without blanks around them; empty ones count for nothing.
    public static func elements(_ fields: [String]) -> [Substring] {
        fields.flatMap { $0.split(separator: ",") }.map(trimmed).filter { !$0.isEmpty }
    }

    /// Without spaces and tabs around it.
    public static func trimmed(_ text: Substring) -> Substring {
        let isBlank: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        let head = text.drop(while: isBlank)
        guard let end = head.lastIndex(where: { !isBlank($0) }) else { return "" }
        return head[...end]
    }
}
