// The product runs traces.

public import IOVAAllocation

extension IOVADomain: IOVAAllocator {}
