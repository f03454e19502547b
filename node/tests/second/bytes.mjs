// What the second implementation needs and Node.js does not have: numbers of variable length,
// MessagePack and BLAKE3. Nothing in here is particular to Rejoin.

export const hex = (bytes) => Buffer.from(bytes).toString('hex');
export const unhex = (text) => Buffer.from(text, 'hex');

export function check(holds, why) {
  if (!holds) throw new Error(why);
}

// ------------------------------------------------------------------------------------- numbers

export class Reader {
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
export function exact(value) {
  check(value <= Number.MAX_SAFE_INTEGER, 'a number beyond 2^53');
  return Number(value);
}

export const unzigzag = (n) => Number(n & 1n ? -((n + 1n) >> 1n) : n >> 1n);
export const zigzag = (n) => (n < 0 ? -2n * BigInt(n) - 1n : 2n * BigInt(n));

export function varint(number) {
  const bytes = [];
  let rest = BigInt(number);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

// --------------------------------------------------------------------------------- MessagePack

/** Decodes one item. Integers become BigInts, so that floats can be told from them. */
export function unpack(reader) {
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
export function pack(item) {
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
export function blake3(bytes, length, key = null) {
  const words = key === null ? IV : wordsOf(key);
  const out = Buffer.alloc(32);
  const last = subtree(Buffer.from(bytes), 0, words, key === null ? 0 : KEYED);
  last(ROOT).forEach((word, i) => out.writeUInt32LE(word, 4 * i));
  return out.subarray(0, length);
}
