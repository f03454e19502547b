// Handles: a place in a document and the calls that its data type offers.
//
// A handle holds a path and a port. The port asks the committed state of a replica, or a transaction;
// the answers come from the engine, and nothing is remembered here.

import { Operation } from '../pkg/rejoin_wasm.js';

class Handle {
  #port;
  #path;

  constructor(port, path) {
    this.#port = port;
    this.#path = path;
  }

  get path() {
    return [...this.#path];
  }

  /** Asks the port to do `operation` here. */
  _ask(operation, argument) {
    return this.#port.ask(operation, this.#path, argument);
  }

  /** A handle of another class below this one, with the same port. */
  _below(kind, path) {
    return new kind(this.#port, [...this.#path, ...path]);
  }
}

export class Register extends Handle {
  get() {
    return this._ask(Operation.RegisterGet);
  }
}

export class RegisterWriter extends Register {
  set(value) {
    this._ask(Operation.RegisterSet, value);
  }

  delete() {
    return this._ask(Operation.RegisterDelete);
  }
}

export class OrSet extends Handle {
  has(element) {
    return this._ask(Operation.SetHas, element);
  }

  values() {
    return this._ask(Operation.SetValues);
  }
}

export class OrSetWriter extends OrSet {
  add(element) {
    this._ask(Operation.SetAdd, element);
  }

  remove(element) {
    return this._ask(Operation.SetRemove, element);
  }
}

export class Counter extends Handle {
  get value() {
    return this._ask(Operation.CounterValue);
  }
}

export class CounterWriter extends Counter {
  add(amount) {
    this._ask(Operation.CounterAdd, amount);
  }
}

export class OrMap extends Handle {
  get exists() {
    return this._ask(Operation.MapExists);
  }

  keys() {
    return this._ask(Operation.MapKeys);
  }

  register(...path) {
    return this._below(Register, path);
  }

  set(...path) {
    return this._below(OrSet, path);
  }

  counter(...path) {
    return this._below(Counter, path);
  }

  map(...path) {
    return this._below(OrMap, path);
  }
}

export class OrMapWriter extends OrMap {
  create() {
    this._ask(Operation.MapCreate);
  }

  delete() {
    return this._ask(Operation.MapDelete);
  }

  register(...path) {
    return this._below(RegisterWriter, path);
  }

  set(...path) {
    return this._below(OrSetWriter, path);
  }

  counter(...path) {
    return this._below(CounterWriter, path);
  }

  map(...path) {
    return this._below(OrMapWriter, path);
  }
}
