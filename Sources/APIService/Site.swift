// Static files, read once at start by the composition root: the service itself does no I/O.

public import HTTPMessages

/// Files by absolute URL path.
public struct Site: Sendable {
    public struct File: Sendable {
        public var body: [UInt8]
        public var mediaType: String
        /// Strong entity tag, quotes included.
        public var etag: String

        public init(body: [UInt8], mediaType: String) {
            self.body = body
            self.mediaType = mediaType
            etag = EntityTag.of(body)
        }
    }

    public var files: [String: File]

    public init(files: [String: File] = [:]) { self.files = files }
}
