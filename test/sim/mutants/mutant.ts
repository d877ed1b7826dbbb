/** A fault to introduce into a copy of `src`. */
export interface Mutant {
  name: string;
  /**
   * The declaration to change, in whichever file of `src` has it: a top-level function, class or
   * constant, or one of its members: `RequestBook.lost`, `Session.#push`, `Session.constructor`.
   */
  at: string;
  /** Must occur exactly once within `at`. Whitespace, comments and trailing commas are ignored. */
  find: string;
  replace: string;
}
