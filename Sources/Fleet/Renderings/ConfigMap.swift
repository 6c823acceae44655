// The window for a cluster: a ConfigMap of Kubernetes that what starts VMs on a node reads, as a device
// plugin does. Its name ends with a digest of what is promised, so that another promise is another object.
// The API is v1 of Kubernetes.

import AddressSpaces

/// One object.
struct ConfigMap {
    private let vm: RenderedVM
    private let hosts: [String]

    /// - Parameter hosts: see `Rendering.text`.
    init(_ vm: RenderedVM, _ hosts: [String]) {
        self.vm = vm
        self.hosts = hosts
    }

    var text: String {
        let members = data + [("digest", digest)]
        let lines = members.map { "    \"\($0.0)\": \"\($0.1)\"" }.joined(separator: ",\n")
        return """
            {
              "apiVersion": "v1",
              "kind": "ConfigMap",
              "metadata": {
                "name": "msi-window-\(digest)",
                "labels": {
                  "app.kubernetes.io/managed-by": "iovad"
                }
              },
              "immutable": true,
              "data": {
            \(lines)
              }
            }

            """
    }

    /// Words, numbers and a mark: nothing that JSON would have to escape.
    private var data: [(String, String)] {
        var members = [
            ("window.start", vm.window.start.hex), ("window.last", vm.window.last.hex),
            ("window.size", HexLiteral.text(vm.window.size ?? 0)), ("mechanism", vm.mechanism.kind.rawValue),
            ("vmm", vm.guest.name), ("viommu", vm.guest.viommu.rawValue),
            ("ram", vm.guest.ram.map(\.text).joined(separator: " ")),
        ]
        if let mark = vm.mark { members.append(("agreement", mark)) }
        if let remedy = vm.remedy {
            members.append(("remedy", remedy.parts.map(\.kind.rawValue).joined(separator: " ")))
        }
        return members
    }

    /// Of everything that the object says, and of the hosts for which it says it.
    private var digest: String {
        let texts = data.flatMap { [$0.0, $0.1] } + hosts
        // No text has a byte 0.
        let bytes = Array(texts.joined(separator: "\0").utf8)
        return HexLiteral.digits(bytes.withUnsafeBytes { WordDigest.of($0) }, atLeast: 16)
    }
}
