/** What a person is told instead of a stack, in one sentence. */
export class Failure extends Error {
  /** @param exitCode 1: it did not work or is not so; 2: it was called wrongly */
  constructor(message: string, readonly exitCode: 1 | 2 = 1) {
    super(message);
  }
}
