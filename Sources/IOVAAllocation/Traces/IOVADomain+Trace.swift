// The product runs traces.

extension IOVADomain: IOVAAllocator {}
