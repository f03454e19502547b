// Contexts and deltas and their bytes: `docs/wire-format.md`.
//
// Keys and replica ids are strings of hexadecimal digits in here: these have the order of the bytes
// and can be keys of a Map. Sequence numbers are numbers, totals of counters BigInts.

import { Reader, check, exact, hex, pack, unhex, unpack, unzigzag, varint,
  zigzag } from './bytes.mjs';

// --------------------------------------------------------------------------- what has been seen

// A version vector is a Map from replica id to sequence number. A context is a list of segments
// {start, vector} in key order; the first one starts at '', which is before every key.

export const has = (vector, { id, seq }) => (vector.get(id) ?? 0) >= seq;
export const covers = (mine, theirs) => [...theirs].every(([id, seq]) => has(mine, { id, seq }));
export const same = (one, two) => covers(one, two) && covers(two, one);
const vectorOf = (entries) => new Map([...entries].filter(([, seq]) => seq > 0));

/** The smaller number of each component. */
export function meet(one, two) {
  return vectorOf([...one].map(([id, seq]) => [id, Math.min(seq, two.get(id) ?? 0)]));
}

function joined(one, two) {
  const result = new Map(one);
  for (const [id, seq] of two) result.set(id, Math.max(seq, result.get(id) ?? 0));
  return result;
}

export const NOTHING = [{ start: '', vector: new Map() }];
export const vectorAt = (context, key) => context.findLast(({ start }) => start <= key).vector;

/** The ranges on which both contexts are uniform, with both vectors; `end` is null for no end. */
export function pieces(one, two) {
  const starts = [...new Set([...one, ...two].map(({ start }) => start))].sort();
  return starts.map((start, i) => {
    const range = { start, end: starts[i + 1] ?? null };
    return { ...range, one: vectorAt(one, start), two: vectorAt(two, start) };
  });
}

export function contextCovers(mine, theirs) {
  return pieces(mine, theirs).every(({ one, two }) => covers(one, two));
}

export const inside = ({ start, end }, key) => start <= key && (end === null || key < end);

export function contextJoined(mine, theirs) {
  const both = ({ start, one, two }) => ({ start, vector: joined(one, two) });
  const all = pieces(mine, theirs).map(both);
  return all.filter(({ vector }, i) => i === 0 || !same(vector, all[i - 1].vector));
}

/** A context that is `vector` on a range and nothing elsewhere. */
export function contextOf({ start, end }, vector) {
  const before = start === '' ? [] : NOTHING;
  const after = end === null ? [] : [{ start: end, vector: new Map() }];
  return [...before, { start, vector }, ...after];
}

function openEnvelope(bytes, elements) {
  const reader = new Reader(bytes);
  check(reader.byte() === 1, 'another format version');
  const array = unpack(reader);
  reader.end();
  check(Array.isArray(array) && array.length >= elements, 'too few elements');
  const dictionary = array[0].toString('hex').match(/.{32}/g) ?? [];
  check(dictionary.length * 16 === array[0].length, 'a dictionary of whole ids');
  check(dictionary.every((id, i) => i === 0 || dictionary[i - 1] < id), 'an ascending dictionary');
  return [dictionary, ...array.slice(1)];
}

export function envelope(dictionary, ...elements) {
  return Buffer.concat([Buffer.from([1]), pack([unhex(dictionary.join('')), ...elements])]);
}

const dictionaryOf = (ids) => [...new Set(ids)].sort();

function readVector(reader, reference, dictionary) {
  const vector = new Map(reference);
  let at = -1;
  for (let left = reader.count(); left > 0; left--) {
    at += 1 + reader.count();
    const by = reader.difference();
    check(at < dictionary.length && by !== 0, 'a component of a vector');
    const seq = (reference.get(dictionary[at]) ?? 0) + by;
    check(Number.isSafeInteger(seq) && seq >= 0, 'a sequence number');
    vector.set(dictionary[at], seq);
  }
  return vectorOf(vector);
}

function vectorBytes(vector, reference, dictionary) {
  const components = [];
  let passed = 0;
  for (const id of dictionary) {
    const by = (vector.get(id) ?? 0) - (reference.get(id) ?? 0);
    if (by !== 0) components.push(Buffer.concat([varint(passed), varint(zigzag(by))]));
    passed = by === 0 ? passed + 1 : 0;
  }
  return Buffer.concat([varint(components.length), ...components]);
}

/** Bounds share leading bytes with the bound before them in the same message. */
class Bounds {
  before = '';

  read(reader) {
    const shared = reader.count();
    check(2 * shared <= this.before.length, 'shared bytes of a bound');
    this.before = this.before.slice(0, 2 * shared) + hex(reader.take(reader.count()));
    return this.before;
  }

  bytes(bound) {
    const shared = sharedBytes(this.before, bound);
    const rest = unhex(bound.slice(2 * shared));
    this.before = bound;
    return Buffer.concat([varint(shared), varint(rest.length), rest]);
  }
}

function sharedBytes(one, two) {
  let at = 0;
  while (at < one.length && one.slice(at, at + 2) === two.slice(at, at + 2)) at += 2;
  return at / 2;
}

export function readContext(bytes) {
  const [dictionary, segments] = openEnvelope(bytes, 2);
  const [reader, bounds, context] = [new Reader(segments), new Bounds(), []];
  let vector = new Map();
  for (let left = reader.count(); left > 0; left--) {
    const start = context.length === 0 ? '' : bounds.read(reader);
    vector = readVector(reader, vector, dictionary);
    context.push({ start, vector });
  }
  reader.end();
  check(context.length > 0, 'a context without segments');
  return context;
}

export function contextBytes(context) {
  const dictionary = dictionaryOf(context.flatMap(({ vector }) => [...vector.keys()]));
  const [out, bounds] = [[varint(context.length)], new Bounds()];
  for (const [i, { start, vector }] of context.entries()) {
    if (i > 0) out.push(bounds.bytes(start));
    out.push(vectorBytes(vector, i > 0 ? context[i - 1].vector : new Map(), dictionary));
  }
  return envelope(dictionary, Buffer.concat(out));
}

// --------------------------------------------------------------------------------------- deltas

// A part is {start, end, base, upto, tombstones, cells}. A cell of a part is {key, kept, fresh}, two
// lists of dots {id, seq}, those of `fresh` with an entry whose fields depend on its kind.

export const [VALUE, TOMBSTONE, SLOT, RESET, ROW] = [0, 1, 2, 3, 4];
const COLUMNS = ['shared', 'suffix', 'further', 'kept', 'replica', 'seq', 'kind', 'ms', 'logical',
  'value', 'over', 'records', 'sent', 'named replica', 'named seq', 'epoch', 'inc', 'dec',
  'rights'];

/** Sequence numbers travel as differences from the expected one, each list with its own history. */
class Expected {
  constructor(base) {
    this.last = new Map(base);
  }

  read(id, by) {
    const seq = (this.last.get(id) ?? 0) + 1 + by;
    this.last.set(id, seq);
    return seq;
  }

  difference({ id, seq }) {
    const by = seq - (this.last.get(id) ?? 0) - 1;
    this.last.set(id, seq);
    return zigzag(by);
  }
}

function readColumn(reader, length) {
  const numbers = [];
  while (numbers.length < length) {
    const left = length - numbers.length;
    const head = left < 3 ? 2 * (left - 1) : reader.count();
    const isRun = head % 2 === 1;
    const count = isRun ? (head - 1) / 2 + 3 : head / 2 + 1;
    check(count <= left, 'a group that is too long');
    const first = reader.varint();
    for (let i = 0; i < count; i++) numbers.push(i === 0 || isRun ? first : reader.varint());
  }
  return numbers;
}

function columnBytes(numbers) {
  const out = [];
  const runAt = (at) => {
    let end = at;
    while (end < numbers.length && BigInt(numbers[end]) === BigInt(numbers[at])) end++;
    return end - at;
  };
  for (let at = 0; at < numbers.length;) {
    if (numbers.length - at < 3) return Buffer.concat([...out, ...numbers.slice(at).map(varint)]);
    const run = runAt(at);
    let end = at;
    while (end < numbers.length && runAt(end) < 3) end++;
    if (run >= 3) out.push(varint(2 * (run - 3) + 1), varint(numbers[at]));
    else out.push(varint(2 * (end - at - 1)), ...numbers.slice(at, end).map(varint));
    at = run >= 3 ? at + run : end;
  }
  return Buffer.concat(out);
}

export function readDelta(bytes) {
  const [dictionary, horizonBytes, fingerprint, partsBytes] = openEnvelope(bytes, 4);
  let horizon = new Map();
  if (horizonBytes !== null) horizon = readVector(new Reader(horizonBytes), horizon, dictionary);
  const [bounds, parts] = [new Bounds(), []];
  for (const part of partsBytes) {
    parts.push(readPart(new Reader(part), parts.at(-1)?.base ?? horizon, dictionary, bounds));
  }
  return { fingerprint, parts };
}

function readPart(reader, reference, dictionary, bounds) {
  const flags = reader.count();
  const replica = (position) => {
    check(position < dictionary.length, 'a replica that is not in the dictionary');
    return dictionary[exact(position)];
  };
  const range = (which) =>
    ({ start: which & 1 ? bounds.read(reader) : '', end: which & 2 ? bounds.read(reader) : null });
  const base = readVector(reader, reference, dictionary);
  const upto = readVector(reader, base, dictionary);
  const part = { base, upto, ...range(flags), tombstones: [], cells: [] };
  const expected = new Expected(base);
  let seen = base;
  for (let left = flags & 4 ? reader.count() : 0; left > 0; left--) {
    const id = replica(reader.varint());
    const tombstone = { id, seq: expected.read(id, reader.difference()), ...range(reader.count()) };
    seen = readVector(reader, seen, dictionary);
    part.tombstones.push({ ...tombstone, seen });
  }
  readCells(reader, flags, part, replica);
  reader.end();
  return part;
}

function readCells(reader, flags, part, replica) {
  const cells = reader.count();
  check(cells <= reader.left, 'more cells than bytes');
  // All columns first: how long one is follows from those before it.
  const columns = {};
  const column = (name, length) => {
    const isPresent = Math.floor(flags / 2 ** (3 + COLUMNS.indexOf(name))) % 2 === 1;
    const numbers = isPresent ? readColumn(reader, length) : Array(length).fill(0n);
    columns[name] = numbers[Symbol.iterator]();
    return numbers.reduce((total, n) => total + exact(n), 0);
  };
  column('shared', cells - Math.ceil(cells / 16));
  column('suffix', cells);
  const entries = cells + column('further', cells);
  const kept = column('kept', cells);
  column('replica', entries);
  column('seq', entries);
  column('kind', entries);
  const kinds = [...columns.kind];
  columns.kind = kinds[Symbol.iterator]();
  const number = (kind) => kinds.filter((other) => Number(other) === kind).length;
  const [values, removals, slots, resets, rows] = [VALUE, TOMBSTONE, SLOT, RESET, ROW].map(number);
  column('ms', values + removals);
  column('logical', values + removals);
  column('value', values);
  const over = column('over', removals);
  const records = column('records', resets);
  const sent = column('sent', rows);
  column('named replica', kept + over + records + sent);
  column('named seq', kept + over + records);
  column('epoch', slots);
  column('inc', slots + records + rows);
  column('dec', slots + records + rows);
  column('rights', sent);

  const next = (name) => columns[name].next().value;
  const count = (name) => exact(next(name));
  const times = (length, item) => Array.from({ length }, item);
  const [fresh, named] = [new Expected(part.base), new Expected(part.base)];
  let ms = 0;
  const stamp = () => (BigInt(ms += unzigzag(next('ms'))) << 16n) | next('logical');
  const name = () => {
    const id = replica(next('named replica'));
    return { id, seq: named.read(id, unzigzag(next('named seq'))) };
  };
  const totals = () => ({ inc: next('inc'), dec: next('dec') });
  const readers = [
    () => ({ kind: VALUE, stamp: stamp(), length: count('value') + 1 }),
    () => ({ kind: TOMBSTONE, stamp: stamp(), over: times(count('over'), name) }),
    (seq) => ({ kind: SLOT, epoch: seq - count('epoch'), ...totals() }),
    () => ({ kind: RESET, records: times(count('records'), () => ({ ...name(), ...totals() })) }),
    () => ({ kind: ROW, ...totals(), sent: times(count('sent'),
      () => ({ id: replica(next('named replica')), rights: next('rights') })) }),
  ];
  const dot = () => {
    const id = replica(next('replica'));
    const seq = fresh.read(id, unzigzag(next('seq')));
    return { id, seq, entry: readers[count('kind')](seq) };
  };
  let before = '';
  for (let i = 0; i < cells; i++) {
    const cell = { shared: i % 16 === 0 ? 0 : count('shared'), suffix: count('suffix') + 1 };
    const kept = times(count('kept'), name);
    part.cells.push({ ...cell, kept, fresh: times(count('further') + 1, dot) });
  }
  // Behind the columns: the bytes of the keys, then those of the values.
  for (const cell of part.cells) {
    cell.key = before.slice(0, 2 * cell.shared) + hex(reader.take(cell.suffix));
    check(cell.key > before && inside(part, cell.key), 'keys in order and in the range');
    before = cell.key;
  }
  for (const { entry } of part.cells.flatMap(({ fresh }) => fresh)) {
    if (entry.kind === VALUE) entry.value = Buffer.from(reader.take(entry.length));
  }
}

export function deltaBytes({ parts }) {
  const dictionary = dictionaryOf(parts.flatMap(idsIn));
  const bounds = new Bounds();
  const bytes = parts.map((part, i) =>
    partBytes(part, i > 0 ? parts[i - 1].base : new Map(), dictionary, bounds));
  return envelope(dictionary, null, null, bytes);
}

/** The ids of all replicas that a part names. */
function idsIn({ base, upto, tombstones, cells }) {
  const vectors = [base, upto, ...tombstones.map(({ seen }) => seen)];
  const fresh = cells.flatMap((cell) => cell.fresh);
  const named = fresh.flatMap(({ entry }) => entry.over ?? entry.records ?? entry.sent ?? []);
  const dots = [...tombstones, ...cells.flatMap(({ kept }) => kept), ...fresh, ...named];
  return [...vectors.flatMap((vector) => [...vector.keys()]), ...dots.map(({ id }) => id)];
}

function partBytes(part, reference, dictionary, bounds) {
  const { base, upto, cells, tombstones } = part;
  const position = ({ id }) => dictionary.indexOf(id);
  const rangeFlags = ({ start, end }) => (start === '' ? 0 : 1) + (end === null ? 0 : 2);
  const rangeBytes = ({ start, end }) =>
    [start, end].filter((bound) => bound).map((bound) => bounds.bytes(bound));
  const columns = columnsOf(part, position);
  const isPresent = columns.map((numbers) => numbers.some((n) => BigInt(n) !== 0n));
  let flags = rangeFlags(part) + (tombstones.length > 0 ? 4 : 0);
  for (const [i, is] of isPresent.entries()) flags += is ? 2 ** (3 + i) : 0;
  const out = [varint(flags), vectorBytes(base, reference, dictionary)];
  out.push(vectorBytes(upto, base, dictionary), ...rangeBytes(part));
  const expected = new Expected(base);
  if (tombstones.length > 0) out.push(varint(tombstones.length));
  for (const [i, tombstone] of tombstones.entries()) {
    out.push(varint(position(tombstone)), varint(expected.difference(tombstone)));
    out.push(varint(rangeFlags(tombstone)), ...rangeBytes(tombstone));
    out.push(vectorBytes(tombstone.seen, i > 0 ? tombstones[i - 1].seen : base, dictionary));
  }
  out.push(varint(cells.length), ...columns.filter((_, i) => isPresent[i]).map(columnBytes));
  out.push(...cells.map(({ key }, i) => unhex(key.slice(2 * sharedWithBefore(cells, i)))));
  out.push(...cells.flatMap(({ fresh }) => fresh.flatMap(({ entry }) => entry.value ?? [])));
  return Buffer.concat(out);
}

/** At every sixteenth cell the whole key is written. */
function sharedWithBefore(cells, i) {
  return i % 16 === 0 ? 0 : sharedBytes(cells[i - 1].key, cells[i].key);
}

function columnsOf({ base, cells }, position) {
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
  const [fresh, named] = [new Expected(base), new Expected(base)];
  const put = (numbers) => Object.entries(numbers).forEach(([name, n]) => columns[name].push(n));
  const name = (dot) => put({ 'named replica': position(dot), 'named seq': named.difference(dot) });
  let clock = 0;
  for (const [i, { key, kept, fresh: dots }] of cells.entries()) {
    const shared = sharedWithBefore(cells, i);
    if (i % 16 > 0) put({ shared });
    put({ suffix: key.length / 2 - shared - 1, further: dots.length - 1, kept: kept.length });
    kept.forEach(name);
    for (const dot of dots) {
      const { kind, stamp, value, over, epoch, inc, dec, records, sent } = dot.entry;
      put({ replica: position(dot), seq: fresh.difference(dot), kind });
      if (kind === VALUE || kind === TOMBSTONE) {
        const ms = Number(stamp >> 16n);
        put({ ms: zigzag(ms - clock), logical: stamp & 0xffffn });
        clock = ms;
      }
      if (kind === VALUE) put({ value: value.length - 1 });
      if (kind === TOMBSTONE) put({ over: over.length });
      if (kind === RESET) put({ records: records.length });
      if (kind === ROW) put({ sent: sent.length });
      if (kind === SLOT) put({ epoch: dot.seq - epoch });
      if (kind === SLOT || kind === ROW) put({ inc, dec });
      over?.forEach(name);
      records?.forEach((record) => {
        name(record);
        put({ inc: record.inc, dec: record.dec });
      });
      sent?.forEach(({ id, rights }) => put({ 'named replica': position({ id }), rights }));
    }
  }
  return COLUMNS.map((name) => columns[name]);
}
