/** One fault, put into a copy of `src`: `find` must stand there exactly once. */
export interface Mutant {
  name: string;
  file: string;
  find: string;
  replace: string;
}
