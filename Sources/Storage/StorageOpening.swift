// Why a store cannot be opened: what no waiting mends, so that a server says so and does not start.

/// A store that cannot be opened.
public struct StorageOpening: Error, Hashable, Sendable, CustomStringConvertible {
    /// For people, with the path or the server's name. A sentence without its full stop.
    public let description: String

    public init(_ description: String) { self.description = description }

    /// What a schema is refused with that was made by a later release.
    public static func newerSchema(_ found: Int64, known: Int, in place: String) -> StorageOpening {
        StorageOpening(
            "\(place) has schema \(found), and this release knows schemas up to \(known): use the release"
                + " that wrote it, or a later one")
    }
}
