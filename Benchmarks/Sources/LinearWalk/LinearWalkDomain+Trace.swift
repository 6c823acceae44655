// The reference runs traces like the product.

public import AllocatorTraces

extension LinearWalkDomain: IOVAAllocator {}
