// Rejoin for JavaScript: the classes that programs see.
//
// They translate calls and own lifetimes. Every rule, which value wins, what an element is, when two
// replicas agree, is in the WebAssembly module, which is the same engine that Rust programs use.

import { Replica as Engine } from '../pkg/rejoin_wasm.js';
import { RejoinError } from './error.js';
import { Counter, OrMap, OrSet, Register } from './handle.js';
import { enter } from './instance.js';
import { transact } from './transaction.js';

export { RejoinError } from './error.js';
export { Counter, OrMap, OrSet, Register } from './handle.js';
export { init as default, init, initSync } from './instance.js';
export { Timestamp } from './timestamp.js';

/** The memory that a replica owns in the instance, and who is using it. */
class Memory {
  #engine;
  #users = 0;

  constructor(engine) {
    this.#engine = engine;
  }

  use(call) {
    if (this.#engine === undefined) {
      throw new RejoinError('freed', 'this replica has been freed');
    }
    this.#users += 1;
    try {
      return enter(() => call(this.#engine));
    } finally {
      this.#users -= 1;
    }
  }

  ask(operation, path, argument) {
    return this.use((engine) => engine.ask(operation, path, argument));
  }

  free() {
    if (this.#engine === undefined) return;
    if (this.#users > 0) {
      throw new RejoinError('busy', 'a replica cannot be freed while it is in use');
    }
    const engine = this.#engine;
    this.#engine = undefined;
    enter(() => engine.free());
  }
}

/** A replica whose state lives as long as this object. */
export class Replica {
  #memory;

  constructor(options = {}) {
    this.#memory = new Memory(enter(() => new Engine(options.replicaId, options.now)));
  }

  static inMemory(options) {
    return new Replica(options);
  }

  transact(body) {
    return transact((run) => this.#memory.use((engine) => engine.transact(run)), body);
  }

  register(...path) {
    return new Register(this.#memory, path);
  }

  set(...path) {
    return new OrSet(this.#memory, path);
  }

  counter(...path) {
    return new Counter(this.#memory, path);
  }

  map(...path) {
    return new OrMap(this.#memory, path);
  }

  conflicts(...path) {
    const found = this.#memory.use((engine) => engine.conflicts(path));
    return found.map((conflict) => new Conflict(this.#memory, conflict));
  }

  context() {
    return this.#memory.use((engine) => engine.context());
  }

  deltaSince(context) {
    return this.#memory.use((engine) => engine.deltaSince(context));
  }

  apply(delta) {
    return this.#memory.use((engine) => engine.apply(delta));
  }

  fingerprint() {
    return this.#memory.use((engine) => engine.fingerprint());
  }

  free() {
    this.#memory.free();
  }
}

// Browsers without `using` lack the symbol; there `free` is called by its name, or by nobody: what is
// garbage in JavaScript is freed in the instance too.
if (Symbol.dispose !== undefined) {
  Replica.prototype[Symbol.dispose] = Replica.prototype.free;
}

/** A place where concurrent changes left more than a reader sees, as it was when it was listed. */
class Conflict {
  #memory;
  #conflict;

  constructor(memory, conflict) {
    this.#memory = memory;
    this.#conflict = conflict;
    Object.assign(this, enter(() => conflict.describe()));
  }

  resolve(choose) {
    if (this.siblings === undefined) {
      throw new RejoinError('type-clash', 'a path used as two types is resolved by deleting one');
    }
    const value = choose(this.siblings);
    this.#memory.use((engine) => engine.resolve(this.#conflict, value));
  }
}
