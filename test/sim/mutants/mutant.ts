/** One fault, put into a copy of `src`. */
export interface Mutant {
  name: string;
  /**
   * The declaration that is changed, in whichever file of `src` it stands: a function, class or
   * constant at the top of its file, or one of its members: `RequestBook.lost`, `Session.#push`,
   * `Session.constructor`.
   */
  at: string;
  /** Occurs exactly once within `at`. Whitespace, comments and trailing commas do not count. */
  find: string;
  replace: string;
}
