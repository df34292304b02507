/** What is used of http-cache-semantics: its own types are JSDoc, which the compiler does not read in packages. */
declare module 'http-cache-semantics' {
  type Headers = Record<string, string>;
  class CachePolicy {
    constructor(
      req: { method: string; url: string; headers: Headers },
      res: { status: number; headers: Headers },
      options: { shared: boolean; cacheHeuristic: number },
    );
    /** Milliseconds since the epoch. */
    now(): number;
    storable(): boolean;
    /** Seconds. */
    age(): number;
    /** Seconds. */
    maxAge(): number;
  }
  export = CachePolicy;
}
