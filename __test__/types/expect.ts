/** Whether two types are the same, `any` and `unknown` told apart, which assignability does not. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only when the two types are the same: `same<typeof value, string>()`. */
export function same<A, B>(..._proof: Same<A, B> extends true ? [] : ['the two types differ', A, B]): void {}
