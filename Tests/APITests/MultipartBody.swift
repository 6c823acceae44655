// Bodies of several parts, as `curl -F` sends them, for tests of every upload.

/// A body of type `multipart/form-data; boundary=B`.
func form(_ parts: [(name: String, type: String, bytes: [UInt8])]) -> [UInt8] {
    parts.flatMap { part in
        Array(
            "--B\r\nContent-Disposition: form-data; name=\"\(part.name)\"\r\nContent-Type: \(part.type)\r\n\r\n"
                .utf8)
            + part.bytes + [0x0d, 0x0a]
    } + Array("--B--\r\n".utf8)
}
