// Static files, read and packed once at start by the composition root: the service itself does no I/O, and
// a path that is not in this table does not exist, whatever it looks like.

import HTTP

/// Files by absolute URL path, decoded: "/index.html", "/js/map/scale.js".
public struct Site: Sendable {
    public struct File: Sendable {
        public var body: [UInt8]
        /// The body in gzip coding; nil when that is not worth it.
        public var packed: [UInt8]?
        public var mediaType: String
        /// Strong entity tag of `body`, quotes included.
        public var etag: String
        /// Strong entity tag of `packed`: other bytes, other tag (RFC 9110, 8.8.1).
        public var packedETag: String

        public init(body: [UInt8], packed: [UInt8]? = nil, mediaType: String) {
            self.body = body
            self.packed = packed.flatMap { $0.count < body.count ? $0 : nil }
            self.mediaType = mediaType
            etag = EntityTag.of(body)
            packedETag = String(etag.dropLast()) + "-gzip\""
        }
    }

    public var files: [String: File]

    public init(files: [String: File] = [:]) { self.files = files }

    /// The file at the segments of a path. A slash inside a segment (`%2F`) separates nothing.
    func file(at path: [String]) -> File? {
        guard !path.contains(where: { $0.contains("/") }) else { return nil }
        return files["/" + path.joined(separator: "/")]
    }

    /// What browsers may load from a page of this server, and who may frame it. Nothing inline.
    static let contentSecurityPolicy =
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}
