// The one class of everything that this package refuses.

/** An error with a `code` that keeps its meaning; the message is for people. */
export class RejoinError extends Error {
  constructor(code, message, cause) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'RejoinError';
    this.code = code;
  }
}
