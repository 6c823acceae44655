// The catalogue's machines as entries of the store.

import Machines

enum BuiltInPlatforms {
    static let entries: [PlatformEntry] = BuiltInCatalogue.all.map { id, platform in
        PlatformEntry(id: id, platform: platform, isBuiltIn: true, etag: EntityTag.of(id.utf8), costBytes: 0)
    }
}
