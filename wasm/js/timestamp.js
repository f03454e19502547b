// Times that a Date cannot hold.

/** A point in time: whole seconds since 1970, rounded towards the past, and nanoseconds after it. */
export class Timestamp {
  constructor(seconds, nanos = 0) {
    this.seconds = seconds;
    this.nanos = nanos;
    Object.freeze(this);
  }
}
