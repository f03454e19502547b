// A second implementation of a Rejoin peer. It was written from `docs/protocol.md` and the pages
// which that page names, not from the first implementation: where a test of it fails, the pages or
// one of the two are wrong. It is documentation that runs: Node.js, no package, four files.
//
//     node peer.mjs REPLICA_ID          (32 hexadecimal digits)
//
// Commands come on standard input, one JSON array per line; they are at the end of this file. Each
// is answered by its lines and then `ok`. Whatever goes wrong ends the process with a reason.

import net from 'node:net';
import readline from 'node:readline';

import { Reader, blake3, check, hex, pack, unhex, unpack, varint } from './bytes.mjs';
import { COUNTER, REGISTER, SET, Store, fingerprintOf, json, keyOf, read,
  valuesOf } from './store.mjs';
import { NOTHING, contextBytes, contextCovers, contextJoined, contextOf, deltaBytes, envelope,
  readContext, readDelta } from './wire.mjs';

const KINDS = ['', 'hello', 'pull', 'delta', 'announce', 'ack', 'current', 'ping', 'pong', 'credit',
  'error', 'close'];
/** Small, so that a few hundred records already take several frames and several pulls. */
const [FRAME_BYTES, DELTA_BYTES, WINDOW_BYTES] = [2048, 4096, 8192];
const HELLO_BYTES = 16384;
/** In the order of the hello: cells, key, components, value, dots per life, vector, tombstones. */
const OTHER_LIMITS = [1_000_000, 1024, 32, 262_144, 2, 65_536, 4096];

/** Why a session ends: a code of section 6 of the protocol and its two numbers. */
class Refusal extends Error {
  constructor(code, why, first = 0, second = 0) {
    super(`${why} (error ${code})`);
    Object.assign(this, { code, first, second });
  }
}

function demand(holds, code, why, first, second) {
  if (!holds) throw new Refusal(code, why, Number(first ?? 0), Number(second ?? 0));
}

/** Runs a decoder; whatever is wrong with its bytes ends the session with `code`. */
function refusing(code, decode, first = 0) {
  try {
    return decode();
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(code, error.message, first);
  }
}

/** What whoever sends or has applied a delta has incorporated at the least. */
function reachOf({ parts }) {
  return parts.map((part) => contextOf(part, part.upto)).reduce(contextJoined, NOTHING);
}

// --------------------------------------------------------------------------------- the session

class Session {
  received = Buffer.alloc(0);
  hasPrologue = false;
  bodies = new Map(); // kind -> the bodies so far of a message that is not complete
  limits = null; // of the peer, from its hello: frame bytes first
  told = null; // the last context told, and the last one heard
  heard = null;
  peer = null; // what the peer has at the least; null while that is not known
  shown = NOTHING; // what the peer has if all that was sent to it arrives
  pulling = 0; // the id of the pull that has no answer yet
  counts = { pulls: 0, deltas: 0, refused: 0, equal: 0 };
  credit = 0;
  toGrant = 0;
  waiting = []; // frames of deltas that wait for credit

  /** `cluster` may be null: then the peer says hello first, and its cluster is taken. */
  constructor(store, cluster, socket, changed) {
    Object.assign(this, { store, cluster, socket, changed, isDeaf: false, ended: null });
    socket.on('data', (bytes) => this.guard(() => this.receive(bytes)));
    socket.on('close', () => this.end('the connection has ended'));
    socket.on('error', (error) => this.end(error.message));
    if (cluster !== null) this.greet();
  }

  /** Runs what a message causes; a refusal is told to the peer and ends the session. */
  guard(work) {
    if (this.ended) return;
    try {
      work();
    } catch (error) {
      if (error instanceof Refusal) this.send('error', error.code, error.first, error.second);
      this.end(error.stack);
    }
    this.changed();
  }

  end(why) {
    this.ended ??= why;
    this.socket.end();
    this.changed();
  }

  // Frames: section 1.

  greet() {
    const noHorizon = Buffer.concat([Buffer.from([0]), envelope([], Buffer.from([0]))]);
    this.socket.write(Buffer.from([0x52, 0x4a, 0x4e, 1, 1]));
    this.send('hello', 1, 1, unhex(this.cluster), unhex(this.store.id), 0, WINDOW_BYTES,
      [FRAME_BYTES, DELTA_BYTES, ...OTHER_LIMITS], noHorizon, this.tell(), null);
  }

  send(name, ...elements) {
    const body = pack(elements);
    const limit = Math.min(FRAME_BYTES, this.limits?.[0] ?? HELLO_BYTES);
    for (let at = 0; at < body.length; at += limit) {
      const piece = body.subarray(at, at + limit);
      const type = Buffer.from([KINDS.indexOf(name) | (at + limit < body.length ? 0x40 : 0)]);
      const checksum = blake3(Buffer.concat([type, piece]), 4);
      const frame = Buffer.concat([type, varint(piece.length), piece, checksum]);
      if (name === 'delta') this.waiting.push({ frame, cost: piece.length });
      else this.socket.write(frame);
    }
    this.spend();
  }

  /** Section 5: only the bodies of delta frames cost credit. */
  spend() {
    while (this.waiting.length > 0 && this.waiting[0].cost <= this.credit) {
      const { frame, cost } = this.waiting.shift();
      this.credit -= cost;
      this.socket.write(frame);
    }
  }

  receive(bytes) {
    this.received = Buffer.concat([this.received, bytes]);
    if (!this.hasPrologue && this.received.length >= 5) {
      const [magic, flags] = [hex(this.received.subarray(0, 4)), this.received[4]];
      demand(magic === '524a4e01' && flags <= 1, 1, 'not this protocol');
      Object.assign(this, { hasPrologue: true, sumBytes: 4 * flags });
      this.received = this.received.subarray(5);
    }
    while (this.hasPrologue && !this.ended && this.takeFrame());
  }

  /** Takes the next frame, if it is complete. */
  takeFrame() {
    const lengthBytes = this.received.subarray(1, 11).findIndex((byte) => byte < 0x80) + 1;
    if (lengthBytes === 0) return false;
    const reader = new Reader(this.received);
    const type = reader.byte();
    const length = refusing(1, () => reader.count());
    demand(length <= (this.limits ? FRAME_BYTES : HELLO_BYTES), 1, 'a frame beyond the limit');
    if (reader.left < length + this.sumBytes) return false;
    const body = Buffer.from(reader.take(length));
    const sum = blake3(Buffer.concat([Buffer.from([type]), body]), this.sumBytes);
    demand(sum.equals(reader.take(this.sumBytes)), 1, 'a checksum that is wrong');
    this.received = this.received.subarray(reader.at);
    const isLast = (type & 0x40) === 0;
    if (KINDS[type & 63]) this.takeBody(type & 63, isLast, body);
    else demand(type >= 0x80, 3, 'an unknown frame', type & 63);
    return true;
  }

  takeBody(kind, isLast, body) {
    const name = KINDS[kind];
    demand((name === 'hello') === (this.limits === null), 6, `${name} at the wrong time`, kind);
    const bodies = [...(this.bodies.get(kind) ?? []), body];
    const length = bodies.reduce((sum, { length }) => sum + length, 0);
    const withForm = ['pull', 'announce', 'ack', 'current'].includes(name) ? 4 * FRAME_BYTES : 1024;
    const most = { hello: HELLO_BYTES, delta: DELTA_BYTES + 16 }[name] ?? withForm;
    demand(length <= most, 4, `${name} is too large`, length, most);
    if (name === 'delta') this.grant(body.length);
    this.bodies.set(kind, isLast ? [] : bodies);
    if (!isLast) return;
    const elements = refusing(5, () => {
      const reader = new Reader(Buffer.concat(bodies));
      const array = unpack(reader);
      reader.end();
      check(Array.isArray(array), 'a message that is no array');
      return array;
    }, kind);
    this[`on${name[0].toUpperCase()}${name.slice(1)}`](...elements);
  }

  grant(length) {
    this.toGrant += length;
    if (this.toGrant < WINDOW_BYTES / 4) return;
    this.send('credit', this.toGrant);
    this.toGrant = 0;
  }

  // Contexts: section 3. What is told here is nil or the full form; all forms are understood.

  tell() {
    const bytes = contextBytes(this.store.context);
    this.shown = contextJoined(this.shown, this.store.context);
    if (this.told?.equals(bytes)) return null;
    this.told = bytes;
    return Buffer.concat([Buffer.from([0]), bytes]);
  }

  hear(form) {
    if (form !== null) this.heard = refusing(11, () => this.readForm(form[0], form.subarray(1)));
    if (this.heard !== null) this.learn(this.heard);
  }

  readForm(which, bytes) {
    if (which === 0) return readContext(bytes);
    if (which === 1) return this.grown(new Reader(bytes));
    check(which === 2 && bytes.length === 16, 'a form of a context');
    const own = this.store.context;
    return blake3(contextBytes(own), 16).equals(bytes) ? own : null;
  }

  grown(reader) {
    check(this.heard?.length === 1, 'a difference to a context of one segment');
    const vector = new Map(this.heard[0].vector);
    const ids = [...vector.keys()].sort();
    let at = -1;
    for (let left = reader.count(); left > 0; left--) {
      at += 1 + reader.count();
      check(at < ids.length, 'a component that is not there');
      vector.set(ids[at], vector.get(ids[at]) + reader.count());
    }
    while (reader.left > 0) vector.set(hex(reader.take(16)), reader.count());
    return [{ start: '', vector }];
  }

  learn(context) {
    this.peer = contextJoined(this.peer ?? NOTHING, context);
    const claimed = Math.max(...this.peer.map(({ vector }) => vector.get(this.store.id) ?? 0));
    const { own } = this.store;
    demand(claimed <= own, 10, 'changes that I never made', claimed, own);
  }

  get lacks() {
    return this.peer === null || !contextCovers(this.store.context, this.peer);
  }

  /** Nothing is missing, here or there, as far as both have said. */
  get isSettled() {
    const own = this.store.context;
    return !this.lacks && this.pulling === 0 && contextCovers(this.peer, own);
  }

  // What happens: section 4. One method for each message.

  onHello(least, greatest, cluster, id, _features, credit, limits, _horizon, context) {
    demand(least <= 1n && greatest >= 1n, 7, 'no common version', least, greatest);
    if (this.cluster === null) {
      this.cluster = hex(cluster);
      this.greet();
    }
    demand(hex(cluster) === this.cluster, 8, 'another cluster');
    demand(id === null || hex(id) !== this.store.id, 9, 'my own replica id');
    this.limits = limits.map(Number);
    demand(Math.min(...this.limits.slice(0, 2)) >= 1024, 26, 'limits too small', ...this.limits);
    this.credit = Number(credit);
    this.hear(context);
    this.pull();
    this.push();
  }

  /** Asks for what is missing, one question at a time. */
  pull() {
    if (!this.lacks || this.pulling !== 0 || this.ended) return;
    this.counts.pulls += 1;
    this.pulling = this.counts.pulls;
    this.send('pull', this.pulling, this.tell());
  }

  /** An ack or a pull shows more than is here: that is usually on its way. */
  pullSoon() {
    if (this.lacks) setTimeout(() => this.guard(() => this.pull()), 500).unref();
  }

  onPull(id, form) {
    this.hear(form);
    demand(this.heard !== null && id !== 0n, 28, 'a pull without a context', id);
    this.answer(Number(id), this.heard);
    this.pullSoon();
  }

  answer(id, theirs) {
    const delta = this.store.deltaSince(theirs);
    if (delta.parts.length === 0) this.send('current', id, 0, this.tell(), null);
    else this.sendDelta(id, delta);
  }

  sendDelta(id, delta) {
    this.send('delta', id, deltaBytes(delta));
    this.shown = contextJoined(this.shown, reachOf(delta));
  }

  /** Sends the own changes that are not on their way yet, on the base of all else that is here. */
  push() {
    if (this.limits === null || this.peer === null) return;
    const { id, own, context } = this.store;
    const known = contextJoined(this.peer, this.shown);
    const sent = Math.min(...known.map(({ vector }) => vector.get(id) ?? 0));
    if (sent >= own) return;
    const base = context.map(({ start, vector }) => {
      const lowered = new Map(vector);
      if (sent > 0) lowered.set(id, sent);
      else lowered.delete(id);
      return { start, vector: lowered };
    });
    this.sendDelta(0, this.store.deltaSince(base));
  }

  onDelta(id, bytes) {
    this.answered(id);
    const { parts, fingerprint } = refusing(13, () => readDelta(bytes));
    this.counts.deltas += 1;
    const reach = reachOf({ parts });
    this.learn(reach);
    const isCovered = (vector) =>
      parts.every((part) => contextCovers(this.store.context, contextOf(part, part[vector])));
    if (!isCovered('upto')) {
      // A push may be held for its base for a moment. This peer never waits: it pulls.
      if (isCovered('base')) this.store.join({ parts });
      else this.counts.refused += 1;
    }
    const isCompared = this.compare(fingerprint, reach);
    if (this.lacks) this.pull();
    else this.send('ack', this.tell(), isCompared ? fingerprintOf(this.store) : null);
  }

  /** A delta or `current` with the id of the pull is its answer; those with 0 are no answers. */
  answered(id) {
    if (id === 0n) return;
    demand(Number(id) === this.pulling, 16, 'an answer to nothing', id);
    this.pulling = 0;
  }

  onAnnounce(form) {
    this.hear(form);
    if (!this.isDeaf) this.pull();
  }

  onAck(form, fingerprint) {
    this.hear(form);
    this.compare(fingerprint, this.heard);
    this.pullSoon();
  }

  onCurrent(id, flags, form, fingerprint) {
    this.answered(id);
    this.hear(form);
    this.compare(fingerprint, this.heard);
    if (flags & 1n) this.send('current', 0, 0, this.tell(), fingerprintOf(this.store));
    this.pull();
  }

  /** Compares if `context`, under which the peer took its fingerprint, is the one here, too. */
  compare(fingerprint, context) {
    const isSame = (one, two) => contextCovers(one, two) && contextCovers(two, one);
    if (fingerprint === null || !context || !isSame(context, this.store.context)) return false;
    check(fingerprint.equals(fingerprintOf(this.store)), 'ALARM: equal contexts, different states');
    this.counts.equal += 1;
    return true;
  }

  onPing(number) {
    this.send('pong', number);
  }

  onPong() {}

  onCredit(bytes) {
    this.credit += Number(bytes);
    this.spend();
  }

  onError(code, first, second) {
    this.end(`the peer reports error ${code} (${first}, ${second})`);
  }

  onClose(code) {
    this.end(`the peer has closed with code ${code}`);
  }
}

// -------------------------------------------------------------------------------- the commands

const store = new Store(process.argv[2]);
let [session, cluster] = [null, null];
let waiters = [];

/** Resolves when `holds`; an end of the session that nobody asked for ends the process. */
function until(holds) {
  return new Promise((resolve) => {
    waiters.push({ holds, resolve });
    wake();
  });
}

function wake() {
  check(!session?.ended, session?.ended);
  const ready = waiters.filter(({ holds }) => holds());
  waiters = waiters.filter((waiter) => !ready.includes(waiter));
  ready.forEach(({ resolve }) => resolve());
}

function written() {
  session?.push();
  return [];
}

const commands = {
  /** Connects, and waits until both sides have what the other one had. */
  async meet(port) {
    const socket = net.connect(port, '127.0.0.1');
    session = new Session(store, cluster, socket, () => wake());
    await until(() => session.isSettled);
    ({ cluster } = session);
    return [json(session.counts)];
  },

  /** Leaves in good order. */
  part() {
    session.changed = () => {};
    session.send('close', 0);
    session.end('parted');
    session = null;
    return [];
  },

  /** From now on does not pull at an announce, or does again. */
  deaf(is) {
    session.isDeaf = is;
    return [];
  },

  set(path, value) {
    store.write(keyOf(path, REGISTER), pack(value));
    return written();
  },

  delete(path) {
    store.write(keyOf(path, REGISTER), null);
    return written();
  },

  /** An element is a part of its key; what its cell holds is nil. */
  add(path, element) {
    store.write(keyOf(path, SET, element), pack(null));
    return written();
  },

  count(path, by) {
    store.count(keyOf(path, COUNTER), BigInt(by));
    return written();
  },

  /** Waits until the peer has acknowledged everything, and everything of the peer is here. */
  async settle() {
    await until(() => session.isSettled);
    const [token, fingerprint] = [contextBytes(store.context), fingerprintOf(store)].map(hex);
    return [json({ token, fingerprint })];
  },

  counts() {
    return [json(session.counts)];
  },

  /** What a reader finds, in key order. */
  state() {
    const keys = [...store.cells.keys()].sort();
    return keys.map((key) => read(key, store.cells.get(key))).filter((found) => found).map(json);
  },

  /** The concurrent values of a register by clock: the one that is shown comes last. */
  siblings(path) {
    const dots = valuesOf(store.cells.get(keyOf(path, REGISTER)) ?? []);
    dots.sort((a, b) => Number(a.entry.stamp - b.entry.stamp));
    return [json(dots.map(({ entry }) => unpack(new Reader(entry.value))))];
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, ...rest] = JSON.parse(line);
  const lines = await commands[name](...rest);
  process.stdout.write([...lines, 'ok', ''].join('\n'));
}
process.exit(0);
