extension IOVADomain {
    public var zdebug: String {
        "\(tree.leafCounts) low \(tree.lower) high \(tree.higher) h \(tree.height) root \(tree.root) ch \(tree.children.prefix(4)) keys \(tree.keys.prefix(4)) free \(tree.freeLeaves) cnt \(tree.count)"
    }
}
