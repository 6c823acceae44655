// The media types of the API, and how Accept, Accept-Encoding and Content-Type choose among them (RFC 9110,
// 8.3 and 12.5). Media ranges with q values are read; parameters of a media type are ignored.

import HTTP

/// Names of media types, in lower case and without parameters.
package enum MediaType {
    package static let json = "application/json"
    /// One JSON document per line.
    package static let ndjson = "application/x-ndjson"
    package static let problem = "application/problem+json"
    package static let deviceTree = "application/vnd.devicetree.blob"
    /// One ACPI table, several in a row, or the text of acpidump.
    static let acpiTable = "application/vnd.acpi.table"
    package static let multipart = "multipart/form-data"
    package static let octetStream = "application/octet-stream"
    package static let plain = "text/plain"
    /// What curl sends with --data-binary unless it is told another, and a form of a page: never read.
    static let form = "application/x-www-form-urlencoded"
    package static let eventStream = "text/event-stream"
    package static let html = "text/html"
    package static let xml = "application/xml"
    package static let yaml = "application/yaml"
}

enum Negotiation {
    /// The media type of a Content-Type field, lower case, without parameters.
    static func mediaType(_ field: String) -> String {
        // As nearly everybody sends it: characters, which the rest goes through, cost much more than bytes.
        let isBare = field.utf8.allSatisfy { byte in
            byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: ";") && !(0x41...0x5a).contains(byte)
        }
        if isBare { return field }
        let bare = field.prefix { $0 != ";" }
        return FieldList.trimmed(bare).lowercased()
    }

    /// The first of `offers` with the highest q under the Accept fields; nil when none is acceptable.
    /// No Accept field accepts everything.
    static func choose(from offers: [String], accepting fields: [String]) -> String? {
        if fields.isEmpty { return offers.first }
        let ranges = FieldList.elements(fields).map(parseRange)
        guard !ranges.isEmpty else { return offers.first }
        var best: (offer: String, quality: Double)?
        for offer in offers {
            let quality = self.quality(of: offer, in: ranges)
            if quality > 0, quality > best?.quality ?? 0 { best = (offer, quality) }
        }
        return best?.offer
    }

    /// Whether the Accept-Encoding fields let this coding be used (RFC 9110, 12.5.3). None do not.
    static func accepts(coding: String, fields: [String]) -> Bool {
        var other = false
        // As browsers and curl send it, without weights.
        if let field = fields.first, fields.count == 1, !field.utf8.contains(UInt8(ascii: ";")) {
            return lists(coding, in: field) || lists("*", in: field)
        }
        for item in FieldList.elements(fields) {
            let parts = item.split(separator: ";").map { FieldList.trimmed($0).lowercased() }
            let isAllowed = weight(of: parts) != 0
            if parts.first == coding { return isAllowed }
            if parts.first == "*" { other = isAllowed }
        }
        return other
    }

    /// Whether a list without weights has the element, in either case of its letters.
    private static func lists(_ element: String, in field: String) -> Bool {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        let length = element.utf8.count
        return field.utf8.split(separator: UInt8(ascii: ",")).contains { part in
            let part = part.drop(while: isBlank)
            return part.dropFirst(length).allSatisfy(isBlank)
                && part.prefix(length).elementsEqual(element.utf8) { sent, wanted in
                    (sent >= 0x41 && sent <= 0x5a ? sent | 0x20 : sent) == wanted
                }
        }
    }

    private typealias Range = (type: String, subtype: String, quality: Double)

    /// The most specific matching range decides (RFC 9110, 12.5.1).
    private static func quality(of offer: String, in ranges: [Range]) -> Double {
        let parts = offer.split(separator: "/", maxSplits: 1).map(String.init)
        var decided: (specificity: Int, quality: Double) = (-1, 0)
        for range in ranges {
            let specificity: Int
            switch (range.type, range.subtype) {
            case ("*", "*"): specificity = 0
            case (parts[0], "*"): specificity = 1
            case (parts[0], parts[1]): specificity = 2
            default: continue
            }
            if specificity > decided.specificity { decided = (specificity, range.quality) }
        }
        return decided.quality
    }

    private static func parseRange(_ text: Substring) -> Range {
        let parts = text.split(separator: ";").map { FieldList.trimmed($0).lowercased() }
        let type = (parts.first ?? "").split(separator: "/", maxSplits: 1).map(String.init)
        guard type.count == 2 else { return ("", "", 0) }
        return (type[0], type[1], weight(of: parts))
    }

    /// The weight among the parameters of an element (RFC 9110, 12.4.2), 0 to 1; 1 where none can be read.
    private static func weight(of parts: [String]) -> Double {
        let text = parts.dropFirst().first { $0.hasPrefix("q=") }
        let weight = text.flatMap { Double($0.dropFirst(2)) } ?? 1
        return weight.isFinite ? min(max(weight, 0), 1) : 1
    }
}
