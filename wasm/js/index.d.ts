/** What a register can hold and a set can contain. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Date
  | Timestamp
  | readonly Value[]
  | { readonly [key: string]: Value }
  | ReadonlyMap<string | number | bigint, Value>;

/** One step of a path. A number must be an integer. */
export type Component = string | number | bigint | boolean | Uint8Array | { readonly uuid: string };

/** Why a call was refused; see `docs/browser.md`. Unless it says otherwise nothing was changed. */
export type ErrorCode =
  | 'asynchronous'
  | 'busy'
  | 'conflict-changed'
  | 'counter-overflow'
  | 'delta-too-large'
  | 'freed'
  | 'gap'
  | 'holds-bounded-counter'
  | 'inadmissible'
  | 'integer-out-of-range'
  | 'invalid-amount'
  | 'invalid-clock'
  | 'invalid-date'
  | 'invalid-delta'
  | 'invalid-id'
  | 'invalid-path'
  | 'lone-surrogate'
  | 'malformed-bytes'
  | 'nested'
  | 'no-environment'
  | 'no-randomness'
  | 'not-a-member'
  | 'not-a-register'
  | 'not-bytes'
  | 'not-initialised'
  | 'not-loaded'
  | 'poisoned'
  | 'read-only'
  | 'refused'
  | 'shortfall'
  | 'too-many-lives'
  | 'transaction-over'
  | 'transaction-too-large'
  | 'type-clash'
  | 'unauthorised'
  | 'unknown-format'
  | 'unknown-own-changes'
  | 'unreadable-value'
  | 'unsupported-value'
  | 'value-too-deep'
  | 'value-too-large';

/** The one class of everything that this package refuses. */
export class RejoinError extends Error {
  constructor(code: ErrorCode, message: string, cause?: unknown);
  readonly code: ErrorCode;
}

/** A point in time that a Date cannot hold: finer than a millisecond, or too far away. */
export class Timestamp {
  /** `nanos` counts from the second, and is below one second. */
  constructor(seconds: number | bigint, nanos?: number);
  /** Whole seconds since 1970-01-01T00:00:00Z, rounded towards the past. */
  readonly seconds: number | bigint;
  readonly nanos: number;
}

/** Where the WebAssembly module comes from. */
export type Source = URL | string | Request | Response | BufferSource | WebAssembly.Module;

/** Loads the WebAssembly module, once. Without an argument it is fetched from beside this package. */
export function init(source?: Source | Promise<Source>): Promise<void>;
export default init;

/** As `init`, from bytes or a compiled module, where nothing can be awaited. */
export function initSync(module: BufferSource | WebAssembly.Module): void;

interface Handle {
  readonly path: Component[];
}

/** A register that shows the last value by the writers' clocks. */
export interface Register extends Handle {
  /** The value; `undefined` if there is none. */
  get(): Value | undefined;
}

/** A set where adding wins against removing at the same time. */
export interface OrSet extends Handle {
  has(element: Value): boolean;
  /** The elements, in an order that all replicas agree on. */
  values(): Value[];
}

/** A counter of increments and decrements. */
export interface Counter extends Handle {
  /** The total; a `bigint` where a number would not be exact. */
  readonly value: number | bigint;
}

/** Everything below a path. */
export interface OrMap extends Handle {
  readonly exists: boolean;
  /** The names directly below. */
  keys(): Component[];
  register(...path: Component[]): Register;
  set(...path: Component[]): OrSet;
  counter(...path: Component[]): Counter;
  map(...path: Component[]): OrMap;
}

export const Register: { readonly prototype: Register };
export const OrSet: { readonly prototype: OrSet };
export const Counter: { readonly prototype: Counter };
export const OrMap: { readonly prototype: OrMap };

export interface RegisterWriter extends Register {
  set(value: Value): void;
  /** Returns whether there was anything to delete. */
  delete(): boolean;
}

export interface OrSetWriter extends OrSet {
  add(element: Value): void;
  /** Returns whether there was anything to remove. */
  remove(element: Value): boolean;
}

export interface CounterWriter extends Counter {
  /** Adds a 64-bit integer, which may be negative. */
  add(amount: number | bigint): void;
}

export interface OrMapWriter extends OrMap {
  /** Makes the map exist even while nothing is below it. */
  create(): void;
  /** Deletes everything that is seen below. Returns whether there was anything to delete. */
  delete(): boolean;
  register(...path: Component[]): RegisterWriter;
  set(...path: Component[]): OrSetWriter;
  counter(...path: Component[]): CounterWriter;
  map(...path: Component[]): OrMapWriter;
}

/** Changes that are committed together. It reads what it has written. */
export interface Transaction {
  register(...path: Component[]): RegisterWriter;
  set(...path: Component[]): OrSetWriter;
  counter(...path: Component[]): CounterWriter;
  map(...path: Component[]): OrMapWriter;
}

/** One of several concurrent writes. */
export interface Sibling {
  /** The id of the replica that wrote it. */
  readonly replica: string;
  /** As which of its changes. */
  readonly seq: number | bigint;
  /** When, in milliseconds since 1970 by the writer's clock. */
  readonly time: number;
  /** Whether it is a deletion that takes part in the comparison. */
  readonly deleted: boolean;
  readonly value: Value | undefined;
}

/** A place where concurrent changes left more than a reader sees, as it was when it was listed. */
export interface Conflict {
  readonly path: Component[];
  /** The type of the register, if values were written concurrently. */
  readonly type?: string;
  readonly siblings?: readonly Sibling[];
  /** The types, if one path was used as several. */
  readonly types?: readonly string[];
  /** Writes the chosen value over exactly these siblings; what arrived since stays beside it. */
  resolve(choose: (siblings: readonly Sibling[]) => Value): void;
}

export interface ReplicaOptions {
  /** 16 bytes that no other replica has, ever; drawn at random if left out. */
  replicaId?: Uint8Array;
  /** The milliseconds since 1970. */
  now?: () => number;
}

/** What applying a delta did. */
export interface Applied {
  readonly cells: number;
  readonly deletedRanges: number;
}

/** A replica whose state lives as long as this object. */
export class Replica implements Disposable {
  constructor(options?: ReplicaOptions);
  static inMemory(options?: ReplicaOptions): Replica;
  /** Commits everything that `body` changes, or nothing if it throws. Returns what it returned. */
  transact<T>(body: (tx: Transaction) => T extends PromiseLike<unknown> ? never : T): T;
  register(...path: Component[]): Register;
  set(...path: Component[]): OrSet;
  counter(...path: Component[]): Counter;
  map(...path: Component[]): OrMap;
  /** The conflicts at and below a path. */
  conflicts(...path: Component[]): Conflict[];
  /** What this replica has incorporated. Give it to a peer to get a delta. */
  context(): Uint8Array;
  /** Everything that a replica with this context lacks; without one, everything. */
  deltaSince(context?: Uint8Array): Uint8Array;
  /** Applies a delta of another replica, as one; after an error nothing was changed. */
  apply(delta: Uint8Array): Applied;
  /** 32 hexadecimal digits that two replicas of equal context and equal state agree on. */
  fingerprint(): string;
  /** Frees the memory now instead of when this object is garbage; a second call does nothing. */
  free(): void;
  [Symbol.dispose](): void;
}
