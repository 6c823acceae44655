// From a capture's firmware files to the product's platform.

import PlatformIngestion
import Platforms

extension Capture {
    /// The device tree where there is one.
    static func platform(of name: String) throws -> Platform {
        if let tree = file("platform.dtb", of: name) { return try DeviceTreeReader.read(tree) }
        return Platform(source: .acpi)
    }
}
