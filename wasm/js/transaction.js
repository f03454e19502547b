// A transaction as the function given to `transact` sees it.

import { RejoinError } from './error.js';
import { CounterWriter, OrMapWriter, OrSetWriter, RegisterWriter } from './handle.js';
import { enter } from './instance.js';

/** The port to a transaction that is open. */
class TransactionPort {
  #change;
  #busy = false;

  constructor(change) {
    this.#change = change;
  }

  ask(operation, path, argument) {
    if (this.#change === undefined) {
      throw new RejoinError('transaction-over', 'the transaction of this handle has ended');
    }
    // A getter of the argument, or a proxy, may come back here while the engine reads it.
    if (this.#busy) {
      throw new RejoinError('busy', 'the transaction is in the middle of another change');
    }
    this.#busy = true;
    try {
      return enter(() => this.#change(operation, path, argument));
    } finally {
      this.#busy = false;
    }
  }

  close() {
    this.#change = undefined;
  }
}

export class Transaction {
  #port;

  constructor(port) {
    this.#port = port;
  }

  register(...path) {
    return new RegisterWriter(this.#port, path);
  }

  set(...path) {
    return new OrSetWriter(this.#port, path);
  }

  counter(...path) {
    return new CounterWriter(this.#port, path);
  }

  map(...path) {
    return new OrMapWriter(this.#port, path);
  }
}

/**
 * Runs `body` in a transaction that `begin` opens. Exceptions of `body` do not pass through the
 * engine: it is told to roll back, and they go on from here.
 */
export function transact(begin, body) {
  let outcome;
  begin((change) => {
    const port = new TransactionPort(change);
    try {
      outcome = { value: synchronous(body(new Transaction(port))) };
      return true;
    } catch (exception) {
      outcome = { exception };
      return false;
    } finally {
      port.close();
    }
  });
  if ('exception' in outcome) throw outcome.exception;
  return outcome.value;
}

/** What an asynchronous function does after its first `await` could not be part of the transaction. */
function synchronous(value) {
  if (typeof value?.then !== 'function') return value;
  Promise.resolve(value).catch(() => {});
  throw new RejoinError('asynchronous', 'the function given to transact must not be asynchronous');
}
