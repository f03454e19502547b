// A second implementation of a Rejoin peer, for tests: one file, Node.js, no package. Frames, messages and
// the delta codec were written from `docs/protocol.md` and the pages that it names before the first
// implementation was looked at; what the pages did not say then, they say now. Where a test of it fails,
// the pages or one of the two implementations are wrong. It is documentation that runs, bottom up:
//
//   1. bytes: varints, MessagePack, BLAKE3        (wire-format.md, BLAKE3 paper section 2)
//   2. wire: vectors, contexts, deltas            (wire-format.md)
//   3. store: cells, join, reading, fingerprint   (state.md)
//   4. peer: frames, session, commands            (protocol.md)
//
//     node peer.mjs REPLICA_ID          (32 hexadecimal digits)
//
// Commands come on standard input, one JSON array per line; they are at the end of this file. Each
// is answered by its lines and then `ok`. Whatever goes wrong ends the process with a reason.

import net from 'node:net';
import readline from 'node:readline';

// ---- 1. Bytes --------------------------------------------------------------

// What the second implementation needs and Node.js does not have: numbers of variable length,
// MessagePack and BLAKE3. Nothing in here is particular to Rejoin.

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const unhex = (text) => Buffer.from(text, 'hex');

function check(holds, why) {
  if (!holds) throw new Error(why);
}

// ------------------------------------------------------------------------------------- numbers

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  take(length) {
    check(length <= this.left, 'cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  byte() {
    return this.take(1)[0];
  }

  /** Unsigned LEB128 of up to 64 bits in its shortest form, as a BigInt. */
  varint() {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        check(byte !== 0 || shift === 0n, 'a varint that could be shorter');
        check(value < 1n << 64n, 'a varint of more than 64 bits');
        return value;
      }
    }
    throw new Error('a varint of more than ten bytes');
  }

  /** A varint that is a length, a position or a sequence number. */
  count() {
    return exact(this.varint());
  }

  difference() {
    return unzigzag(this.varint());
  }

  end() {
    check(this.left === 0, 'bytes after the end');
  }
}

/** A BigInt as a number. Nothing that is counted in a test comes near the limit. */
function exact(value) {
  check(value <= Number.MAX_SAFE_INTEGER, 'a number beyond 2^53');
  return Number(value);
}

const unzigzag = (n) => Number(n & 1n ? -((n + 1n) >> 1n) : n >> 1n);
const zigzag = (n) => (n < 0 ? -2n * BigInt(n) - 1n : 2n * BigInt(n));

function varint(number) {
  const bytes = [];
  let rest = BigInt(number);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

// --------------------------------------------------------------------------------- MessagePack

/** Decodes one item. Integers become BigInts, so that floats can be told from them. */
function unpack(reader) {
  const first = reader.byte();
  const number = (bytes) => BigInt(`0x${hex(reader.take(bytes))}`);
  const length = (bytes) => Number(number(bytes));
  const list = (items) => Array.from({ length: items }, () => unpack(reader));
  const pairs = (items) => new Map(Array.from({ length: items }, () => list(2)));
  const text = (bytes) => new TextDecoder('utf-8', { fatal: true }).decode(reader.take(bytes));
  if (first < 0x80) return BigInt(first);
  if (first < 0x90) return pairs(first & 15);
  if (first < 0xa0) return list(first & 15);
  if (first < 0xc0) return text(first & 31);
  if (first >= 0xe0) return BigInt(first - 256);
  switch (first) {
    case 0xc0: return null;
    case 0xc2: return false;
    case 0xc3: return true;
    case 0xc4: case 0xc5: case 0xc6: return Buffer.from(reader.take(length(1 << (first - 0xc4))));
    case 0xcb: return reader.take(8).readDoubleBE();
    case 0xcc: case 0xcd: case 0xce: case 0xcf: return number(1 << (first - 0xcc));
    case 0xd0: case 0xd1: case 0xd2: case 0xd3: {
      const bytes = 1 << (first - 0xd0);
      return BigInt.asIntN(8 * bytes, number(bytes));
    }
    case 0xd9: case 0xda: case 0xdb: return text(length(1 << (first - 0xd9)));
    case 0xdc: case 0xdd: return list(length(2 << (first - 0xdc)));
    case 0xde: case 0xdf: return pairs(length(2 << (first - 0xde)));
    default: throw new Error(`MessagePack byte ${first}`);
  }
}

/** Encodes one item in its shortest form; maps are sorted by the encoded key. */
function pack(item) {
  if (item === null) return Buffer.from([0xc0]);
  if (typeof item === 'boolean') return Buffer.from([item ? 0xc3 : 0xc2]);
  if (typeof item === 'string') {
    const bytes = Buffer.from(item);
    return Buffer.concat([head(bytes.length, 32, 0xa0, [[0xd9, 1], [0xda, 2], [0xdb, 4]]), bytes]);
  }
  if (Buffer.isBuffer(item)) {
    return Buffer.concat([head(item.length, 0, 0, [[0xc4, 1], [0xc5, 2], [0xc6, 4]]), item]);
  }
  if (Array.isArray(item)) {
    return Buffer.concat([head(item.length, 16, 0x90, [[0xdc, 2], [0xdd, 4]]), ...item.map(pack)]);
  }
  if (typeof item === 'object') {
    const pairs = Object.entries(item).map(([key, value]) => [pack(key), pack(value)]);
    pairs.sort(([one], [two]) => Buffer.compare(one, two));
    return Buffer.concat([head(pairs.length, 16, 0x80, [[0xde, 2], [0xdf, 4]]), ...pairs.flat()]);
  }
  if (typeof item === 'number' && !Number.isInteger(item)) {
    const bytes = Buffer.from([0xcb, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeDoubleBE(item, 1);
    return bytes;
  }
  return packInteger(BigInt(item));
}

function head(length, few, fix, sizes) {
  if (length < few) return Buffer.from([fix | length]);
  const [code, size] = sizes.find(([, size]) => length < 2 ** (8 * size));
  const bytes = Buffer.alloc(1 + size, code);
  bytes.writeUIntBE(length, 1, size);
  return bytes;
}

function packInteger(n) {
  if (n >= -32n && n < 128n) return Buffer.from([Number(n) & 0xff]);
  const fits = (size) => (n < 0n ? BigInt.asIntN(8 * size, n) : BigInt.asUintN(8 * size, n)) === n;
  const size = [1, 2, 4, 8].find(fits);
  const digits = BigInt.asUintN(8 * size, n).toString(16).padStart(2 * size, '0');
  return Buffer.from([(n < 0n ? 0xd0 : 0xcc) + Math.log2(size), ...unhex(digits)]);
}

// -------------------------------------------------------------------------------------- BLAKE3

const IV = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];
const SHUFFLE = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const LANES = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15],
  [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]];
const [START, END, PARENT, ROOT, KEYED] = [1, 2, 4, 8, 16];

function compress(chaining, block, counter, length, flags) {
  const v = Uint32Array.from([...chaining, ...IV.slice(0, 4), counter, 0, length, flags]);
  const turn = (x, by) => (x >>> by) | (x << (32 - by));
  let words = block;
  for (let round = 0; round < 7; round++) {
    for (const [i, [a, b, c, d]] of LANES.entries()) {
      for (const [word, first, second] of [[words[2 * i], 16, 12], [words[2 * i + 1], 8, 7]]) {
        v[a] = v[a] + v[b] + word;
        v[d] = turn(v[d] ^ v[a], first);
        v[c] = v[c] + v[d];
        v[b] = turn(v[b] ^ v[c], second);
      }
    }
    words = SHUFFLE.map((from) => words[from]);
  }
  return Array.from({ length: 8 }, (_, i) => (v[i] ^ v[i + 8]) >>> 0);
}

const wordsOf = (bytes) =>
  Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readUInt32LE(4 * i));

/** The last step of the hash of a subtree, as a function of further flags (ROOT or none). */
function subtree(bytes, counter, key, mode) {
  if (bytes.length > 1024) {
    const left = 1024 * 2 ** Math.floor(Math.log2((bytes.length - 1) / 1024));
    const halves = [subtree(bytes.subarray(0, left), counter, key, mode)(0),
      subtree(bytes.subarray(left), counter + left / 1024, key, mode)(0)];
    return (flags) => compress(key, halves.flat(), 0, 64, PARENT | mode | flags);
  }
  let chaining = key;
  for (let at = 0; ; at += 64) {
    const block = Buffer.alloc(64);
    const length = bytes.copy(block, 0, at, Math.min(at + 64, bytes.length));
    const begin = mode | (at === 0 ? START : 0);
    const before = chaining;
    if (at + 64 >= bytes.length) {
      return (flags) => compress(before, wordsOf(block), counter, length, begin | END | flags);
    }
    chaining = compress(before, wordsOf(block), counter, length, begin);
  }
}

/** The first `length` bytes (32 at the most) of the hash, keyed if there is a key of 32 bytes. */
function blake3(bytes, length, key = null) {
  const words = key === null ? IV : wordsOf(key);
  const out = Buffer.alloc(32);
  const last = subtree(Buffer.from(bytes), 0, words, key === null ? 0 : KEYED);
  last(ROOT).forEach((word, i) => out.writeUInt32LE(word, 4 * i));
  return out.subarray(0, length);
}

// ---- 2. Wire ---------------------------------------------------------------

// Contexts and deltas and their bytes: `docs/wire-format.md`.
//
// Keys and replica ids are strings of hexadecimal digits in here: these have the order of the bytes
// and can be keys of a Map. Sequence numbers are numbers, totals of counters BigInts.


// --------------------------------------------------------------------------- what has been seen

// A version vector is a Map from replica id to sequence number. A context is a list of segments
// {start, vector} in key order; the first one starts at '', which is before every key.

const has = (vector, { id, seq }) => (vector.get(id) ?? 0) >= seq;
const covers = (mine, theirs) => [...theirs].every(([id, seq]) => has(mine, { id, seq }));
const same = (one, two) => covers(one, two) && covers(two, one);
const vectorOf = (entries) => new Map([...entries].filter(([, seq]) => seq > 0));

/** The smaller number of each component. */
function meet(one, two) {
  return vectorOf([...one].map(([id, seq]) => [id, Math.min(seq, two.get(id) ?? 0)]));
}

function joined(one, two) {
  const result = new Map(one);
  for (const [id, seq] of two) result.set(id, Math.max(seq, result.get(id) ?? 0));
  return result;
}

const NOTHING = [{ start: '', vector: new Map() }];
const vectorAt = (context, key) => context.findLast(({ start }) => start <= key).vector;

/** The ranges on which both contexts are uniform, with both vectors; `end` is null for no end. */
function pieces(one, two) {
  const starts = [...new Set([...one, ...two].map(({ start }) => start))].sort();
  return starts.map((start, i) => {
    const range = { start, end: starts[i + 1] ?? null };
    return { ...range, one: vectorAt(one, start), two: vectorAt(two, start) };
  });
}

function contextCovers(mine, theirs) {
  return pieces(mine, theirs).every(({ one, two }) => covers(one, two));
}

const inside = ({ start, end }, key) => start <= key && (end === null || key < end);

function contextJoined(mine, theirs) {
  const both = ({ start, one, two }) => ({ start, vector: joined(one, two) });
  const all = pieces(mine, theirs).map(both);
  return all.filter(({ vector }, i) => i === 0 || !same(vector, all[i - 1].vector));
}

/** A context that is `vector` on a range and nothing elsewhere. */
function contextOf({ start, end }, vector) {
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

function envelope(dictionary, ...elements) {
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

function readContext(bytes) {
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

function contextBytes(context) {
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

const [VALUE, TOMBSTONE, SLOT, RESET, ROW] = [0, 1, 2, 3, 4];
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
    const head = left < 8 ? 2 * (left - 1) : reader.count();
    const isRun = head % 2 === 1;
    const count = isRun ? (head - 1) / 2 + 8 : head / 2 + 1;
    check(count <= left, 'a group that is too long');
    if (isRun) {
      const number = reader.varint();
      for (let i = 0; i < count; i++) numbers.push(number);
    } else {
      for (let i = 0; i < count; i += 128) readBlock(reader, Math.min(128, count - i), numbers);
    }
  }
  return numbers;
}

function readBlock(reader, count, numbers) {
  const width = count < 8 ? 0 : reader.byte();
  if (width === 0) {
    for (let i = 0; i < count; i++) numbers.push(reader.varint());
    return;
  }
  check(width <= 64, 'a number of too many bits');
  const bytes = reader.take(Math.ceil((count * width) / 8));
  let bits = BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
  for (let i = 0; i < count; i++) {
    numbers.push(BigInt.asUintN(width, bits));
    bits >>= BigInt(width);
  }
}

function columnBytes(numbers) {
  const out = [];
  const runAt = (at) => {
    let end = at;
    while (end < numbers.length && BigInt(numbers[end]) === BigInt(numbers[at])) end++;
    return end - at;
  };
  for (let at = 0; at < numbers.length;) {
    if (numbers.length - at < 8) return Buffer.concat([...out, ...numbers.slice(at).map(varint)]);
    const run = runAt(at);
    let end = at;
    while (end < numbers.length && runAt(end) < 8) end++;
    if (run >= 8) out.push(varint(2 * (run - 8) + 1), varint(numbers[at]));
    else out.push(varint(2 * (end - at - 1)));
    for (let i = at; run < 8 && i < end; i += 128) {
      out.push(blockBytes(numbers.slice(i, Math.min(i + 128, end))));
    }
    at = run >= 8 ? at + run : end;
  }
  return Buffer.concat(out);
}

function blockBytes(numbers) {
  const varints = Buffer.concat(numbers.map(varint));
  if (numbers.length < 8) return varints;
  const width = Math.max(...numbers.map((number) => BigInt(number).toString(2).length));
  const length = Math.ceil((numbers.length * width) / 8);
  if (length >= varints.length) return Buffer.concat([Buffer.from([0]), varints]);
  const bits = numbers.reduceRight((all, number) => (all << BigInt(width)) | BigInt(number), 0n);
  const packed = Buffer.from(bits.toString(16).padStart(2 * length, '0'), 'hex').reverse();
  return Buffer.concat([Buffer.from([width]), packed]);
}

function readDelta(bytes) {
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
  column('shared', cells);
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
  const name = () => {
    const id = replica(next('named replica'));
    return { id, seq: named.read(id, unzigzag(next('named seq'))) };
  };
  const totals = () => ({ inc: next('inc'), dec: next('dec') });
  const readers = [
    () => ({ kind: VALUE, length: count('value') + 1 }),
    () => ({ kind: TOMBSTONE, over: times(count('over'), name) }),
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
    const cell = { shared: count('shared'), suffix: count('suffix') + 1 };
    const kept = times(count('kept'), name);
    part.cells.push({ ...cell, kept, fresh: times(count('further') + 1, dot) });
  }
  let ms = 0;
  for (const { entry } of stamped(part.cells)) {
    entry.stamp = (BigInt(ms += unzigzag(next('ms'))) << 16n) | next('logical');
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

function deltaBytes({ parts }) {
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

function sharedWithBefore(cells, i) {
  return i === 0 ? 0 : sharedBytes(cells[i - 1].key, cells[i].key);
}

const inOrder = (dots) => dots.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.seq - b.seq));

/** The dots whose entries have a stamp, in the order in which the stamps are written. */
function stamped(cells) {
  const has = ({ entry: { kind } }) => kind === VALUE || kind === TOMBSTONE;
  return inOrder(cells.flatMap(({ fresh }) => fresh.filter(has)));
}

function columnsOf({ base, cells }, position) {
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
  const [fresh, named] = [new Expected(base), new Expected(base)];
  const put = (numbers) => Object.entries(numbers).forEach(([name, n]) => columns[name].push(n));
  const name = (dot) => put({ 'named replica': position(dot), 'named seq': named.difference(dot) });
  for (const [i, { key, kept, fresh: dots }] of cells.entries()) {
    const shared = sharedWithBefore(cells, i);
    put({ shared, suffix: key.length / 2 - shared - 1 });
    put({ further: dots.length - 1, kept: kept.length });
    kept.forEach(name);
    for (const dot of dots) {
      const { kind, value, over, epoch, inc, dec, records, sent } = dot.entry;
      put({ replica: position(dot), seq: fresh.difference(dot), kind });
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
  let clock = 0;
  for (const { entry: { stamp } } of stamped(cells)) {
    const ms = Number(stamp >> 16n);
    put({ ms: zigzag(ms - clock), logical: stamp & 0xffffn });
    clock = ms;
  }
  return COLUMNS.map((name) => columns[name]);
}

// ---- 3. Store --------------------------------------------------------------

// What a replica keeps, how a delta is joined, and what a reader finds: `docs/state.md`.


// ---------------------------------------------------------------------------------- the store

const isSlotOrRow = ({ kind }) => kind === SLOT || kind === ROW;
const names = (dots, { id, seq }) => dots.some((dot) => dot.id === id && dot.seq === seq);

class Store {
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

const [REGISTER, COUNTER, BOUNDED_COUNTER, SET] = ['01', '08', '09', '0b'];
const valuesOf = (dots) => dots.filter(({ entry }) => entry.kind === VALUE);
const totalOf = (list) => list.reduce((total, { inc, dec }) => total + inc - dec, 0n);

/** The key of a path, and of an element of the set at the path. */
function keyOf(components, tag, element) {
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
function read(key, dots) {
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
function json(value) {
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return `[${value.map(json).join()}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const pairs = value instanceof Map ? [...value] : Object.entries(value);
  return `{${pairs.map(([key, item]) => `${JSON.stringify(String(key))}:${json(item)}`).join()}}`;
}

const HASH_KEY = Buffer.from('rejoin: cell fingerprint, form 1');

/** The ends of the keys in which no removal wins over what is beside it. */
const WRITE_WINS = ['01', '03', '04', '05', '06', '08', '09', '0a', '0b'];

/** Equal contexts must have equal fingerprints. */
function fingerprintOf(store) {
  let [cells, sum] = [0n, 0n];
  for (const [key, dots] of store.cells) {
    const reset = resetOf(dots);
    if (dots.every(({ entry }) => entry.kind === TOMBSTONE || entry.kind === RESET)) continue;
    const removalWins = !WRITE_WINS.includes(key.slice(-2));
    const parts = dots.flatMap(({ id, seq, entry }) => {
      const dot = [unhex(id), seq];
      const { kind, stamp, value, inc, dec, epoch, sent } = entry;
      if (kind === VALUE) return [[0, dot, stamp, value]];
      if (kind === TOMBSTONE && removalWins) return [[3, dot]];
      const rights = sent?.map((receiver) => [unhex(receiver.id), receiver.rights]);
      if (kind === ROW) return [[2, dot, [inc, dec, rights]]];
      if (kind !== SLOT) return [];
      const seen = reset.get(id)?.seq >= epoch ? reset.get(id) : { inc: 0n, dec: 0n };
      return [[1, dot, epoch, [inc - seen.inc, dec - seen.dec]]];
    });
    const hash = blake3(Buffer.concat([unhex(key), ...parts].map(pack)), 32, HASH_KEY);
    cells += 1n;
    sum = BigInt.asUintN(256, sum + BigInt(`0x${hex(hash.reverse())}`));
  }
  const littleEndian = (n, bytes) => unhex(n.toString(16).padStart(2 * bytes, '0')).reverse();
  return blake3(Buffer.concat([littleEndian(cells, 8), littleEndian(sum, 32)]), 16, HASH_KEY);
}

// ---- 4. Peer ---------------------------------------------------------------

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
