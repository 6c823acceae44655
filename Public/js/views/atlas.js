export class AtlasView { constructor() {} update() {} }
