export class PlacementView { constructor() {} update() {} }
