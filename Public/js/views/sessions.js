export class SessionsView { constructor() {} update() {} }
