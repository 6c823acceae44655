// The reference runs traces like the product.

public import IOVAAllocation

extension LinearWalkDomain: IOVAAllocator {}
