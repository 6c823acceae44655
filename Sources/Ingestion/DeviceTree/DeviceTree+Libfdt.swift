// The fence to libfdt: the only file that holds its pointers. The blob has been checked by DeviceTreeBlob
// and is checked by libfdt once more before a byte of its structure is followed.

import CDeviceTree

extension DeviceTree {
    /// Reads a blob into owned values.
    init(reading file: [UInt8]) throws(DeviceTreeError) {
        let blob = try DeviceTreeBlob(checking: file)
        // libfdt wants eight-byte alignment, which an array does not promise.
        let copy = UnsafeMutableRawPointer.allocate(byteCount: max(blob.bytes.count, 8), alignment: 8)
        defer { copy.deallocate() }
        copy.copyMemory(from: blob.bytes, byteCount: blob.bytes.count)
        let status = fdt_check_full(copy, blob.bytes.count)
        guard status == 0 else { throw .refusedByLibfdt(String(cString: fdt_strerror(status))) }
        self.init(nodes: try Self.nodes(of: copy, blob.bytes), blob: blob.bytes)
    }

    private static func nodes(of tree: UnsafeMutableRawPointer, _ bytes: [UInt8]) throws(DeviceTreeError)
        -> [Node]
    {
        var nodes: [Node] = []
        var pathBytes = 0
        var open: [Int] = []
        // The root is at depth 0.
        var depth: Int32 = -1
        var offset = fdt_next_node(tree, -1, &depth)
        while offset >= 0, depth >= 0 {
            open.removeLast(max(0, open.count - Int(depth)))
            let name = String(cString: fdt_get_name(tree, offset, nil))
            let parent = open.last
            let parentPath = parent.map { nodes[$0].path } ?? ""
            let path = parent == nil ? "/" : parentPath == "/" ? "/\(name)" : "\(parentPath)/\(name)"
            pathBytes += path.utf8.count
            guard pathBytes <= DeviceTreeLimits.pathBytesTotalMax else {
                throw .pathsTooLong(limitBytes: DeviceTreeLimits.pathBytesTotalMax)
            }
            nodes.append(
                Node(
                    name: name, path: path, parent: parent,
                    properties: properties(of: tree, at: offset, bytes)))
            open.append(nodes.count - 1)
            offset = fdt_next_node(tree, offset, &depth)
        }
        return nodes
    }

    private static func properties(
        of tree: UnsafeMutableRawPointer, at node: Int32, _ bytes: [UInt8]
    ) -> [(name: String, value: ArraySlice<UInt8>)] {
        var properties: [(String, ArraySlice<UInt8>)] = []
        var offset = fdt_first_property_offset(tree, node)
        while offset >= 0 {
            var length: Int32 = 0
            var name: UnsafePointer<CChar>?
            if let value = fdt_getprop_by_offset(tree, offset, &name, &length), let name, length >= 0 {
                let start = UnsafeRawPointer(value) - UnsafeRawPointer(tree)
                properties.append((String(cString: name), bytes[start..<start + Int(length)]))
            }
            offset = fdt_next_property_offset(tree, offset)
        }
        return properties
    }
}
