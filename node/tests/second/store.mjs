// What a replica keeps, how a delta is joined, and what a reader finds: `docs/state.md`.

import { Reader, blake3, check, hex, pack, unhex, unpack } from './bytes.mjs';
import { NOTHING, RESET, ROW, SLOT, TOMBSTONE, VALUE, contextCovers, contextJoined, contextOf, has,
  inside, meet, pieces, same, vectorAt } from './wire.mjs';

// ---------------------------------------------------------------------------------- the store

const isSlotOrRow = ({ kind }) => kind === SLOT || kind === ROW;
const names = (dots, { id, seq }) => dots.some((dot) => dot.id === id && dot.seq === seq);
const inOrder = (dots) => dots.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.seq - b.seq));

export class Store {
  cells = new Map(); // key -> dots {id, seq, entry}, by (id, seq)
  tombstones = [];
  context = NOTHING;
  clock = 0n;

  constructor(id) {
    this.id = id;
  }

  /** How many changes this replica has made; the same in all segments. */
  get own() {
    return vectorAt(this.context, '').get(this.id) ?? 0;
  }

  /** What somebody lacks whose context is `theirs`. */
  deltaSince(theirs) {
    const parts = [];
    for (const { start, end, one: upto, two } of pieces(this.context, theirs)) {
      const base = meet(upto, two);
      if (same(base, upto)) continue;
      const keys = [...this.cells.keys()].filter((key) => inside({ start, end }, key)).sort();
      const cells = keys.map((key) => {
        const dots = this.cells.get(key);
        const kept = dots.filter((dot) => has(base, dot) && !isSlotOrRow(dot.entry));
        return { key, kept, fresh: dots.filter((dot) => !has(base, dot)) };
      }).filter(({ fresh }) => fresh.length > 0);
      const tombstones = this.tombstones.filter((dot) => !has(base, dot) && has(upto, dot))
        .map((tombstone) => ({ ...tombstone, ...overlap(tombstone, { start, end }) }))
        .filter((range) => range.end === null || range.start < range.end);
      parts.push({ start, end, base, upto, cells, tombstones: inOrder(tombstones) });
    }
    return { parts };
  }

  /** Applies a delta all of whose bases are covered. The order of the three steps matters. */
  join({ parts }) {
    for (const part of parts) {
      if (contextCovers(this.context, contextOf(part, part.upto))) continue;
      for (const cell of part.cells) this.joinCell(cell, part.upto);
      for (const tombstone of part.tombstones) this.bury(tombstone);
      this.context = contextJoined(this.context, contextOf(part, part.upto));
    }
  }

  /** The one rule: a dot stays that both sides hold, or that the other side has not seen. */
  joinCell({ key, kept, fresh }, upto) {
    const seen = vectorAt(this.context, key);
    let dots = (this.cells.get(key) ?? []).filter((dot) =>
      isSlotOrRow(dot.entry) || !has(upto, dot) || names(kept, dot) || names(fresh, dot));
    for (const dot of fresh.filter((dot) => !has(seen, dot))) {
      const isOlderSelf = ({ id, entry }) => id === dot.id && isSlotOrRow(entry);
      if (isSlotOrRow(dot.entry)) dots = dots.filter((old) => !isOlderSelf(old));
      dots.push(dot);
      this.observe(dot.entry.stamp ?? 0n);
    }
    this.put(key, dots);
  }

  /** A range tombstone removes what it has seen, but never a reset or a row. */
  bury(tombstone) {
    const spared = ({ kind }) => kind === RESET || kind === ROW;
    for (const [key, dots] of this.cells) {
      if (!inside(tombstone, key)) continue;
      this.put(key, dots.filter((dot) => spared(dot.entry) || !has(tombstone.seen, dot)));
    }
    this.tombstones.push(tombstone);
  }

  /** Puts dots in a cell, save slots that a reset has seen in their latest form. */
  put(key, dots) {
    const reset = resetOf(dots);
    const isReset = ({ id, seq, entry }) => entry.kind === SLOT && reset.get(id)?.seq >= seq;
    const live = dots.filter((dot) => !isReset(dot));
    if (live.length === 0) this.cells.delete(key);
    else this.cells.set(key, inOrder(live));
  }

  /** A change of one cell: the next own dot in the place of whatever `superseded` names. */
  commit(key, superseded, entryFor) {
    const dots = this.cells.get(key) ?? [];
    const seq = this.own + 1;
    const dot = { id: this.id, seq, entry: entryFor(dots.filter(superseded), seq) };
    this.put(key, [...dots.filter((old) => !superseded(old)), dot]);
    this.context = contextJoined(this.context, [{ start: '', vector: new Map([[this.id, seq]]) }]);
  }

  /** Writes a value, or removes what is there if there is none to write. */
  write(key, value) {
    const stamp = this.tick();
    const superseded = ({ entry }) => entry.kind === VALUE || entry.kind === TOMBSTONE;
    this.commit(key, superseded, (over) =>
      (value === null ? { kind: TOMBSTONE, stamp, over } : { kind: VALUE, stamp, value }));
  }

  count(key, by) {
    const isOwn = ({ id, entry }) => id === this.id && entry.kind === SLOT;
    this.commit(key, isOwn, ([own], seq) => {
      const { epoch, inc, dec } = own?.entry ?? { epoch: seq, inc: 0n, dec: 0n };
      const [up, down] = by > 0n ? [by, 0n] : [0n, -by];
      return { kind: SLOT, epoch, inc: inc + up, dec: dec + down };
    });
  }

  tick() {
    const now = BigInt(Date.now()) << 16n;
    this.clock = now > this.clock ? now : this.clock + 1n;
    return this.clock;
  }

  observe(stamp) {
    const isSuspect = stamp >> 16n > BigInt(Date.now() + 60_000);
    if (stamp > this.clock && !isSuspect) this.clock = stamp;
  }
}

function overlap(one, two) {
  const ends = [one.end, two.end].filter((end) => end !== null).sort();
  return { start: one.start > two.start ? one.start : two.start, end: ends[0] ?? null };
}

/** What all resets of a cell have seen of each writer: the greatest record. */
function resetOf(dots) {
  const greatest = new Map();
  for (const record of dots.flatMap(({ entry }) => entry.records ?? [])) {
    if (!(greatest.get(record.id)?.seq >= record.seq)) greatest.set(record.id, record);
  }
  return greatest;
}

// ------------------------------------------------------------------------------------ reading

export const [REGISTER, COUNTER, BOUNDED_COUNTER, SET] = ['01', '08', '09', '0b'];
export const valuesOf = (dots) => dots.filter(({ entry }) => entry.kind === VALUE);
const totalOf = (list) => list.reduce((total, { inc, dec }) => total + inc - dec, 0n);

/** The key of a path, and of an element of the set at the path. */
export function keyOf(components, tag, element) {
  const escaped = (bytes) => hex(bytes).replace(/../g, (byte) => (byte === '00' ? '00ff' : byte));
  const path = components.map((component) => {
    if (typeof component === 'string') return `40${escaped(Buffer.from(component))}00`;
    check(Number.isSafeInteger(component) && component >= 0, 'text or a whole number');
    const digits = component === 0 ? '' : component.toString(16);
    const bytes = Math.ceil(digits.length / 2);
    return (0x28 + bytes).toString(16) + digits.padStart(2 * bytes, '0');
  });
  return path.join('') + (element === undefined ? '' : `70${escaped(pack(element))}00`) + tag;
}

/** The components of a key, its element if it has one, and its tag. */
function readKey(key) {
  const reader = new Reader(unhex(key));
  const path = [];
  const unescaped = () => {
    const bytes = [];
    for (let byte; (byte = reader.byte()) !== 0 || reader.bytes[reader.at] === 0xff;) {
      bytes.push(byte);
      if (byte === 0) reader.byte();
    }
    return Buffer.from(bytes);
  };
  for (;;) {
    const first = reader.byte();
    if (first < 0x10) return { path, tag: first.toString(16).padStart(2, '0') };
    if (first === 0x40) path.push(unescaped().toString());
    else if (first === 0x28) path.push(0n);
    else if (first === 0x70) {
      const element = unpack(new Reader(unescaped()));
      return { path, element, tag: hex(reader.take(1)) };
    } else {
      check(first > 0x28 && first <= 0x30, `a component that begins with ${first}: not needed here`);
      path.push(BigInt(`0x${hex(reader.take(first - 0x28))}`));
    }
  }
}

/** What a register shows: the last value by clock, then by dot. */
function winner(dots) {
  const later = (last, dot) => (last && last.entry.stamp > dot.entry.stamp ? last : dot);
  return valuesOf(dots).reduce(later, null);
}

/** The sum of what the resets have not seen of the slots. */
function counterTotal(dots) {
  const reset = resetOf(dots);
  return totalOf(dots.filter(({ entry }) => entry.kind === SLOT).map(({ id, entry }) => {
    const seen = reset.get(id);
    if (!(seen?.seq >= entry.epoch)) return entry;
    return { inc: entry.inc - seen.inc, dec: entry.dec - seen.dec };
  }));
}

/** What a reader finds in a cell: its type and value, or nothing. */
export function read(key, dots) {
  const { path, element, tag } = readKey(key);
  const entries = dots.map(({ entry }) => entry);
  const isCounted = entries.some(isSlotOrRow);
  const shown = winner(dots);
  if (tag === REGISTER && shown) {
    return { path, type: 'register', value: unpack(new Reader(shown.entry.value)) };
  }
  if (tag === SET && shown) return { path, type: 'set', value: element };
  if (tag === COUNTER && isCounted) return { path, type: 'counter', value: counterTotal(dots) };
  if (tag === BOUNDED_COUNTER && isCounted) {
    return { path, type: 'bounded_counter', value: totalOf(entries.filter(isSlotOrRow)) };
  }
  return null;
}

/** JSON, with whole numbers of any size. */
export function json(value) {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  return `{${pairs.map(([key, item]) => `${JSON.stringify(String(key))}:${json(item)}`).join()}}`;
}

const HASH_KEY = Buffer.from('rejoin: cell fingerprint, form 1');

/** Equal contexts must have equal fingerprints. */
export function fingerprintOf(store) {
  let [cells, sum] = [0n, 0n];
  for (const [key, dots] of store.cells) {
    const reset = resetOf(dots);
    const parts = dots.flatMap(({ id, seq, entry }) => {
      const dot = [unhex(id), seq];
      const { kind, stamp, value, inc, dec, epoch, sent } = entry;
      if (kind === VALUE) return [[0, dot, stamp, value]];
      const rights = sent?.map((receiver) => [unhex(receiver.id), receiver.rights]);
      if (kind === ROW) return [[2, dot, [inc, dec, rights]]];
      if (kind !== SLOT) return [];
      const seen = reset.get(id)?.seq >= epoch ? reset.get(id) : { inc: 0n, dec: 0n };
      return [[1, dot, epoch, [inc - seen.inc, dec - seen.dec]]];
    });
    if (parts.length === 0) continue;
    const hash = blake3(Buffer.concat([unhex(key), ...parts].map(pack)), 32, HASH_KEY);
    cells += 1n;
    sum = BigInt.asUintN(256, sum + BigInt(`0x${hex(hash.reverse())}`));
  }
  const littleEndian = (n, bytes) => unhex(n.toString(16).padStart(2 * bytes, '0')).reverse();
  return blake3(Buffer.concat([littleEndian(cells, 8), littleEndian(sum, 32)]), 16, HASH_KEY);
}
