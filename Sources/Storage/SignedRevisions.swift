// What SQL compares are signed numbers: a store in a database refuses the upper half of revisions, which only
// a damaged backup has.

extension [StoredChange] {
    /// Fails where a revision is above the highest that a signed number holds.
    public func requireSignedRevisions() throws(StorageFailure) {
        guard let highest = lazy.compactMap(\.highestRevision).max(), highest > UInt64(Int64.max) else {
            return
        }
        throw .unavailable("revision \(highest) is above \(Int64.max), the highest that the store compares")
    }
}

extension StoredChange {
    /// The highest revision that it would write or compare.
    fileprivate var highestRevision: UInt64? {
        switch self {
        case .create(_, let head, _, _, _): head.revision
        case .append(_, let after, let row, _, _): max(after.revision, row.revision)
        case .replace(_, let after, let head, _, _, _): max(after.revision, head.revision)
        case .snapshot(_, _, let row, _): row.revision
        case .remove(_, let after): after.revision
        case .answer, .forget: nil
        }
    }
}
